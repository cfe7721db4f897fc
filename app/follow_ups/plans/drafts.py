"""Drafts (草稿): plan documents as their authors left them, not in force; whatever is wrong with one is named.

Who saves says which text they began with (`edited_at`): somebody who was overtaken is told, and nothing is overwritten.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import clock
from app.errors import Conflict, Invalid, NotFound
from app.follow_ups.models import FollowUpPlan, PlanDraft, PlanVersion
from app.follow_ups.plans.checking import mistakes_of, seen_by_held_out, unknown_names
from app.follow_ups.plans.documents import LONGEST_CODE, Document, canonical
from app.follow_ups.plans.misreading import Slip, read_toml
from app.follow_ups.plans.reading import try_document
from app.follow_ups.plans.releases import in_force, release
from app.follow_ups.plans.versions import Version, add_version
from app.follow_ups.plans.writing import as_toml, line_of

LONGEST_TEXT = 60_000
CODE = re.compile(rf"[a-z][a-z0-9_]{{0,{LONGEST_CODE - 1}}}")
A_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong: `line` where it stands (None: nowhere yet), `error` with the problem and its particulars."""

    place: str
    line: int | None
    error: Invalid


@dataclass(frozen=True, slots=True)
class Checked:
    """What a draft's text says; `document` None where its form is wrong, `raw` None where it is no TOML."""

    raw: dict[str, Any] | None
    document: Document | None
    mistakes: tuple[Mistake, ...]

    @property
    def content_hash(self) -> str:
        """The fingerprint that its version would have, "" where it cannot be read."""
        return fingerprint(self.raw) if self.raw is not None and self.document is not None else ""


def fingerprint(raw: dict[str, Any]) -> str:
    """As `PlanVersion.content_hash`."""
    return hashlib.blake2b(canonical(raw).encode(), digest_size=16).hexdigest()


def check_text(session: Session, text: str, code: str = "") -> Checked:
    """Every mistake in a text, by place and line; with a `code`, also that it is that plan's."""
    raw = read_toml(text)
    if isinstance(raw, Slip):
        return Checked(None, None, (Mistake("", raw.line, raw.error),))
    document, errors = try_document(raw)
    if document is not None:
        errors = mistakes_of(document)
        if not errors:
            errors = unknown_names(session, document) + seen_by_held_out(session, document)
        if code and document.code != code:
            errors.append(Invalid("bad_plan", place="code", problem="other_code", found=code))
    mistakes = tuple(Mistake(error.place, line_of(text, error.place), error) for error in errors)
    return Checked(raw, document, tuple(sorted(mistakes, key=lambda one: one.line or 0)))


def find_draft(session: Session, code: str) -> PlanDraft | None:
    """The draft of a plan, where there is one."""
    return session.get(PlanDraft, code)


def get_draft(session: Session, code: str) -> PlanDraft:
    """The draft of a plan. Raises `NotFound`."""
    draft = session.get(PlanDraft, code)
    if draft is None:
        raise NotFound("unknown_id", place=code[:LONGEST_CODE])
    return draft


def save_draft(
    session: Session, code: str, text: str, began_with: datetime | None, by: int | None
) -> PlanDraft:
    """Keep a text, right or wrong; `began_with` is `edited_at` of the text its author had, None for a new draft.

    Raises `Conflict` (`edited_meanwhile`) where somebody else saved since, `Invalid` for a code or a text that could
    not be one.
    """
    if CODE.fullmatch(code) is None:
        raise Invalid("bad_plan_code", place="code")
    if len(text.encode()) > LONGEST_TEXT:
        raise Invalid("too_long", place="document", most=LONGEST_TEXT)
    draft = session.scalar(select(PlanDraft).where(PlanDraft.code == code).with_for_update())
    if (draft.edited_at if draft else None) != began_with:
        raise Conflict("edited_meanwhile", place=code)
    now = clock.now(session)
    if draft is None:
        return _add(session, PlanDraft(code=code, document=text, edited_at=now, edited_by=by))
    draft.document, draft.edited_by = text, by
    draft.edited_at = max(now, draft.edited_at + A_TICK)
    session.flush()
    return draft


def discard_draft(session: Session, code: str, began_with: datetime) -> None:
    """Throw a draft away. Raises as `save_draft` and `get_draft` do."""
    draft = session.scalar(select(PlanDraft).where(PlanDraft.code == code).with_for_update())
    if draft is None:
        raise NotFound("unknown_id", place=code[:LONGEST_CODE])
    if draft.edited_at != began_with:
        raise Conflict("edited_meanwhile", place=code)
    session.delete(draft)
    session.flush()


def publish_draft(
    session: Session,
    code: str,
    began_with: datetime,
    *,
    store_ids: Collection[int] | None,
    by: int | None,
    note: str = "",
) -> Version:
    """Put what a draft says in force as the plan's next version, everywhere or in some stores; the draft stays.

    Raises `Conflict` where the draft is another than its reader saw, `Invalid` for the first mistake in it.
    """
    draft = session.scalar(select(PlanDraft).where(PlanDraft.code == code).with_for_update())
    if draft is None:
        raise NotFound("unknown_id", place=code[:LONGEST_CODE])
    if draft.edited_at != began_with:
        raise Conflict("edited_meanwhile", place=code)
    return publish_text(session, draft.document, code, store_ids=store_ids, by=by, note=note)


def publish_text(
    session: Session,
    text: str,
    code: str = "",
    *,
    store_ids: Collection[int] | None = None,
    by: int | None = None,
    note: str = "",
) -> Version:
    """The same of a text that is not kept as a draft.

    A text that is the newest version already is only released, and not even that where it is in force there.
    """
    checked = check_text(session, text, code)
    if checked.mistakes or checked.raw is None:
        raise checked.mistakes[0].error
    version, _ = add_version(session, checked.raw, by)
    if in_force(session).holds(version.plan_id, version.id, store_ids):
        return version
    release(session, version.plan_id, version.id, store_ids=store_ids, by=by, note=note)
    return version


def text_of_version(session: Session, plan_id: int, number: int) -> str:
    """A published version as TOML, for a draft that goes on from it. Raises `NotFound`."""
    query = select(PlanVersion.document).where(PlanVersion.plan_id == plan_id, PlanVersion.number == number)
    document = session.scalar(query)
    if document is None:
        raise NotFound("unknown_id", place=str(number))
    return as_toml(json.loads(document))


def codes_of_drafts(session: Session) -> dict[str, datetime]:
    """Every draft's code, and when it was last edited."""
    return dict(session.execute(select(PlanDraft.code, PlanDraft.edited_at).order_by(PlanDraft.code)).all())


def plan_of_code(session: Session, code: str) -> FollowUpPlan | None:
    """The published plan of this code, where there is one."""
    return session.scalar(select(FollowUpPlan).where(FollowUpPlan.code == code))


def _add(session: Session, draft: PlanDraft) -> PlanDraft:
    try:
        with session.begin_nested():
            session.add(draft)
            session.flush()
    except IntegrityError as error:
        raise Conflict("edited_meanwhile", place=draft.code) from error
    return draft
