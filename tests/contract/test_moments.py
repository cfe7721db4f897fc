"""Customer moments (客户朋友圈): a job, the members' tasks, publishing, reactions (facts 3.9)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.wecom.apis.media import MediaKind, Scene
from app.wecom.apis.moments import JobStatus, MomentContent, MomentJob, MomentSource, MomentTask
from app.wecom.app import WeComApp
from app.wecom.errors import WeComRetryable
from tests.contract.campaign import PNG, Campaign
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import LocalSandbox


@pytest.fixture
def campaign(corp: LocalSandbox) -> Iterator[Campaign]:
    yield Campaign(corp)
    Campaign(corp)  # the jobs of this minute do not count against the next test


def done(wecom: WeComApp, job_id: str) -> MomentJob:
    """The job, once it is done; WeCom takes its time."""
    end = time.monotonic() + 120
    while (job := wecom.moments.job(job_id)).status is not JobStatus.DONE:
        assert time.monotonic() < end, "the job never ends"
        time.sleep(0.1)
    return job


def make(wecom: WeComApp, *userids: str, text: str = "上新", **more: object) -> str:
    job = wecom.moments.begin(MomentContent(text=text), wecom_userids=userids, **more)  # type: ignore[arg-type]
    return done(wecom, job).moment_id


def test_a_job_begins_runs_and_makes_a_moment(wecom: WeComApp, place: Place):
    job_id = wecom.moments.begin(MomentContent(text="上新"), wecom_userids=[place.userid])
    assert wecom.moments.job(job_id).status in (JobStatus.BEGUN, JobStatus.RUNNING, JobStatus.DONE)
    job = done(wecom, job_id)
    assert (job.errcode, bool(job.moment_id)) == (0, True)
    assert list(wecom.moments.tasks(job.moment_id)) == [MomentTask(place.userid, is_published=False)]


def test_every_state_of_a_job_is_seen(wecom: WeComApp, campaign: Campaign):
    campaign.rules(job_us=3_600_000_000)
    job_id = wecom.moments.begin(MomentContent(text="上新"))
    seen = [wecom.moments.job(job_id).status for _ in range(3)]
    assert seen == [JobStatus.BEGUN, JobStatus.RUNNING, JobStatus.DONE]


def test_a_job_is_done_by_time_too(wecom: WeComApp, campaign: Campaign):
    job_id = wecom.moments.begin(MomentContent(text="上新"))
    campaign.corp.travel(timedelta(minutes=1))
    assert wecom.moments.job(job_id).status is JobStatus.DONE


def test_a_job_is_forgotten_after_a_day(wecom: WeComApp, campaign: Campaign):
    job_id = wecom.moments.begin(MomentContent(text="上新"))
    campaign.corp.travel(timedelta(hours=25))
    with refused(40058):
        wecom.moments.job(job_id)


def test_what_was_unknown_is_named(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    campaign.customer(seller)
    job_id = wecom.moments.begin(
        MomentContent(text="上新"), wecom_userids=[seller, "Nobody"], department_ids=[987_654]
    )
    job = done(wecom, job_id)
    assert job.errcode == 0
    assert (job.invalid_userids, job.invalid_department_ids) == (frozenset({"nobody"}), frozenset({987_654}))


def test_a_department_is_all_its_members(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person(department=f"店{time.monotonic_ns()}")
    campaign.customer(seller)
    department_id = wecom.people.get(seller).main_department_id
    assert department_id is not None
    moment_id = make(wecom, department_ids=[department_id])
    assert [task.wecom_userid for task in wecom.moments.tasks(moment_id)] == [seller]


def test_a_tag_narrows_who_may_see_it(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    tagged, _other = campaign.customer(seller), campaign.customer(seller)
    (tag,) = wecom.tags.add(["朋友圈测试"], group_name="朋友圈").tags
    wecom.tags.mark(seller, tagged, add=[tag.tag_id])
    moment_id = make(wecom, seller, tag_ids=[tag.tag_id])
    assert list(wecom.moments.customers(moment_id, seller)) == [tagged]


def test_publishing_shows_it_and_customers_react(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    customer = campaign.customer(seller)
    moment_id = make(wecom, seller)
    assert [one["moment_id"] for one in campaign.pending(seller)["moments"]] == [moment_id]
    campaign.act(f"moments/{moment_id}/publish", userid=seller)
    for kind in ("comment", "like"):
        campaign.act(f"moments/{moment_id}/reactions", userid=seller, external_userid=customer, kind=kind)
    assert list(wecom.moments.tasks(moment_id)) == [MomentTask(seller, is_published=True)]
    assert list(wecom.moments.reached(moment_id, seller)) == [customer]
    reactions = wecom.moments.reactions(moment_id, seller)
    assert [one.external_userid for one in (*reactions.comments, *reactions.likes)] == [customer, customer]


def test_before_publishing_nothing_was_reached(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    campaign.customer(seller)
    moment_id = make(wecom, seller)
    with refused(41062):
        list(wecom.moments.reached(moment_id, seller))
    with refused(41062):
        wecom.moments.reactions(moment_id, seller)


def test_a_moment_of_others_is_refused(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    campaign.customer(seller)
    moment_id = make(wecom, seller)
    with refused(41061):
        list(wecom.moments.customers(moment_id, campaign.person()))


def test_a_moment_that_is_none_is_refused(wecom: WeComApp, place: Place):
    with refused(41059):
        list(wecom.moments.tasks(""))
    with refused(41060):
        list(wecom.moments.customers("momNobodyKnows", place.userid))


def test_a_personal_moment_has_no_tasks(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    own = campaign.act("moments", userid=seller, text={"content": "早"})["moment_id"]
    with refused(41067):
        list(wecom.moments.tasks(own))
    with refused(41067):
        wecom.moments.cancel(own)


def test_moments_are_listed_by_source(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    campaign.customer(seller)
    begin = int(time.time()) - 60
    of_corp = make(wecom, seller)
    own = campaign.act("moments", userid=seller, text={"content": "早"})["moment_id"]
    listed = list(wecom.moments.list(begin, begin + 600))
    assert [(one.moment_id, one.source) for one in listed] == [
        (of_corp, MomentSource.CORP),
        (own, MomentSource.PERSONAL),
    ]
    assert [one.text for one in wecom.moments.list(begin, begin + 600, creator=seller)] == ["早"]


def test_lists_of_moments_are_followed_past_a_page(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    begin = int(time.time()) - 60
    for number in range(45):
        campaign.act("moments", userid=seller, text={"content": str(number)})
    listed = wecom.moments.list(begin, begin + 600, source=MomentSource.PERSONAL)
    assert [one.text for one in listed] == [str(number) for number in range(45)]


def test_moments_of_more_than_thirty_days_are_refused(wecom: WeComApp):
    now = int(time.time())
    with refused(40058):
        list(wecom.moments.list(now - 40 * 86_400, now))


def test_a_cancelled_moment_is_no_longer_on_the_phone(wecom: WeComApp, campaign: Campaign):
    seller = campaign.person()
    campaign.customer(seller)
    moment_id = make(wecom, seller)
    wecom.moments.cancel(moment_id)
    assert campaign.pending(seller)["moments"] == []


def test_a_moment_without_anything_is_refused(wecom: WeComApp):
    with refused(41089):
        wecom.moments.begin(MomentContent())


def test_two_kinds_of_attachments_are_refused(wecom: WeComApp):
    with refused(41065):
        wecom.moments.begin(MomentContent(image_ids=("a",), video_id="b"))


def test_ten_pictures_are_refused(wecom: WeComApp):
    with refused(41064):
        wecom.moments.begin(MomentContent(image_ids=tuple("abcdefghij")))


def test_pictures_come_from_the_uploads_for_moments(wecom: WeComApp, place: Place):
    ordinary = wecom.media.upload(MediaKind.IMAGE, "a.png", PNG).media_id
    with refused(40007):
        wecom.moments.begin(MomentContent(image_ids=(ordinary,)))
    album = wecom.media.upload_attachment(MediaKind.IMAGE, Scene.ALBUM, "a.png", PNG).media_id
    with refused(41072):
        wecom.moments.begin(MomentContent(image_ids=(album,)))
    right = wecom.media.upload_attachment(MediaKind.IMAGE, Scene.MOMENTS, "a.png", PNG).media_id
    assert wecom.moments.begin(MomentContent(image_ids=(right,)), wecom_userids=[place.userid])


def test_a_page_needs_its_picture(wecom: WeComApp):
    with refused(40007):
        wecom.moments.begin(MomentContent(link_title="页", link_url="https://x.example"))


def test_ten_jobs_a_minute(wecom: WeComApp, campaign: Campaign):
    for _ in range(10):
        wecom.moments.begin(MomentContent(text="上新"))
    with pytest.raises(WeComRetryable) as limited:
        wecom.moments.begin(MomentContent(text="上新"))
    assert limited.value.wait_s > 0
    campaign.corp.travel(timedelta(minutes=2))
    assert campaign.corp.app().moments.begin(MomentContent(text="上新"))
