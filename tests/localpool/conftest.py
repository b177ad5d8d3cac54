"""Embedded pools as people start them: a process of its own, called over HTTP."""

from __future__ import annotations

import secrets
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support import pool as support
from tests.support.pool import LocalPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NEWEST = "2025-10-02-preview"
LEGACY = "2024-02-02-preview"


@dataclass
class Caller:
    """A session of a pool, called as a client of the API calls it."""

    endpoint: str
    token: str
    version: str = NEWEST
    identifier: str = field(default_factory=lambda: secrets.token_hex(16))

    def __post_init__(self) -> None:
        self.http = requests.Session()
        self.http.trust_env = False

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        query = {"api-version": self.version, "identifier": self.identifier}
        query.update(more.pop("query", {}))
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        more.setdefault("timeout", 60)
        url = f"{self.endpoint}/{path}"
        return self.http.request(method, url, params=query, headers=headers, **more)

    def post(self, code: str, **more: Any) -> requests.Response:
        if self.version < "2024-10":
            body = {"codeInputType": "inline", "executionType": "synchronous", "code": code}
            return self.call("POST", "code/execute", json={"properties": {**body, **more}})
        body = {"codeInputType": "Inline", "executionType": "Synchronous", "code": code, **more}
        return self.call("POST", "executions", json=body)

    def run(self, code: str, **more: Any) -> dict[str, Any]:
        """Run code; return what is told of its outcome."""
        answer = self.post(code, **more)
        assert answer.status_code in (200, 202), answer.text
        told = answer.json()
        return told["properties"] if "properties" in told else {**told, **told["result"]}

    def upload(self, name: str, content: bytes, **more: Any) -> requests.Response:
        path = "files/upload" if self.version < "2024-10" else "files"
        return self.call("POST", path, files={"file": (name, content)}, **more)


@dataclass(frozen=True)
class RunningPool(LocalPool):
    """A pool whose sessions are called without our client."""

    def caller(self, **more: Any) -> Caller:
        return Caller(self.endpoint, self.token, **more)


def start(*options: str, **variables: str) -> RunningPool:
    pool = support.start_pool(*options, stderr=subprocess.PIPE, **variables)
    return RunningPool(pool.told, pool.process)


@pytest.fixture
def start_pool() -> Iterator[Callable[..., RunningPool]]:
    """Start pools with options of the test's own; they are stopped behind it."""
    pools: list[RunningPool] = []

    def starter(*options: str, **variables: str) -> RunningPool:
        pools.append(start(*options, **variables))
        return pools[-1]

    yield starter
    for pool in pools:
        pool.stop()


@pytest.fixture(scope="session")
def shared_pool() -> Iterator[RunningPool]:
    """One pool for all tests that need nothing of their own."""
    pool = start()
    yield pool
    assert pool.stop() == "", "the pool has nothing to say while all goes well"


@pytest.fixture(scope="module")
def session(shared_pool: RunningPool) -> Iterator[Caller]:
    """One session for a module's tests that leave each other alone."""
    with_session = shared_pool.caller()
    yield with_session
    with_session.call("DELETE", "session")


@pytest.fixture
def fresh(shared_pool: RunningPool) -> Iterator[Caller]:
    """A session of the test's own."""
    caller = shared_pool.caller()
    yield caller
    caller.call("DELETE", "session")


def until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait for what no event tells."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    return until


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder for temporary files; pools do without one whose path is too long for sockets."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        yield Path(folder)
