"""The media store: media/upload, get, uploadimg, upload_attachment (facts 3.13)."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
import requests

from app.wecom.apis.media import LIFE_S, MediaKind, Scene
from app.wecom.app import WeComApp
from app.wecom.errors import WeComRetryable
from tests.contract import samples
from tests.contract.conftest import refused
from tests.contract.samples import MEGABYTE
from tests.wecom.local_sandbox import LocalSandbox

PICTURE = samples.png()


def test_a_file_comes_back_as_it_was_sent(wecom: WeComApp):
    uploaded = wecom.media.upload(MediaKind.IMAGE, "会员日海报.png", PICTURE)
    assert uploaded.created_at_s > 1_700_000_000
    file = wecom.media.download(uploaded.media_id)
    assert (file.content, file.content_type) == (PICTURE, "image/png")


def test_a_name_in_chinese_survives(corp: LocalSandbox):
    wecom = corp.app()
    uploaded = wecom.media.upload(MediaKind.FILE, "九月“名单”.csv", b"a,b,c\n")
    assert wecom.media.download(uploaded.media_id).filename == "九月“名单”.csv"


def test_an_upload_that_is_repeated_is_whole(corp: LocalSandbox):
    wecom = corp.app()
    wecom.media.upload(MediaKind.IMAGE, "先.png", PICTURE)
    corp.revoke_tokens()
    file = io.BytesIO(PICTURE)
    uploaded = wecom.media.upload(MediaKind.IMAGE, "再.png", file)
    assert wecom.media.download(uploaded.media_id).content == PICTURE


@pytest.mark.parametrize(
    ("kind", "content", "errcode"),
    [
        (MediaKind.IMAGE, b"", 44001),
        (MediaKind.FILE, b"12345", 40006),
        (MediaKind.IMAGE, b"GIF89a, not JPG or PNG", 40123),
        (MediaKind.IMAGE, samples.JPG + b"\0" * 10 * MEGABYTE, 40009),
        (MediaKind.VOICE, b"ID3 an mp3, not AMR", 301017),
        (MediaKind.VOICE, samples.amr(61), 45007),
        (MediaKind.VOICE, samples.AMR + b"\0" * 2 * MEGABYTE, 301016),
        (MediaKind.VIDEO, b"RIFF an avi, not MP4", 40004),
        (MediaKind.VIDEO, samples.mp4(1) + b"\0" * 10 * MEGABYTE, 40011),
        (MediaKind.FILE, b"\0" * (20 * MEGABYTE + 1), 45001),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(
    wecom: WeComApp, kind: MediaKind, content: bytes, errcode: int
):
    with refused(errcode):
        wecom.media.upload(kind, "坏文件", content)


def test_an_unknown_kind_is_40005(corp: LocalSandbox):
    with refused(40005):
        corp.client().post("media/upload", params={"type": "song"}, files={"media": ("a", PICTURE)})


def test_a_body_that_is_no_form_is_40058(corp: LocalSandbox):
    with refused(40058):
        corp.client().post("media/upload", params={"type": "image"}, data={"media": "?"})


def test_a_media_id_is_gone_after_three_days(corp: LocalSandbox):
    wecom = corp.app()
    media_id = wecom.media.upload(MediaKind.IMAGE, "海报.png", PICTURE).media_id
    corp.travel(timedelta(seconds=LIFE_S - 300))
    assert wecom.media.download(media_id).content == PICTURE
    corp.travel(timedelta(seconds=LIFE_S + 300))
    with refused(40007):
        wecom.media.download(media_id)


def test_an_unknown_media_id_is_40007_and_none_41006(wecom: WeComApp):
    with refused(40007):
        wecom.media.download("made-up")
    with refused(41006):
        wecom.media.download("")


def test_a_part_of_a_file_is_fetched(wecom: WeComApp):
    media_id = wecom.media.upload(MediaKind.FILE, "数字.txt", b"0123456789").media_id
    assert wecom.media.download(media_id, span=(2, 5)).content == b"2345"
    assert wecom.media.download(media_id, span=(8, 99)).content == b"89"


def test_a_large_file_is_given_in_parts_only(corp: LocalSandbox):
    """An upload has 20 MB at most; larger ones come from other apps, so this one is grown in the store."""
    wecom = corp.app()
    media_id = wecom.media.upload(MediaKind.FILE, "大.bin", b"\1" * 16).media_id
    corp.media_file(media_id).write_bytes(b"\1" * (20 * MEGABYTE + 1))
    with refused(830002):
        wecom.media.download(media_id)
    assert wecom.media.download(media_id, span=(20 * MEGABYTE - 1, 20 * MEGABYTE)).content == b"\1\1"


def test_an_image_has_an_address_for_good(corp: LocalSandbox):
    address = corp.app().media.upload_image("海报.png", PICTURE)
    corp.travel(timedelta(days=90))
    answer = requests.get(address, timeout=30)
    assert (answer.content, answer.headers["Content-Type"]) == (PICTURE, "image/png")


def test_an_image_for_good_has_two_megabytes_at_most(wecom: WeComApp):
    with refused(40009):
        wecom.media.upload_image("大.jpg", samples.JPG + b"\0" * 2 * MEGABYTE)
    with refused(40123):
        wecom.media.upload_image("假.jpg", b"no image at all")


def test_images_for_good_are_counted_by_the_day(corp: LocalSandbox):
    wecom = corp.app()
    corp.set_rules(images_a_day=1)
    corp.travel(samples.to_noon(500))
    wecom.media.upload_image("一.png", PICTURE)
    with pytest.raises(WeComRetryable, match="45009"):
        wecom.media.upload_image("二.png", PICTURE)
    corp.travel(samples.to_noon(501))
    assert corp.app().media.upload_image("三.png", PICTURE)


@pytest.mark.parametrize(
    ("kind", "scene", "content"),
    [
        (MediaKind.IMAGE, Scene.MOMENTS, PICTURE),
        (MediaKind.VIDEO, Scene.MOMENTS, samples.mp4(30)),
        (MediaKind.IMAGE, Scene.ALBUM, PICTURE),
    ],
)
def test_attachments_are_uploaded(wecom: WeComApp, kind: MediaKind, scene: Scene, content: bytes):
    uploaded = wecom.media.upload_attachment(kind, scene, "附件", content)
    assert uploaded.media_id
    assert uploaded.created_at_s > 1_700_000_000


@pytest.mark.parametrize(
    ("kind", "scene", "content", "errcode"),
    [
        (MediaKind.IMAGE, Scene.ALBUM, samples.JPG + b"\0" * 10 * MEGABYTE, 41080),
        (MediaKind.IMAGE, Scene.MOMENTS, samples.png(10_801, 8), 41081),
        (MediaKind.VIDEO, Scene.MOMENTS, samples.mp4(31), 41082),
        (MediaKind.VIDEO, Scene.MOMENTS, b"RIFF an avi, not MP4", 41090),
        (MediaKind.IMAGE, Scene.ALBUM, b"no image at all", 40123),
        (MediaKind.VIDEO, Scene.ALBUM, samples.mp4(3), 41072),
        (MediaKind.FILE, Scene.MOMENTS, b"a,b,c\n", 41072),
    ],
)
def test_a_wrong_attachment_is_refused(
    wecom: WeComApp, kind: MediaKind, scene: Scene, content: bytes, errcode: int
):
    with refused(errcode):
        wecom.media.upload_attachment(kind, scene, "附件", content)


def test_an_unknown_scene_is_40058(corp: LocalSandbox):
    query = {"media_type": "image", "attachment_type": "3"}
    with refused(40058):
        corp.client().post("media/upload_attachment", params=query, files={"media": ("a", PICTURE)})
