"""Notebooks on the embedded pool, by way of a proxy, and what their cells really did."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.proxy import LIMIT, Proxy


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
