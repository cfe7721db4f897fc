"""What accounts did with customers, day by day (facts 3.11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.wecom.apis.base import Answer, CorpAPI, given, items, number

NAMES_A_CALL = 100


@dataclass(frozen=True, slots=True)
class Behavior:
    """One day of all the accounts asked for, summed. `day_s` is its first second.

    Chats that a customer began: how many were answered (percent) and after how many seconds on average (WeCom says
    whole minutes); both None where no customer began one. `lost` counts customers who deleted or blocked an account.
    """

    day_s: int
    chats: int
    messages: int
    reply_percentage: float | None
    reply_after_s: int | None
    lost: int
    applications: int
    new_contacts: int


class StatisticsAPI(CorpAPI):
    """Figures of the last 180 days."""

    def behavior(
        self,
        begin_s: int,
        end_s: int,
        *,
        wecom_userids: Sequence[str] = (),
        department_ids: Sequence[int] = (),
    ) -> tuple[Behavior, ...]:
        """The days from one to the other, both included, 30 at most: of up to 100 accounts and 100 departments.

        Several accounts are summed: ask for one to know one (facts 3.11).
        """
        data = given(
            userid=list(wecom_userids) or None,
            partyid=list(department_ids) or None,
            start_time=begin_s,
            end_time=end_s,
        )
        answer = self._post("externalcontact/get_user_behavior_data", data=data)
        return tuple(map(_behavior, items(answer, "behavior_data")))


def _behavior(found: Answer) -> Behavior:
    percentage = found.get("reply_percentage")
    has_replies = isinstance(percentage, int | float)
    return Behavior(
        day_s=number(found, "stat_time"),
        chats=number(found, "chat_cnt"),
        messages=number(found, "message_cnt"),
        reply_percentage=float(percentage) if isinstance(percentage, int | float) else None,
        reply_after_s=number(found, "avg_reply_time") * 60 if has_replies else None,
        lost=number(found, "negative_feedback_cnt"),
        applications=number(found, "new_apply_cnt"),
        new_contacts=number(found, "new_contact_cnt"),
    )
