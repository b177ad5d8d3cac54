"""A way to the embedded pool that can be cut, slowed, refused and garbled while cells run.

The pool and the kernel are the real ones; between them stands an HTTP server that hands each
execution on, and does to the call or its answer what a test tells it to.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

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
    """Stands between kernels and a pool. `fault` is done to every execution while it is set."""

    def __init__(self, pool_endpoint: str) -> None:
        self._pool = urlsplit(pool_endpoint)
        self.fault: Fault | None = None
        self.met = 0
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
        if self._server is None:
            self.plug_in()

    def hurt(self, fault: Fault) -> None:
        """Do this to every execution from now on."""
        with self._changed:
            self.met = 0
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
        fault = self.fault if handler.command == "POST" else None
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


class Place:
    """A notebook's session, seen past the proxy: what its cells really did."""

    def __init__(self, pool: Any, identifier: str) -> None:
        self.session = pool.session(identifier)

    @staticmethod
    def mark(line: str) -> str:
        """Make code that appends a line to the session's file each time that it runs."""
        return f"with open('/mnt/data/ran', 'a') as _f: _ = _f.write('{line}\\n')\n"

    def ran(self, line: str) -> int:
        """How often the code of that mark ran."""
        return self.lines("ran").count(line)

    def lines(self, name: str) -> list[str]:
        """The lines that cells appended to a file; none where there is no such file."""
        if name not in [file.name for file in self.session.list_files()]:
            return []
        with self.session.download(name) as stream:
            return stream.read().decode().split()

    def until(self, name: str, count: int = 1) -> None:
        """Wait until a file has so many lines, which no event tells."""
        end = time.monotonic() + LIMIT
        while len(self.lines(name)) < count:
            assert time.monotonic() < end, f"{name} has not {count} lines"
            time.sleep(0.02)


@pytest.fixture(scope="session")
def proxy(local_pool) -> Iterator[Proxy]:
    made = Proxy(local_pool.endpoint)
    yield made
    made.unplug()


@pytest.fixture
def way(proxy: Proxy) -> Iterator[Proxy]:
    """The proxy, whole again when the test is over."""
    yield proxy
    proxy.heal()


@pytest.fixture(scope="session")
def open_through(local_pool, start_notebook) -> Iterator[Callable[..., Any]]:
    """Open a notebook on an endpoint, by default the pool's own; it knows its `place`."""
    pool = local_pool.client()
    places = []

    def start(endpoint: str = local_pool.endpoint, **settings: str) -> Any:
        identifier = uuid.uuid4().hex
        notebook = start_notebook(
            {
                **local_pool.environment,
                "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT": endpoint,
                "DYNAMIC_SESSIONS_IDENTIFIER": identifier,
                **settings,
            }
        )
        notebook.place = Place(pool, identifier)
        places.append(notebook.place)
        return notebook

    yield start
    for place in places:
        with contextlib.suppress(Exception):  # most are gone with their notebooks
            place.session.delete()
    pool.close()


@pytest.fixture(scope="module")
def notebook(proxy: Proxy, open_through) -> Iterator[Any]:
    """A notebook behind the proxy, shared by tests that leave its session alive."""
    opened = open_through(proxy.endpoint)
    opened.run("import os, time")
    yield opened
    opened.close()


@pytest.fixture
def fresh(proxy: Proxy, open_through) -> Iterator[Any]:
    """A notebook behind the proxy, for a test that ends its session."""
    opened = open_through(proxy.endpoint)
    opened.run("import os, time")
    yield opened
    opened.close()
