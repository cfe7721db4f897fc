"""A server that answers every call like a WeCom that took it, as cheaply as it can: what the senders cost shows.

Run as a process of its own; prints its port and answers until its input ends.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TAKEN = {"errcode": 0, "errmsg": "ok", "msgid": "m" * 64, "access_token": "t" * 128, "expires_in": 7200}


class Taking(BaseHTTPRequestHandler):
    """Reads a request to its end and takes it."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per answer
    disable_nagle_algorithm = True
    answer = json.dumps(TAKEN).encode()

    def do_GET(self) -> None:
        """gettoken."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing: it would cost."""


def main() -> None:
    """Until standard input ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
