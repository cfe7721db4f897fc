"""How WeCom carries an order: making one, finding one that may have been made, seeing what came of it, taking it back.

Calls of the port only, no tables. Each raises `WeComError` as the port does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Protocol

from app.clock import instant_of
from app.follow_ups.channels.models import TargetState
from app.follow_ups.channels.rules import SKEW
from app.follow_ups.states import Channel, StepReason
from app.wecom.apis.group_sends import CANCELLED, ChatType, OrderSource, SendStatus
from app.wecom.apis.moments import JobStatus, MomentContent, MomentJob, MomentSource, MomentTask
from app.wecom.errors import WeComRejected
from app.wecom.port import WeComPort


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be made, or was: the words, and for whom. Only a moment may be of several associates."""

    text: str
    wecom_userids: tuple[str, ...]
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
class Sighted:
    """What WeCom shows of an order: its members' parts, and whom else it reached (of a moment, once it is out)."""

    seen: tuple[Seen, ...]
    others: tuple[str, ...] = ()


class Glances:
    """What WeCom says of moments, asked once in one go however many associates publish the same one."""

    def __init__(self, port: WeComPort) -> None:
        self.port = port
        self._lock = Lock()
        self._tasks: dict[str, list[MomentTask]] = {}
        self._jobs: dict[str, MomentJob] = {}

    def tasks(self, moment_id: str) -> list[MomentTask]:
        """Who publishes it."""
        with self._lock:
            if moment_id not in self._tasks:
                self._tasks[moment_id] = list(self.port.moments.tasks(moment_id))
            return self._tasks[moment_id]

    def moment_of_job(self, job_id: str, wecom_userid: str) -> str | None:
        """The moment that a job made; None while it is at it.

        Raises `WeComRejected` where it made none, or none for this associate.
        """
        with self._lock:
            if job_id not in self._jobs:
                self._jobs[job_id] = self.port.moments.job(job_id)
            job = self._jobs[job_id]
        if job.status is not JobStatus.DONE:
            return None
        if job.errcode or not job.moment_id or wecom_userid.lower() in job.invalid_userids:
            raise WeComRejected("externalcontact/get_moment_task_result", job.errcode, "no moment was made")
        return job.moment_id


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

    def candidates(
        self, port: WeComPort, wish: Wish, since: datetime, until: datetime
    ) -> Iterator[Candidate]:
        """What may be it."""

    def is_it(self, candidate: Candidate, wish: Wish) -> bool:
        """True where it can be no other order of ours."""

    def see(self, glances: Glances, wecom_id: str, wecom_userid: str, wanted: Iterable[str]) -> Sighted:
        """How it stands for those of `wanted` that it reaches; `wecom_userid` is who was to be asked."""

    def remind(self, port: WeComPort, wecom_id: str) -> None:
        """Remind whoever has not confirmed, where WeCom can."""

    def take_back(self, port: WeComPort, wecom_id: str) -> None:
        """Nobody can confirm it any more; no error where that was done before."""


class GroupSends:
    """企业群发: a customer's part is with one associate, WeCom says with whom."""

    def make(self, port: WeComPort, wish: Wish) -> Made:
        ordered = port.group_sends.to_contacts(
            wish.text,
            external_userids=wish.external_userids,
            sender=wish.wecom_userids[0] if wish.speaks_for else None,
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

    def see(self, glances: Glances, wecom_id: str, wecom_userid: str, wanted: Iterable[str]) -> Sighted:
        names, seen, sends = set(wanted), [], glances.port.group_sends
        for task in list(sends.tasks(wecom_id)):
            for one in sends.results(wecom_id, task.wecom_userid):
                if one.target in names:
                    state, why = _STATES.get(one.status, (TargetState.WAITING, StepReason.NO_CHANNEL))
                    at = instant_of(one.sent_at_s) if one.sent_at_s else None
                    seen.append(Seen(one.target, task.wecom_userid, state, at, why))
        return Sighted(tuple(seen))

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
        return Made(job_id=port.moments.begin(content, wecom_userids=wish.wecom_userids))

    def candidates(
        self, port: WeComPort, wish: Wish, since: datetime, until: datetime
    ) -> Iterator[Candidate]:
        begin_s, end_s = int((since - SKEW).timestamp()), int((until + SKEW).timestamp())
        found = port.moments.list(begin_s, end_s, source=MomentSource.CORP)
        for moment in [each for each in found if each.text == wish.text]:
            tasks = [task.wecom_userid for task in port.moments.tasks(moment.moment_id)]
            yield Candidate(moment.moment_id, frozenset(tasks), frozenset())

    def is_it(self, candidate: Candidate, wish: Wish) -> bool:
        """These associates are to publish it, and nobody else."""
        return candidate.wecom_userids == {name.lower() for name in wish.wecom_userids}

    def see(self, glances: Glances, wecom_id: str, wecom_userid: str, wanted: Iterable[str]) -> Sighted:
        """Of one associate's copy."""
        names, who = set(wanted), wecom_userid.lower()
        its = next((task for task in glances.tasks(wecom_id) if task.wecom_userid == who), None)
        if its is None:
            return Sighted(())
        if not its.is_published:
            return Sighted(tuple(Seen(name, who, TargetState.WAITING) for name in names))
        reached = set(glances.port.moments.reached(wecom_id, who))
        states = {name: TargetState.SENT if name in reached else TargetState.FAILED for name in names}
        seen = tuple(Seen(name, who, state) for name, state in states.items())
        return Sighted(seen, tuple(sorted(reached - names)))

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
