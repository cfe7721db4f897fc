"""What goes over the wire: connections kept, bodies made once, files sent whole every time, answers read with care."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.wecom.client import CorpClient
from app.wecom.errors import WeComMisconfigured, WeComRejected, WeComRetryable
from app.wecom.token_cache import ProcessCache
from app.wecom.transport import Body, Lost, Reply, Transport
from tests.wecom.local_sandbox import OURS
from tests.wecom.scripted_server import Answered, Asked, ScriptedServer, raw_server

OK = {"errcode": 0, "errmsg": "ok"}
CHUNKED = [
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b'8\r\n{"errcod\r\n',
    b'4\r\ne":0\r\n1\r\n}\r\n0\r\n\r\n',
]


class WeCom:
    """A server that answers from `answers`, then OK; tokens are numbered."""

    def __init__(self) -> None:
        self.answers: list[Answered] = []
        self.tokens = 0
        self.server = ScriptedServer(self._answer)
        self.client = CorpClient(OURS, self.server.url, ProcessCache(), sleep=lambda _seconds: None)

    def _answer(self, asked: Asked) -> Answered:
        if asked.path.endswith("/gettoken"):
            self.tokens += 1
            return Answered({**OK, "access_token": f"token{self.tokens}", "expires_in": 7200})
        return self.answers.pop(0) if self.answers else Answered(OK)


@pytest.fixture
def wecom() -> Iterator[WeCom]:
    found = WeCom()
    with found.server.running():
        yield found


def test_a_connection_is_kept(wecom: WeCom):
    for _ in range(5):
        wecom.client.get("user/get")
    assert {asked.connection for asked in wecom.server.asked} == {0}


def test_a_body_is_real_utf8_and_its_kind_is_named(wecom: WeCom):
    wecom.client.post("message/send", data={"text": {"content": "您好"}})
    (asked,) = wecom.server.of("message/send")
    assert (asked.method, asked.query) == ("POST", {"access_token": "token1"})
    assert "您好".encode() in asked.body
    assert asked.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("data", ['{"a": "好"}', '{"a": "好"}'.encode()], ids=["text", "bytes"])
def test_what_is_rendered_already_goes_as_it_is(wecom: WeCom, data: str | bytes):
    wecom.client.post("message/send", data=data)
    assert json.loads(wecom.server.of("message/send")[0].body) == {"a": "好"}


def test_parameters_that_are_none_are_left_out(wecom: WeCom):
    wecom.client.get("user/get", params={"userid": "李 娜&co", "cursor": None})
    assert wecom.server.of("user/get")[0].query == {"userid": "李 娜&co", "access_token": "token1"}


def test_a_redirect_is_not_followed(wecom: WeCom):
    elsewhere = (("Location", f"{wecom.server.url}/cgi-bin/elsewhere"),)
    wecom.answers = [Answered(b"", 302, elsewhere)]
    with pytest.raises(WeComMisconfigured) as caught:
        wecom.client.get("user/get")
    assert caught.value.errcode == 302
    assert not wecom.server.of("elsewhere")


@pytest.mark.parametrize("content", [[], b"", b"null", b"<html>", b'{"errcode": "x"}', b"\xff"])
def test_an_answer_that_is_no_object_is_an_error(wecom: WeCom, content: Any):
    wecom.answers = [Answered(content)]
    with pytest.raises(WeComRetryable, match="not a JSON object"):
        wecom.client.get("user/get")


def test_a_missing_errcode_is_success_and_one_in_quotes_is_a_number(wecom: WeCom):
    wecom.answers = [Answered({"userid": "lina"}), Answered({"errcode": "60111", "errmsg": ""})]
    assert wecom.client.get("user/get") == {"userid": "lina", "errcode": 0}
    with pytest.raises(WeComRejected) as caught:
        wecom.client.get("user/get")
    assert caught.value.errcode == 60111


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_server_is_asked_three_times(wecom: WeCom, status: int):
    wecom.answers = [Answered(b"busy", status)] * 2
    assert wecom.client.post("externalcontact/remark", data={})["errcode"] == 0
    assert len(wecom.server.of("externalcontact/remark")) == 3


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_what_may_have_been_made_is_not_made_again(wecom: WeCom, status: int):
    wecom.answers = [Answered(b"busy", status)]
    with pytest.raises(WeComRetryable, match=f"HTTP {status}") as caught:
        wecom.client.post("living/create", data={})
    assert caught.value.sent
    assert len(wecom.server.of("living/create")) == 1


def test_what_was_not_let_in_is_asked_again(wecom: WeCom):
    wecom.answers = [Answered(b"slow down", 429)]
    assert wecom.client.post("living/create", data={})["errcode"] == 0


def test_an_answer_in_chunks_is_whole():
    with raw_server(CHUNKED) as url:
        reply = exchange(url)
    assert isinstance(reply, Reply)
    assert reply.content == b'{"errcode":0}'


def test_an_answer_that_is_too_long_is_not_read():
    with raw_server([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b" " * 100]) as url:
        assert exchange(url, most_bytes=99) == Lost("the answer is too long", again=False)


def test_an_answer_that_breaks_off_is_none():
    with raw_server([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b" " * 50]) as url:
        assert exchange(url) == Lost("ProtocolError")


def test_an_answer_that_never_ends_is_not_listened_to():
    def trickle() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
        while True:
            yield b" "
            threading.Event().wait(0.02)

    with raw_server(trickle()) as url:
        assert exchange(url, within_s=0.3) == Lost("the answer came too slowly", again=False)


HEADERS = b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 2_000


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200 OK\r\n", HEADERS], ids=["status", "header", "long header"]
)
def test_headers_that_never_end_are_not_listened_to(begun: bytes):
    def drip() -> Iterator[bytes]:
        yield begun
        while True:
            yield b"H"
            threading.Event().wait(0.02)

    with raw_server(drip()) as url:
        assert exchange(url, within_s=0.3) == Lost("the answer came too slowly", again=False)


def test_a_server_that_does_not_read_is_not_written_to_for_ever(unread: str):
    sent = exchange(unread, within_s=0.3, body=Body(bytes(64 * 1024 * 1024), "application/octet-stream"))
    assert sent == Lost("the answer came too slowly", again=False)


@pytest.fixture
def unread() -> Iterator[str]:
    """A server that takes a connection and nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_the_next_exchange_over_a_kept_connection_has_its_own_time(wecom: WeCom):
    transport = Transport(f"{wecom.server.url}/cgi-bin/")
    for within_s in (5, 60):
        reply = transport.exchange(
            "GET", transport.target("user/get", {}), None, timeout=(60, 60), most_bytes=99, within_s=within_s
        )
        assert isinstance(reply, Reply)
    assert {asked.connection for asked in wecom.server.asked} == {0}


def test_all_addresses_of_a_server_share_one_time_to_connect(monkeypatch: pytest.MonkeyPatch):
    tried: list[float] = []

    class Silent(socket.socket):
        def connect(self, _address: Any) -> None:
            tried.append(self.gettimeout() or 0)
            threading.Event().wait(self.gettimeout())
            raise TimeoutError

    one = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("192.0.2.1", 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: [one] * 50)
    monkeypatch.setattr(socket, "socket", Silent)
    transport = Transport("http://wecom.example/cgi-bin/")
    lost = transport.exchange("GET", "/", None, timeout=(0.2, 60), most_bytes=9, within_s=60)
    assert lost == Lost("ConnectTimeoutError", sent=False, again=False)
    assert sum(tried) < 0.5


def exchange(
    url: str, most_bytes: int = 1000, within_s: float = 60, body: Body | None = None
) -> Reply | Lost:
    transport = Transport(f"{url}/cgi-bin/")
    target = transport.target("user/get", {})
    return transport.exchange(
        "POST" if body else "GET", target, body, timeout=(60, 60), most_bytes=most_bytes, within_s=within_s
    )


class Pipe(io.RawIOBase):
    """Bytes that can be read once."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._content.read(size)


def opened_at_3() -> io.BytesIO:
    file = io.BytesIO(b"...the rest of it")
    file.seek(3)
    return file


@pytest.mark.parametrize("make", [opened_at_3, lambda: Pipe(b"the rest of it")], ids=["file", "pipe"])
@pytest.mark.parametrize("errcode", [42001, 40014, -1, 45033])
def test_every_repeat_of_an_upload_has_the_same_bytes(
    wecom: WeCom, make: Callable[[], io.IOBase], errcode: int
):
    wecom.answers = [Answered({"errcode": errcode})]
    wecom.client.post("media/upload", params={"type": "file"}, files={"media": make()})
    first, second = wecom.server.of("media/upload")
    assert first.body == second.body
    assert b"\r\n\r\nthe rest of it\r\n" in first.body
    assert first.query["type"] == second.query["type"] == "file"


def test_a_file_is_left_where_it_stood(wecom: WeCom):
    file = opened_at_3()
    wecom.client.post("media/upload", files={"media": file})
    assert file.tell() == 3


def test_a_file_on_disk_is_sent_with_its_chinese_name(wecom: WeCom, tmp_path: Path):
    path = tmp_path / "新品 海报.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    with path.open("rb") as file:
        wecom.client.post("media/uploadimg", files={"media": file})
    (asked,) = wecom.server.of("media/uploadimg")
    assert 'name="media"; filename="新品 海报.png"'.encode() in asked.body
    assert b"Content-Type: image/png" in asked.body
    assert asked.headers["Content-Type"].startswith("multipart/form-data; boundary=")


def test_a_part_may_name_its_file_and_type_and_stand_beside_fields(wecom: WeCom):
    wecom.client.post(
        "media/upload", data={"note": "您好"}, files={"media": ("a.amr", b"#!AMR", "voice/amr")}
    )
    (asked,) = wecom.server.of("media/upload")
    assert b'filename="a.amr"\r\nContent-Type: voice/amr\r\n\r\n#!AMR\r\n' in asked.body
    assert 'name="note"\r\n\r\n您好\r\n'.encode() in asked.body


def file_answer(content: bytes, disposition: str, status: int = 200) -> Answered:
    headers = (("Content-Type", "image/png"), ("Content-Disposition", disposition))
    return Answered(content, status, headers)


def test_a_file_is_downloaded_with_its_name(wecom: WeCom):
    wecom.answers = [file_answer(b"{}", 'attachment; filename="../poster.png"')]
    found = wecom.client.download("media/get", {"media_id": "m1"})
    assert (found.content, found.content_type, found.filename) == (b"{}", "image/png", "poster.png")
    assert wecom.server.of("media/get")[0].query["media_id"] == "m1"


def test_a_part_of_a_file_is_asked_for_by_its_span(wecom: WeCom):
    wecom.answers = [file_answer(b"cd", "attachment", 206)]
    assert wecom.client.download("media/get", {}, span=(2, 3)).content == b"cd"
    assert wecom.server.of("media/get")[0].headers["Range"] == "bytes=2-3"


def test_an_error_instead_of_a_file_is_an_error(wecom: WeCom):
    wecom.answers = [Answered({"errcode": 40007, "errmsg": "invalid media_id"})]
    with pytest.raises(WeComRejected) as caught:
        wecom.client.download("media/get", {})
    assert caught.value.errcode == 40007


def test_a_stale_token_is_renewed_for_a_download_too(wecom: WeCom):
    wecom.answers = [Answered({"errcode": 42001}), file_answer(b"x", "attachment")]
    assert wecom.client.download("media/get", {}).content == b"x"
    assert wecom.tokens == 2


def test_what_is_neither_a_file_nor_an_error_is_one(wecom: WeCom):
    wecom.answers = [Answered(OK)]
    with pytest.raises(WeComRetryable, match="not a file"):
        wecom.client.download("media/get", {})


def test_a_file_that_is_too_long_is_not_read(wecom: WeCom):
    wecom.answers = [file_answer(b"123456", "attachment")]
    with pytest.raises(WeComRetryable, match="too long"):
        wecom.client.download("media/get", {}, most_bytes=5)


def test_apis_we_do_not_know_work_as_wechatpy_ships_them(wecom: WeCom):
    wecom.answers = [Answered({**OK, "ip_list": ["192.0.2.1"]}), Answered({**OK, "agentid": 7})]
    assert wecom.client.misc.get_wechat_ips() == ["192.0.2.1"]
    assert wecom.client.agent.get(7)["agentid"] == 7
    wecom.client.menu.create(7, {"button": []})
    assert wecom.server.of("menu/create")[0].query["agentid"] == "7"
