"""What the pages of plans show: which version is in force where, what differs, and what a dry run came to."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.console.plans_product import OF_PRODUCT, product_text
from app.errors import Invalid, NotFound
from app.follow_ups.forecasting.counting import Counts, Side, Span
from app.follow_ups.forecasting.models import PlanDryRun
from app.follow_ups.forecasting.staging import Cast
from app.follow_ups.forecasting.summary import Load, Summary
from app.follow_ups.models import FollowUpPlan, PlanDraft, PlanVersion
from app.follow_ups.plans.documents import Document
from app.follow_ups.plans.drafts import (
    Checked,
    check_text,
    codes_of_drafts,
    find_draft,
    plan_of_code,
    text_of_version,
)
from app.follow_ups.plans.reading import read_document
from app.follow_ups.plans.releases import Released, history
from app.follow_ups.plans.versions import Version, get_version
from app.follow_ups.plans.writing import as_toml
from app.members.models import Member
from app.stores.queries import StoreFacts, stores_by_code, stores_by_id
from app.worklist.attention import read_budget

# More stores than this are counted, not named.
NAMED = 5
EXAMPLES = 20
MORE_THAN = {7: 2, 30: 4}
DRAFT = 0


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan in the list; `document` is what is in force, or the newest version, or the draft where it can be read."""

    id: int | None
    code: str
    name: str
    document: Document | None
    everywhere: int | None
    canaries: int
    draft_edited_at: datetime | None


def plan_rows(session: Session) -> list[PlanRow]:
    """Every plan there is, then drafts of plans that were never published."""
    drafts, rows = codes_of_drafts(session), []
    for plan in session.scalars(select(FollowUpPlan).order_by(FollowUpPlan.id)):
        decides = [one for one in history(session, plan.id) if one.is_in_force]
        general = next((one for one in decides if one.store_ids is None), None)
        everywhere = get_version(session, general.version_id) if general and general.version_id else None
        canaries = [one for one in decides if one.store_ids is not None and one.version_id is not None]
        shown = everywhere or newest_version(session, plan.id)
        rows.append(
            PlanRow(
                plan.id,
                plan.code,
                plan.name,
                shown.document if shown else None,
                everywhere.number if everywhere else None,
                len({store_id for one in canaries for store_id in one.store_ids or ()}),
                drafts.get(plan.code),
            )
        )
    known = {row.code for row in rows}
    return rows + [_unpublished(session, code, at) for code, at in drafts.items() if code not in known]


def _unpublished(session: Session, code: str, edited_at: datetime) -> PlanRow:
    draft = find_draft(session, code)
    document = check_text(session, draft.document).document if draft else None
    return PlanRow(None, code, document.name if document else code, document, None, 0, edited_at)


def get_plan(session: Session, plan_id: int) -> FollowUpPlan:
    """Raises `NotFound`."""
    plan = session.get(FollowUpPlan, plan_id)
    if plan is None:
        raise NotFound("unknown_id", place="plan")
    return plan


def numbers_of(session: Session, plan_id: int) -> list[int]:
    """The numbers of its versions, newest first."""
    query = select(PlanVersion.number).where(PlanVersion.plan_id == plan_id)
    return list(session.scalars(query.order_by(PlanVersion.number.desc())))


def newest_version(session: Session, plan_id: int) -> Version | None:
    """None for a plan without one."""
    numbers = numbers_of(session, plan_id)
    return version_of(session, plan_id, numbers[0]) if numbers else None


def version_of(session: Session, plan_id: int, number: int) -> Version:
    """Raises `NotFound`."""
    query = select(PlanVersion.id).where(PlanVersion.plan_id == plan_id, PlanVersion.number == number)
    version_id = session.scalar(query)
    if version_id is None:
        raise NotFound("unknown_id", place=str(number))
    return get_version(session, version_id)


def shown_version(session: Session, plan_id: int, asked: int | None) -> Version:
    """The version asked for; without one what is in force everywhere, or the newest."""
    if asked is not None:
        return version_of(session, plan_id, asked)
    general = next((one for one in history(session, plan_id) if one.store_ids is None), None)
    if general is not None and general.version_id is not None:
        return get_version(session, general.version_id)
    newest = newest_version(session, plan_id)
    if newest is None:
        raise NotFound("unknown_id", place="plan")
    return newest


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A release as the history shows it; `number` None: withdrawn, `stores` None: everywhere."""

    number: int | None
    stores: list[str] | None
    more: int
    at: datetime
    by: str
    note: str
    is_in_force: bool


def release_rows(session: Session, plan_id: int) -> list[ReleaseRow]:
    """What was in force where since when, by whom; newest first."""
    stores, found = stores_by_id(session), history(session, plan_id)
    names = names_of_people(session, (one.by for one in found))
    return [_release_row(session, one, stores, names) for one in found]


def _release_row(
    session: Session, one: Released, stores: dict[int, StoreFacts], names: dict[int, str]
) -> ReleaseRow:
    its = None if one.store_ids is None else [stores[store_id].name for store_id in one.store_ids]
    return ReleaseRow(
        get_version(session, one.version_id).number if one.version_id else None,
        its[:NAMED] if its is not None else None,
        max(0, len(its or ()) - NAMED),
        one.at,
        names.get(one.by or 0, ""),
        one.note,
        one.is_in_force,
    )


def names_of_people(session: Session, ids: Iterable[int | None]) -> dict[int, str]:
    """Associates by id."""
    wanted = sorted({one for one in ids if one is not None})
    return dict(session.execute(select(Associate.id, Associate.name).where(Associate.id.in_(wanted))).all())


def store_ids_of(session: Session, said: str) -> list[int] | None:
    """The stores that somebody typed by code or by name, None for none.

    Raises `Invalid` naming the first that there is not, or whose name is not one store's alone.
    """
    typed = sorted(set(said.replace(",", " ").replace("\uff0c", " ").replace("\u3001", " ").split()))
    if not typed:
        return None
    known = stores_by_code(session)
    named: dict[str, list[int]] = {code: [store.id] for code, store in known.items()}
    for store in known.values():
        if store.name not in known:
            named.setdefault(store.name, []).append(store.id)
    for text in typed:
        if len(named.get(text, ())) != 1:
            raise Invalid("unknown_store", place=text)
    return sorted({named[text][0] for text in typed})


def stores_to_name(session: Session) -> list[StoreFacts]:
    """The stores that may be typed, by code."""
    return [store for _, store in sorted(stores_by_code(session).items())]


def side_of(session: Session, plan: FollowUpPlan, number: int) -> Document:
    """A version, or for `DRAFT` the draft. Raises `NotFound`, also where the draft cannot be read."""
    if number != DRAFT:
        return version_of(session, plan.id, number).document
    draft = find_draft(session, plan.code)
    document = check_text(session, draft.document).document if draft else None
    if document is None:
        raise NotFound("unknown_id", place="draft")
    return document


def may_compare(session: Session, draft: PlanDraft | None) -> bool:
    """Whether there is a draft that can be one side: a text that cannot be read says nothing to compare."""
    return draft is not None and check_text(session, draft.document).document is not None


def first_text(session: Session, code: str, number: int | None, like: str, folder: Path) -> str:
    """What a new draft begins with: a version of its plan, another plan's text, or little more than its code; before
    all, where that is asked for (`OF_PRODUCT`), what came with the product. Raises `NotFound` for what did not.
    """
    if like.startswith(OF_PRODUCT):
        return _product_text(folder, like.removeprefix(OF_PRODUCT), code)
    plan = plan_of_code(session, code)
    if plan is not None:
        return text_of_version(session, plan.id, number or numbers_of(session, plan.id)[0])
    another = plan_of_code(session, like) if like else None
    if another is None:
        return f'code = "{code}"\n'
    newest = text_of_version(session, another.id, numbers_of(session, another.id)[0])
    return as_toml(tomllib.loads(newest) | {"code": code})


def _product_text(folder: Path, like: str, code: str) -> str:
    text = product_text(folder, like)
    if text is None:
        raise NotFound("unknown_id", place="like")
    return text if like == code else as_toml(tomllib.loads(text) | {"code": code})


def changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    """Lines that differ between two texts: `-` or `+` and the line."""
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [(line[0], line[1:]) for line in list(found)[2:] if line[0] in "+-"]


@dataclass(frozen=True, slots=True)
class Tried:
    """A dry run that came to its end, with what its lists name."""

    run: PlanDryRun
    cast: Cast
    summary: Summary
    document: Document
    capacity: int
    stores: dict[int, StoreFacts]
    people: dict[int, str]
    members: dict[int, str]

    def load(self, side: Side, span: Span) -> Load:
        """What people would have on a day."""
        return self.summary.load(side, span, self.capacity)

    def examples(self, span: Span, step_no: int) -> Sequence[dict[str, object]]:
        """Some who would be asked about, soonest first."""
        its = [one for one in self.summary.examples if (one["span"], one["step"]) == (span, step_no)]
        return sorted(its, key=lambda one: (one["on"], one["member"]))[:EXAMPLES]


def tried(session: Session, run: PlanDryRun | None) -> Tried | None:
    """What a dry run says; None while there is nothing to say."""
    if run is None or not run.result:
        return None
    summary = Summary(Counts.read(run.result))
    members = {one["member"] for one in (*summary.examples, *summary.most_written_to)}
    people = {one["associate"] for one in summary.examples}
    people |= {who for span in Span for who, _, _ in summary.busiest(span)}
    query = select(Member.id, Member.name).where(Member.id.in_(sorted(members)))
    return Tried(
        run,
        Cast(**json.loads(run.tried_on)),
        summary,
        read_document(json.loads(run.document)),
        read_budget(session).daily_capacity,
        stores_by_id(session),
        names_of_people(session, people),
        dict(session.execute(query).all()),
    )


def is_of(run: PlanDryRun | None, checked: Checked) -> bool:
    """True for a dry run of exactly this text."""
    return run is not None and run.content_hash == checked.content_hash != ""
