"""Notebooks whose network can be cut, on each runtime."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.notebook import Notebook
    from tests.support.pool import LocalPool


class Cable:
    """A TCP connection's way to a server, which can be cut and mended.

    Attributes:
        port: where it begins.
        carried: how many bytes went through, both ways.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._whole = True
        self._open: set[socket.socket] = set()
        self.carried = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._whole:
                    near.close()
                    continue
                far = socket.create_connection(self._server)
                self._open |= {near, far}
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.carried += len(data)
                target.sendall(data)
        self._end(source, target)

    def _end(self, *ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            self._open.discard(end)

    def cut(self) -> None:
        """End what is connected and let nothing through."""
        self._whole = False
        self._end(*self._open)

    def mend(self) -> None:
        """Let connections through again."""
        self._whole = True

    def close(self) -> None:
        self.cut()
        self._listener.close()


@pytest.fixture
def cable(local_pool: LocalPool) -> Iterator[Cable]:
    """The way to the pool."""
    where = urlsplit(local_pool.endpoint)
    assert where.hostname is not None
    assert where.port is not None
    cable = Cable(where.hostname, where.port)
    yield cable
    cable.close()


@pytest.fixture
def behind(cable: Cable, local_pool: LocalPool) -> dict[str, str]:
    """What a kernel needs to reach the pool through the cable."""
    port = urlsplit(local_pool.endpoint).port
    endpoint = local_pool.endpoint.replace(f":{port}", f":{cable.port}")
    return {
        **local_pool.environment,
        "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT": endpoint,
        "DYNAMIC_SESSIONS_RUNTIME": "bridge",
    }


@pytest.fixture(params=["bridge", "direct"])
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def notebook(new_notebook: Callable[..., Notebook], runtime: str) -> Notebook:
    """A notebook of the test's own."""
    return new_notebook(DYNAMIC_SESSIONS_RUNTIME=runtime)
