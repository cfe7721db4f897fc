"""Customer moments (客户朋友圈): a job makes one, members publish it (facts 3.9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.wecom.apis.base import Answer, Code, CorpAPI, given, items, needed, number, part, text

DISPATCHING = 41079  # ask again in a moment
NOT_PUBLISHED = 41062
MOMENTS_A_PAGE = 20  # facts 9.8: 20 on the current page, 100 in older texts
TASKS_A_PAGE = 1_000
REACHED_A_PAGE = 5_000


class JobStatus(Code):
    """A job goes through these in order."""

    UNKNOWN = -1
    BEGUN = 1
    RUNNING = 2
    DONE = 3


class MomentSource(Code):
    """CORP: made by the corp, through the API too · PERSONAL: by a member for themselves."""

    UNKNOWN = -1
    CORP = 0
    PERSONAL = 1


@dataclass(frozen=True, slots=True)
class MomentContent:
    """Text of at most 2,000 characters, and one kind of attachment: up to nine pictures, or a film, or a page.

    Every media id is from upload_attachment for moments; a page has a title (64 bytes) and a picture.
    """

    text: str = ""
    image_ids: tuple[str, ...] = ()
    video_id: str = ""
    link_title: str = ""
    link_url: str = ""
    link_picture_id: str = ""

    def as_wecom(self) -> dict[str, Any]:
        """The fields of add_moment_task."""
        found: list[dict[str, Any]] = [
            {"msgtype": "image", "image": {"media_id": media_id}} for media_id in self.image_ids
        ]
        if self.video_id:
            found.append({"msgtype": "video", "video": {"media_id": self.video_id}})
        if self.link_url:
            link = given(title=self.link_title or None, url=self.link_url, media_id=self.link_picture_id)
            found.append({"msgtype": "link", "link": link})
        return given(text={"content": self.text} if self.text else None, attachments=found or None)


@dataclass(frozen=True, slots=True)
class MomentJob:
    """How a job stands; once DONE, `errcode` 0 and a `moment_id`, or why there is none, and what was unknown."""

    status: JobStatus
    errcode: int = 0
    moment_id: str = ""
    invalid_userids: frozenset[str] = frozenset()  # lower case
    invalid_department_ids: frozenset[int] = frozenset()
    invalid_tag_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment as listed."""

    moment_id: str
    source: MomentSource
    creator: str  # lower case
    created_at_s: int
    text: str


@dataclass(frozen=True, slots=True)
class MomentTask:
    """A member who is to publish it."""

    wecom_userid: str  # lower case
    is_published: bool


@dataclass(frozen=True, slots=True)
class Reaction:
    """Somebody's comment or like: an outside contact's, or an account's (lower case)."""

    external_userid: str
    wecom_userid: str
    reacted_at_s: int


@dataclass(frozen=True, slots=True)
class Reactions:
    """What was said under a member's copy of a moment."""

    comments: tuple[Reaction, ...] = field(default=())
    likes: tuple[Reaction, ...] = field(default=())


class MomentsAPI(CorpAPI):
    """A member publishes a moment on the phone; nothing is shown before."""

    def begin(
        self,
        content: MomentContent,
        *,
        wecom_userids: Sequence[str] = (),
        department_ids: Sequence[int] = (),
        tag_ids: Sequence[str] = (),
    ) -> str:
        """Begin the job of one; its id, good for 24 hours. Ten a minute for the whole corp (45009).

        Without accounts and departments all publish it, without tags all their customers see it.
        """
        path = "externalcontact/add_moment_task"
        senders = given(user_list=list(wecom_userids) or None, department_list=list(department_ids) or None)
        customers = {"tag_list": list(tag_ids)} if tag_ids else None
        wanted = given(sender_list=senders or None, external_contact_list=customers)
        data = content.as_wecom() | given(visible_range=wanted or None)
        return needed(path, self._post(path, data=data), "jobid")

    def job(self, job_id: str) -> MomentJob:
        """How the job stands."""
        answer = self._get("externalcontact/get_moment_task_result", params={"jobid": job_id})
        result = part(answer, "result")
        senders = part(result, "invalid_sender_list")
        return MomentJob(
            status=JobStatus(number(answer, "status")),
            errcode=number(result, "errcode"),
            moment_id=text(result, "moment_id"),
            invalid_userids=frozenset(str(one).lower() for one in items(senders, "user_list")),
            invalid_department_ids=frozenset(items(senders, "department_list")),
            invalid_tag_ids=frozenset(items(part(result, "invalid_external_contact_list"), "tag_list")),
        )

    def list(
        self, begin_s: int, end_s: int, *, creator: str | None = None, source: MomentSource | None = None
    ) -> Iterator[Moment]:
        """The moments of 30 days at most; None for every source."""
        query = given(
            start_time=begin_s,
            end_time=end_s,
            creator=creator,
            filter_type=2 if source is None else int(source),
            limit=MOMENTS_A_PAGE,
        )
        for answer in self._pages("externalcontact/get_moment_list", query):
            yield from map(_moment, items(answer, "moment_list"))

    def tasks(self, moment_id: str) -> Iterator[MomentTask]:
        """Who is to publish it; 41067 for a personal one."""
        query = {"moment_id": moment_id, "limit": TASKS_A_PAGE}
        for answer in self._pages("externalcontact/get_moment_task", query):
            for found in items(answer, "task_list"):
                yield MomentTask(text(found, "userid").lower(), number(found, "publish_status") == 1)

    def customers(self, moment_id: str, wecom_userid: str) -> Iterator[str]:
        """The external_userid of everybody this member was to show it to."""
        query = {"moment_id": moment_id, "userid": wecom_userid, "limit": TASKS_A_PAGE}
        return self._customers("externalcontact/get_moment_customer_list", query)

    def reached(self, moment_id: str, wecom_userid: str) -> Iterator[str]:
        """The external_userid of everybody who can see it; 41062 before the member published it."""
        query = {"moment_id": moment_id, "userid": wecom_userid, "limit": REACHED_A_PAGE}
        return self._customers("externalcontact/get_moment_send_result", query)

    def reactions(self, moment_id: str, wecom_userid: str) -> Reactions:
        """Comments and likes under this member's copy; 41062 before the member published it."""
        data = {"moment_id": moment_id, "userid": wecom_userid}
        answer = self._post("externalcontact/get_moment_comments", data=data)
        return Reactions(
            comments=tuple(map(_reaction, items(answer, "comment_list"))),
            likes=tuple(map(_reaction, items(answer, "like_list"))),
        )

    def cancel(self, moment_id: str) -> None:
        """Take it back from whoever has not published it."""
        self._post("externalcontact/cancel_moment_task", data={"moment_id": moment_id})

    def _customers(self, path: str, query: dict[str, Any]) -> Iterator[str]:
        for answer in self._pages(path, query):
            yield from (text(found, "external_userid") for found in items(answer, "customer_list"))


def _moment(found: Answer) -> Moment:
    return Moment(
        moment_id=text(found, "moment_id"),
        source=MomentSource(number(found, "create_type")),
        creator=text(found, "creator").lower(),
        created_at_s=number(found, "create_time"),
        text=text(part(found, "text"), "content"),
    )


def _reaction(found: Answer) -> Reaction:
    return Reaction(
        external_userid=text(found, "external_userid"),
        wecom_userid=text(found, "userid").lower(),
        reacted_at_s=number(found, "create_time"),
    )
