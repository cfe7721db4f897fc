"""Lives (直播; facts 3.18). Only lives made through the API are told of by callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.wecom.apis.base import (
    COMES_AGAIN,
    MOST_PAGES,
    Answer,
    Code,
    CorpAPI,
    given,
    items,
    needed,
    number,
    part,
    text,
)
from app.wecom.errors import WeComRetryable

LIVES_A_PAGE = 100
BEGUN_OR_CANCELLED = 92006
NO_REPLAY = 92007
NOT_OURS = 92008


class LivingStatus(Code):
    """EXPIRED: never began and its time is over; no callback tells of that (facts 4.3)."""

    UNKNOWN = -1
    RESERVED = 0
    LIVE = 1
    ENDED = 2
    EXPIRED = 3
    CANCELLED = 4


class LivingType(Code):
    """CLASS_SMALL and CLASS_BIG are for schools."""

    UNKNOWN = -1
    GENERAL = 0
    CLASS_SMALL = 1
    CLASS_BIG = 2
    TRAINING = 3
    ACTIVITY = 4


class ReplayStatus(Code):
    """Whether an ended live can be watched again."""

    UNKNOWN = -1
    READY = 0
    GENERATING = 1
    DELETED = 2
    FAILED = 3


@dataclass(frozen=True, slots=True)
class LivingPlan:
    """What is to be: theme at most 20 characters and 60 bytes, description 100 and 300.

    An ACTIVITY may have a cover, a picture for its card and up to five more, all uploaded images.
    """

    theme: str
    starts_at_s: int
    duration_s: int
    description: str = ""
    living_type: LivingType = LivingType.GENERAL
    remind_before_s: int = 0
    cover_media_id: str = ""
    share_media_id: str = ""
    image_ids: tuple[str, ...] = ()

    def as_wecom(self) -> dict[str, object]:
        """The fields of living/create and living/modify."""
        detail = given(description=self.description or None, image_list=list(self.image_ids) or None)
        is_activity = self.living_type is LivingType.ACTIVITY
        return given(
            theme=self.theme,
            living_start=self.starts_at_s,
            living_duration=self.duration_s,
            description=None if is_activity else self.description or None,
            type=int(self.living_type),
            remind_time=self.remind_before_s or None,
            activity_cover_mediaid=self.cover_media_id or None,
            activity_share_mediaid=self.share_media_id or None,
            activity_detail=detail if is_activity and detail else None,
        )


@dataclass(frozen=True, slots=True)
class Living:
    """A live: once it began, its real start and length, else the reserved ones; `replay` once it ENDED."""

    livingid: str
    theme: str
    description: str
    anchor_userid: str  # lower case
    status: LivingStatus
    living_type: LivingType
    starts_at_s: int
    duration_s: int
    reserved_at_s: int
    reserved_duration_s: int
    viewers: int
    comments: int
    speakers: int
    replay: ReplayStatus | None


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who watched, for how long. One of the two ids is empty; accounts are in lower case."""

    wecom_userid: str
    external_userid: str
    name: str
    watched_s: int
    has_commented: bool
    has_spoken: bool
    invited_by_userid: str
    invited_by_external_userid: str


@dataclass(frozen=True, slots=True)
class LivingShare:
    """Who opened a shared live and who shared it; of each pair of ids one is empty."""

    livingid: str
    viewer_userid: str
    viewer_external_userid: str
    invitor_userid: str
    invitor_external_userid: str


class LivingsAPI(CorpAPI):
    """The app must be among those 直播 may be called by (48002), and change its own lives only (92008)."""

    def create(self, anchor_userid: str, plan: LivingPlan) -> str:
        """Reserve a live of this account; its livingid."""
        data = plan.as_wecom() | {"anchor_userid": anchor_userid}
        return needed("living/create", self._post("living/create", data=data), "livingid")

    def modify(self, livingid: str, plan: LivingPlan) -> None:
        """Change it before it begins (92006)."""
        self._post("living/modify", data=plan.as_wecom() | {"livingid": livingid})

    def cancel(self, livingid: str) -> None:
        """Cancel it before it begins (92006)."""
        self._post("living/cancel", data={"livingid": livingid})

    def delete_replay(self, livingid: str) -> None:
        """Nobody can watch it again; 92007 where there is no replay."""
        self._post("living/delete_replay_data", data={"livingid": livingid})

    def code_for(self, livingid: str, openid: str) -> str:
        """What leads this person from a mini program into the live, for five minutes."""
        answer = self._post("living/get_living_code", data={"livingid": livingid, "openid": openid})
        return needed("living/get_living_code", answer, "living_code")

    def ids_of(self, wecom_userid: str) -> Iterator[str]:
        """Every live of this account."""
        query = {"userid": wecom_userid, "limit": LIVES_A_PAGE}
        for answer in self._pages("living/get_user_all_livingid", query):
            yield from map(str, items(answer, "livingid_list"))

    def get(self, livingid: str) -> Living:
        """How a live stands. WeCom's sample writes `"status "` with a space; both are read (facts 3.18)."""
        path = "living/get_living_info"
        found = part(self._get(path, params={"livingid": livingid}), "living_info")
        stated = {name.strip(): value for name, value in found.items()}
        status = LivingStatus(number(stated, "status"))
        return Living(
            livingid=livingid,
            theme=text(found, "theme"),
            description=text(found, "description"),
            anchor_userid=needed(path, found, "anchor_userid").lower(),
            status=status,
            living_type=LivingType(number(found, "type")),
            starts_at_s=number(found, "living_start"),
            duration_s=number(found, "living_duration"),
            reserved_at_s=number(found, "reserve_start"),
            reserved_duration_s=number(found, "reserve_living_duration"),
            viewers=number(found, "viewer_num"),
            comments=number(found, "comment_num"),
            speakers=number(found, "mic_num"),
            replay=ReplayStatus(number(found, "replay_status")) if "replay_status" in found else None,
        )

    def viewers(self, livingid: str) -> Iterator[Viewer]:
        """Everybody who watched; only `ending` tells the end, whatever the key says (facts 3.18)."""
        path, key, seen = "living/get_watch_stat", "0", {"0"}
        for _ in range(MOST_PAGES):
            answer = self._post(path, data={"livingid": livingid, "next_key": key})
            stat = part(answer, "stat_info")
            yield from map(_viewer, items(stat, "users") + items(stat, "external_users"))
            if number(answer, "ending") == 1:
                return
            key = text(answer, "next_key")
            if key in seen:
                raise WeComRetryable(path, COMES_AGAIN)
            seen.add(key)
        raise WeComRetryable(path, f"more than {MOST_PAGES} pages")

    def share_of(self, code: str) -> LivingShare:
        """Who opened a shared live, by the page's ww_share_code, good for five minutes."""
        path = "living/get_living_share_info"
        found = self._post(path, data={"ww_share_code": code})
        return LivingShare(
            livingid=needed(path, found, "livingid"),
            viewer_userid=text(found, "viewer_userid").lower(),
            viewer_external_userid=text(found, "viewer_external_userid"),
            invitor_userid=text(found, "invitor_userid").lower(),
            invitor_external_userid=text(found, "invitor_external_userid"),
        )


def _viewer(found: Answer) -> Viewer:
    return Viewer(
        wecom_userid=text(found, "userid").lower(),
        external_userid=text(found, "external_userid"),
        name=text(found, "name"),
        watched_s=number(found, "watch_time"),
        has_commented=number(found, "is_comment") == 1,
        has_spoken=number(found, "is_mic") == 1,
        invited_by_userid=text(found, "invitor_userid").lower(),
        invited_by_external_userid=text(found, "invitor_external_userid"),
    )
