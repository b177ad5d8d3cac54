"""The one way to a pool that can be cut, slowed, refused and garbled while cells run.

The pool and the kernel are the real ones; between them stands an HTTP server that hands each
call on, and does to an execution or its response what a test tells it to.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

#: The end of every wait, in seconds.
LIMIT = 30


@dataclass
class Reply:
    """An answer on its way back to the kernel.

    Attributes:
        cut: how many bytes of the body are sent before the connection breaks; None for all.
        pause: seconds between its first half and its second.
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    pause: float = 0.0


#: What becomes of an execution: it may forward it, or not, and answers or, with None, hangs up.
Fault = Callable[[Callable[[], Reply]], Reply | None]


class Proxy:
    """Stands between kernels and a pool. `fault` is done to every execution while it is set.

    Attributes:
        endpoint: the pool's, by way of the proxy.
        met: how many executions have met the fault.
        calls: how many calls of any kind have come.
    """

    def __init__(self, pool_endpoint: str) -> None:
        self._pool = urlsplit(pool_endpoint)
        self.fault: Fault | None = None
        self.met = 0
        self.calls = 0
        self._whole = False
        self._changed = threading.Condition()
        self._connections: set[Any] = set()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.plug_in()
        self.endpoint = f"http://127.0.0.1:{self._port}{self._pool.path}"

    def plug_in(self) -> None:
        """Take connections."""
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def unplug(self) -> None:
        """Break every connection and refuse new ones, as a network that is gone does."""
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(2)

    def heal(self) -> None:
        """Hand everything on again."""
        self.fault = None
        self._whole = False
        if self._server is None:
            self.plug_in()

    def hurt(self, fault: Fault, *, whole: bool = False) -> None:
        """Do this to every execution from now on, or to the whole pool: to each call."""
        with self._changed:
            self.met = 0
        self._whole = whole
        self.fault = fault

    @staticmethod
    def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
        """Make an answer that no pool gave."""
        return Reply(status, body, {name.replace("_", "-"): v for name, v in headers.items()})

    def until_met(self, times: int = 1) -> None:
        """Wait until executions have met the fault so often."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.met >= times, LIMIT)

    def answer(self, handler: _Handler, body: bytes) -> Reply | None:
        self.calls += 1
        fault = self.fault if self._whole or handler.command == "POST" else None
        if fault is None:
            return self._forward(handler, body)
        try:
            return fault(lambda: self._forward(handler, body))
        finally:
            with self._changed:
                self.met += 1
                self._changed.notify_all()

    def _forward(self, handler: _Handler, body: bytes) -> Reply:
        with contextlib.closing(
            http.client.HTTPConnection(self._pool.hostname or "", self._pool.port, timeout=60)
        ) as connection:
            connection.request(handler.command, handler.path, body, dict(handler.headers))
            answer = connection.getresponse()
            return Reply(answer.status, answer.read(), dict(answer.getheaders()))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: Proxy

    def setup(self) -> None:
        super().setup()
        self.proxy._connections.add(self.connection)

    def finish(self) -> None:
        self.proxy._connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            reply = self.proxy.answer(self, body)
        except (OSError, http.client.HTTPException):
            reply = None
        if reply is None:
            self.close_connection = True
            self.connection.shutdown(2)
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if reply.cut is not None:
            self.wfile.write(reply.body[: reply.cut])
            self.close_connection = True
            return
        half = len(reply.body) // 2
        self.wfile.write(reply.body[:half])
        if reply.pause:
            self.wfile.flush()
            time.sleep(reply.pause)
        self.wfile.write(reply.body[half:])

    do_GET = do_POST = do_DELETE = _pass  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Stay silent."""
