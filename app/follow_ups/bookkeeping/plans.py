"""The plans that are counted from are the plans that were followed."""

from __future__ import annotations

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from app.follow_ups.bookkeeping.checks import Check, Faults, Finding, Within
from app.follow_ups.models import Enrollment, PlanSweep, PlanVersion, StepRecord
from app.follow_ups.plans.documents import CALENDAR
from app.follow_ups.plans.versions import open_plans

# Once in every step of a document: inside of texts JSON escapes the quotes.
MARK = '"after":'


def _unplanned(within: Within) -> Faults:
    """In a document every step, and nothing else in it, says after which time it is due (`"after":`)."""
    steps = (
        func.length(PlanVersion.document) - func.length(func.replace(PlanVersion.document, MARK, ""))
    ) / len(MARK)
    return (
        select(StepRecord.enrollment_id.label("enrollment"), StepRecord.step_no.label("step"))
        .join(Enrollment, Enrollment.id == StepRecord.enrollment_id)
        .join(PlanVersion, PlanVersion.id == Enrollment.plan_version_id)
        .where(within(StepRecord.enrollment_id), or_(StepRecord.step_no < 1, StepRecord.step_no > steps))
    )


def _of_no_version(within: Within) -> Faults:
    its = exists().where(
        PlanVersion.id == Enrollment.plan_version_id, PlanVersion.plan_id == Enrollment.plan_id
    )
    query = select(Enrollment.id.label("enrollment"), Enrollment.plan_version_id.label("version"))
    return query.where(within(Enrollment.id), ~its)


def _of_no_enrollment(within: Within) -> Faults:
    its = exists().where(Enrollment.id == StepRecord.enrollment_id)
    query = select(StepRecord.enrollment_id.label("enrollment"), StepRecord.step_no.label("step"))
    return query.where(within(StepRecord.enrollment_id), ~its)


CHECKS = (
    Check("records of steps no plan has", StepRecord.enrollment_id, _unplanned),
    Check("records of enrollments there are not", StepRecord.enrollment_id, _of_no_enrollment),
    Check("enrollments in plans there are not", Enrollment.id, _of_no_version),
)


def look_for_nobody(session: Session) -> dict[int, list[int]]:
    """Plans of the calendar that are in force and have no day to look for members on, with their versions in force."""
    waiting = set(session.scalars(select(PlanSweep.plan_id).where(PlanSweep.next_due_at.is_not(None))))
    return {
        plan.plan_id: sorted({one.id for one in (plan.everywhere, *plan.in_stores.values()) if one})
        for plan in open_plans(session, CALENDAR)
        if plan.plan_id not in waiting
    }


def find_idle_calendars(session: Session, most: int) -> Finding:
    """Where a plan of the calendar has no day to look on, nobody enters it any more."""
    finding = Finding("plans of the calendar that look for nobody any more")
    for plan_id in look_for_nobody(session):
        finding.add({"plan": plan_id}, most)
    return finding
