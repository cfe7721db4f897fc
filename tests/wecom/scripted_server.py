"""Servers that do what a test says and remember what they were sent: for what the sandbox is too well-behaved for."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; `connection` numbers the connections by their first request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass(frozen=True)
class Answered:
    """One answer; `content` of anything but bytes is sent as JSON."""

    content: Any
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json; charset=UTF-8"),)


Script = Callable[[Asked], Answered]


class ScriptedServer:
    """Answers what `script` says; `asked` is everything that came, in order."""

    def __init__(self, script: Script) -> None:
        self.asked: list[Asked] = []
        self._script = script
        self._connections: dict[Any, int] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def of(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == f"/cgi-bin/{path}"]

    @contextmanager
    def running(self) -> Iterator[ScriptedServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _handler(outer) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                number = outer._connections.setdefault(self.client_address, len(outer._connections))
                asked = Asked(self.command, parts.path, query, dict(self.headers), body, number)
                outer.asked.append(asked)
                self._answer(outer._script(asked))

            do_POST = do_GET

            def _answer(self, answered: Answered) -> None:
                content = answered.content
                if not isinstance(content, bytes):
                    content = json.dumps(content, ensure_ascii=False).encode()
                self.send_response(answered.status)
                for name, value in answered.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        return Handler


@contextmanager
def raw_server(pieces: Iterable[bytes], then_close: bool = True) -> Iterator[str]:
    """Takes one connection at a time, reads a request, sends the pieces, closes or stays silent; its address.

    `pieces` may wait for something before it gives the next one.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()
    thread = threading.Thread(target=_serve, args=(listening, pieces, then_close, stop))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        stop.set()
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        listening.close()


def _serve(
    listening: socket.socket, pieces: Iterable[bytes], then_close: bool, stop: threading.Event
) -> None:
    while not stop.is_set():
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            try:
                for piece in pieces:
                    connection.sendall(piece)
            except OSError:
                continue
            if not then_close:
                stop.wait()
