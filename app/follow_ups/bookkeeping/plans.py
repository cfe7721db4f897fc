"""The plans that are counted from are the plans that were followed."""

from __future__ import annotations

from sqlalchemy import exists, func, or_, select

from app.follow_ups.bookkeeping.checks import Check, Faults, Within
from app.follow_ups.models import Enrollment, PlanVersion, StepRecord

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
