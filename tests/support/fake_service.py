"""The one fake service: a real HTTP server on loopback that plays what a test writes down.

It exists for what the embedded pool cannot produce: empty 401s, redirects, cut responses, TLS.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from dynamic_sessions_kernel import Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable

#: No test waits for long between attempts, nor for a service that does not answer.
QUICK = Timeouts(connect=2, read=5, margin=5, sign_in=5, first_pause=0.001)
PATH = "/subscriptions/s/resourceGroups/g/sessionPools/p"
RAN = {
    "id": "execution-1",
    "status": "Succeeded",
    "result": {"stdout": "", "stderr": "", "executionResult": 42, "executionTimeInMilliseconds": 8},
}


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: tuple[str, int]

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path).removeprefix(PATH + "/")

    @property
    def query(self) -> dict[str, str]:
        query = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[-1] for name, values in query.items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Play:
    """One answer of the script."""

    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None  # bytes of the content after which the connection breaks
    drop: bool = False  # break the connection without any answer
    reset: bool = False  # break it before the request was read
    trickle: bool = False  # send the content again and again, byte by byte
    chunked: bool = False
    wait_for: threading.Event | None = None


class FakeService:
    """The server, its script, and what it saw."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.script: list[Play] = []
        self.route: Callable[[Seen], Play | None] = lambda _: None
        handler = type("Handler", (_Handler,), {"service": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        self.endpoint = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}{PATH}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def plays(self, content: bytes = b"", status: int = 200, **how: Any) -> None:
        self.script.append(Play(status, content, **how))

    def answers(self, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.plays(json.dumps(body).encode(), status, headers=headers or {})

    def always(self, status: int) -> None:
        self.route = lambda _: Play(status)

    def next(self, seen: Seen) -> Play:
        routed = self.route(seen)
        if routed is not None:
            return routed
        return self.script.pop(0) if self.script else Play(content=json.dumps(RAN).encode())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service: FakeService

    def handle(self) -> None:
        # A client that leaves, or does not trust our certificate, is part of the play.
        with contextlib.suppress(OSError):
            super().handle()

    def _answer(self) -> None:
        service = self.service
        if service.script and service.script[0].reset:
            service.script.pop(0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # as the service does: no request without all of it
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, body, self.client_address)
        service.seen.append(seen)
        self._play(service.next(seen))

    def _play(self, play: Play) -> None:
        if play.wait_for is not None:
            play.wait_for.wait(30)
        self.close_connection = play.drop or play.trickle or play.cut_after is not None
        if play.drop:
            return
        self.send_response(play.status)
        for name, value in play.headers.items():
            self.send_header(name, value)
        if play.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(play.content), play.content))
            return
        self.send_header("Content-Length", str(len(play.content) * (1000 if play.trickle else 1)))
        self.end_headers()
        pause = threading.Event()
        while play.trickle and not pause.wait(0.02):
            self.wfile.write(play.content[:1])
        self.wfile.write(play.content[: play.cut_after])

    do_GET = do_POST = do_DELETE = do_CONNECT = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Stay silent: pytest shows enough."""
