"""Guarantees of series and their steps: each once, in its time, with a reason, to nobody who is kept out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from app.follow_ups.states import IN_ITS_OWN_WORDS, Arm, EnrollmentState
from app.worklist.models import WorkState
from tests.checks.tables import Tables, doubled

# A local day on which clocks are put back.
A_LONG_DAY = timedelta(hours=26)
# What is decided on firing, so never before the step is due.
DECIDED_WHEN_DUE = {
    *("due", "late", "too_late", "new_purchase", "kept_earlier", "nobody_to_ask", "off_duty", "condition"),
    *(
        "after_pause",
        "gave_way",
        "same_day",
        "member_cap",
        "quiet_hours",
        "paused",
        "no_channel",
        "quota_full",
        "plan_hold_out",
        "global_hold_out",
    ),
}
HELD_OUT = {"plan_hold_out", "global_hold_out"}


def series(tables: Tables) -> Iterator[str]:
    """At most one record per step, exactly one of each once a series ended; one live series per member and day."""
    recorded = defaultdict(list)
    for record in tables.records:
        recorded[record.enrollment_id].append(record.step_no)
    for row in tables.enrollments:
        steps = tables.steps[row.plan_version_id]
        passed = row.next_step_no - 1 if row.next_step_no else steps
        if row.state == EnrollmentState.QUARANTINED:  # wherever it stopped
            passed = min(len(recorded[row.id]), steps - 1)
        if sorted(recorded.pop(row.id, [])) != list(range(1, passed + 1)):
            yield f"enrollment {row.id} ({row.state}): records of its first {passed} steps expected"
        waits = [value is not None for value in (row.next_step_no, row.next_lane, row.next_due_at)]
        if waits != [row.state == EnrollmentState.ACTIVE] * 3:
            yield f"enrollment {row.id} is {row.state} and waits for {row.next_step_no}"
        if row.waiting_for and row.state != EnrollmentState.ACTIVE:
            yield f"enrollment {row.id} is {row.state} and yet waiting for {row.waiting_for}"
    yield from (f"records of no enrollment: {enrollment_id}" for enrollment_id in recorded)
    live = [
        (row.plan_id, row.member_id, row.anchor_on)
        for row in tables.enrollments
        if row.state != EnrollmentState.CANCELLED and row.anchor_event.startswith("purchase:")
    ]
    yield from doubled("live series of (plan, member, day of purchases)", live)


def records(tables: Tables) -> Iterator[str]:
    """Each with a reason, none before it was due; opened ones with a task of their own, merged ones with another's."""
    served = {task.id: (task.enrollment_id, task.step_no) for task in tables.tasks}
    fixed = {task.id for task in tables.tasks if task.channel in IN_ITS_OWN_WORDS}
    whose = {row.id: row.member_id for row in tables.enrollments}
    moved = {item.id for item in tables.items if (item.asked_at or item.postponed_until) is not None}
    put_off = {task.id for task in tables.tasks if task.work_item_id in moved}
    opened = {(record.enrollment_id, record.step_no): record for record in tables.records if record.task_id}
    for record in tables.records:
        its = (record.enrollment_id, record.step_no)
        if not record.reason:
            yield f"record {its} has no reason"
        if record.reason in DECIDED_WHEN_DUE and record.recorded_at < record.due_at:
            yield f"record {its} was decided before it was due"
        is_shared = (record.outcome, record.reason) == ("merged", "same_day")
        if (record.outcome == "opened" or is_shared) != (record.task_id is not None):
            yield f"record {its} is {record.outcome} with task {record.task_id}"
        if record.outcome == "opened" and served.get(record.task_id) != its:
            yield f"record {its} names a task that is not its own"
        if is_shared:
            server = served.get(record.task_id, (0, 0))
            if server == its or whose.get(server[0]) != whose.get(record.enrollment_id):
                yield f"record {its} is served by a task of somebody else"
            # What was put off, or went to somebody else, is of another day than it was opened on; which is not kept.
            elif (
                record.task_id not in put_off
                and not timedelta(0) <= record.recorded_at - opened[server].recorded_at < A_LONG_DAY
            ):
                yield f"record {its} is served by a task of another day"
            if record.task_id in fixed:
                yield f"record {its} is served by what says only its own words"
    named = {record.task_id for record in tables.records}
    yield from (f"task {task.id} is in no record" for task in tables.tasks if task.id not in named)
    yield from doubled("tasks of (enrollment, step)", served.values())


def held_out(tables: Tables) -> Iterator[str]:
    """Guarantee A.18: who is held out is given no task, and only who is held out has steps withheld."""
    arms = {row.id: row.arm for row in tables.enrollments}
    for record in tables.records:
        is_withheld = record.outcome == "withheld"
        if is_withheld != (record.reason in HELD_OUT) or (
            is_withheld and record.reason != arms.get(record.enrollment_id)
        ):
            yield f"record {record.enrollment_id}/{record.step_no}: {record.outcome} {record.reason}"
        if record.task_id is not None and arms.get(record.enrollment_id, Arm.TREATED) != Arm.TREATED:
            yield f"record {record.enrollment_id}/{record.step_no} of a held-out member has a task"


def refunded(tables: Tables) -> Iterator[str]:
    """Of a day of which nothing bought is left, nothing is asked any more."""
    kept = {
        (order.member_id, order.purchased_on)
        for order in tables.orders
        if order.goods_fen > 0 and order.enrolls and not order.wholly_refunded
    }
    gone = {
        row.id
        for row in tables.enrollments
        if row.anchor_event.startswith("purchase:") and (row.member_id, row.anchor_on) not in kept
    }
    for row in tables.enrollments:
        if row.id in gone and row.state == EnrollmentState.ACTIVE:
            yield f"enrollment {row.id} goes on though everything was returned"
    open_items = {item.id for item in tables.items if item.state == WorkState.OPEN}
    for task in tables.tasks:
        if task.enrollment_id in gone and task.work_item_id in open_items:
            yield f"task {task.id} is open though everything was returned"
