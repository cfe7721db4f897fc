"""How WeCom carries an order: making one, finding one that may have been made, seeing what came of it, taking it back.

Calls of the port only, no tables. Each raises `WeComError` as the port does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.clock import instant_of
from app.follow_ups.channels.models import TargetState
from app.follow_ups.channels.rules import SKEW
from app.follow_ups.states import Channel, StepReason
from app.wecom.apis.group_sends import CANCELLED, ChatType, OrderSource, SendStatus
from app.wecom.apis.moments import JobStatus, MomentContent, MomentSource
from app.wecom.errors import WeComRejected
from app.wecom.port import WeComPort


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be made, or was: the words, and for whom."""

    text: str
    wecom_userid: str
    speaks_for: bool
    external_userids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """WeCom has it: under an id, or at first only as a job; `unreached` are those nobody can send it to."""

    wecom_id: str = ""
    job_id: str = ""
    unreached: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """How one member's part stands: who has it (lower case), and for a failure why."""

    external_userid: str
    wecom_userid: str
    state: TargetState
    sent_at: datetime | None = None
    why: StepReason = StepReason.NO_CHANNEL


@dataclass(frozen=True, slots=True)
class Candidate:
    """An order at WeCom with the same words, made about then."""

    wecom_id: str
    wecom_userids: frozenset[str]
    external_userids: frozenset[str]


class Carrier(Protocol):
    """One way to carry an order."""

    def make(self, port: WeComPort, wish: Wish) -> Made:
        """Make it. Never called again for one that may have been made."""
        ...

    def candidates(
        self, port: WeComPort, wish: Wish, since: datetime, until: datetime
    ) -> Iterator[Candidate]:
        """What may be it."""
        ...

    def is_it(self, candidate: Candidate, wish: Wish) -> bool:
        """True where it can be no other order of ours."""
        ...

    def see(self, port: WeComPort, wecom_id: str, wanted: Iterable[str]) -> list[Seen]:
        """How it stands for those of `wanted` that it reaches."""
        ...

    def remind(self, port: WeComPort, wecom_id: str) -> None:
        """Remind whoever has not confirmed, where WeCom can."""
        ...

    def take_back(self, port: WeComPort, wecom_id: str) -> None:
        """Nobody can confirm it any more; no error where that was done before."""
        ...


class GroupSends:
    """企业群发: a customer's part is with one associate, WeCom says with whom."""

    def make(self, port: WeComPort, wish: Wish) -> Made:
        ordered = port.group_sends.to_contacts(
            wish.text,
            external_userids=wish.external_userids,
            sender=wish.wecom_userid if wish.speaks_for else None,
        )
        return Made(ordered.msgid, unreached=ordered.unreached)

    def candidates(
        self, port: WeComPort, wish: Wish, since: datetime, until: datetime
    ) -> Iterator[Candidate]:
        begin_s, end_s = int((since - SKEW).timestamp()), int((until + SKEW).timestamp())
        found = port.group_sends.orders(ChatType.SINGLE, begin_s, end_s, source=OrderSource.CORP)
        for order in [each for each in found if each.text == wish.text]:
            tasks = [task.wecom_userid for task in port.group_sends.tasks(order.msgid)]
            targets = (one.target for who in tasks for one in port.group_sends.results(order.msgid, who))
            yield Candidate(order.msgid, frozenset(tasks), frozenset(targets))

    def is_it(self, candidate: Candidate, wish: Wish) -> bool:
        """It reaches some of ours and nobody else: those nobody reaches are in none."""
        return bool(candidate.external_userids) and candidate.external_userids <= set(wish.external_userids)

    def see(self, port: WeComPort, wecom_id: str, wanted: Iterable[str]) -> list[Seen]:
        names, seen = set(wanted), []
        for task in list(port.group_sends.tasks(wecom_id)):
            for one in port.group_sends.results(wecom_id, task.wecom_userid):
                if one.target in names:
                    state, why = _STATES.get(one.status, (TargetState.WAITING, StepReason.NO_CHANNEL))
                    at = instant_of(one.sent_at_s) if one.sent_at_s else None
                    seen.append(Seen(one.target, task.wecom_userid, state, at, why))
        return seen

    def remind(self, port: WeComPort, wecom_id: str) -> None:
        port.group_sends.remind(wecom_id)

    def take_back(self, port: WeComPort, wecom_id: str) -> None:
        try:
            port.group_sends.cancel(wecom_id)
        except WeComRejected as error:
            if error.errcode != CANCELLED:
                raise


class Moments:
    """客户朋友圈: the associate publishes one post, which all their customers see."""

    def make(self, port: WeComPort, wish: Wish) -> Made:
        content = MomentContent(text=wish.text)
        return Made(job_id=port.moments.begin(content, wecom_userids=[wish.wecom_userid]))

    def candidates(
        self, port: WeComPort, wish: Wish, since: datetime, until: datetime
    ) -> Iterator[Candidate]:
        begin_s, end_s = int((since - SKEW).timestamp()), int((until + SKEW).timestamp())
        found = port.moments.list(begin_s, end_s, source=MomentSource.CORP)
        for moment in [each for each in found if each.text == wish.text]:
            tasks = [task.wecom_userid for task in port.moments.tasks(moment.moment_id)]
            yield Candidate(moment.moment_id, frozenset(tasks), frozenset())

    def is_it(self, candidate: Candidate, wish: Wish) -> bool:
        """Only this associate is to publish it."""
        return candidate.wecom_userids == {wish.wecom_userid.lower()}

    def see(self, port: WeComPort, wecom_id: str, wanted: Iterable[str]) -> list[Seen]:
        names, seen = set(wanted), []
        for task in list(port.moments.tasks(wecom_id)):
            if not task.is_published:
                waits = TargetState.WAITING
                seen += [Seen(name, task.wecom_userid, waits) for name in names]
                continue
            reached = set(port.moments.reached(wecom_id, task.wecom_userid))
            for name in names:
                state = TargetState.SENT if name in reached else TargetState.FAILED
                seen.append(Seen(name, task.wecom_userid, state))
        return seen

    def remind(self, port: WeComPort, wecom_id: str) -> None:
        """WeCom has no reminder of moments; ours are urges."""

    def take_back(self, port: WeComPort, wecom_id: str) -> None:
        port.moments.cancel(wecom_id)


_STATES = {
    SendStatus.SENT: (TargetState.SENT, StepReason.DUE),
    SendStatus.NOT_A_CONTACT: (TargetState.FAILED, StepReason.NO_CHANNEL),
    SendStatus.OVER_QUOTA: (TargetState.FAILED, StepReason.QUOTA_FULL),
}
CARRIERS: dict[str, Carrier] = {Channel.GROUP_SEND: GroupSends(), Channel.MOMENT: Moments()}


def moment_of_job(port: WeComPort, job_id: str) -> str | None:
    """The moment that a job made; None while it is at it. Raises `WeComRejected` where it made none."""
    job = port.moments.job(job_id)
    if job.status is not JobStatus.DONE:
        return None
    if job.errcode or not job.moment_id:
        raise WeComRejected("externalcontact/get_moment_task_result", job.errcode, "no moment was made")
    return job.moment_id
