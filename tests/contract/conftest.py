"""One embedded pool of each profile, started when the first test asks for it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.support.pool import LocalPool, running_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def pool_of() -> Iterator[Callable[[str], LocalPool]]:
    """Return the pool of a profile."""
    started: dict[str, LocalPool] = {}
    with contextlib.ExitStack() as stack:

        def find(profile: str) -> LocalPool:
            if profile not in started:
                started[profile] = stack.enter_context(running_pool("--profile", profile))
            return started[profile]

        yield find


@pytest.fixture(scope="module")
def full_pool() -> Iterator[Callable[[int], LocalPool]]:
    """Return a pool without room that answers with this status."""
    started: dict[int, LocalPool] = {}
    with contextlib.ExitStack() as stack:

        def find(status: int) -> LocalPool:
            if status not in started:
                options = ("--max-sessions", "1", "--full-status", str(status))
                pool = started[status] = stack.enter_context(running_pool(*options))
                with pool.client() as client:
                    client.session("0123456789abcdef").execute("1")
            return started[status]

        yield find
