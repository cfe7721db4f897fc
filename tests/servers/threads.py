"""A WSGI application on a port, served by threads of the test's own process: what the test holds, the pages show."""

from __future__ import annotations

import threading
from typing import IO, Any

from werkzeug.serving import WSGIRequestHandler, make_server


def _read_whole(file: IO[bytes], _size: int = 0) -> list[bytes]:
    with file:
        return [file.read()]


class _Handler(WSGIRequestHandler):
    """Files are read before they are sent: werkzeug leaves one open whose browser goes away while it is sent."""

    def make_environ(self) -> dict[str, Any]:
        return {**super().make_environ(), "wsgi.file_wrapper": _read_whole}


class ThreadServer:
    """Answers at `port` of this machine from now until `stop`, which returns when the port is closed."""

    def __init__(self, application: Any) -> None:
        self._server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Handler)
        self.port = int(self._server.server_port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
