"""Notebooks whose network can be cut, on each runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.notebook import Notebook
    from tests.support.pool import LocalPool


@pytest.fixture
def cable(local_pool: LocalPool) -> Iterator[Proxy]:
    """The way to the pool, which can be cut and healed."""
    proxy = Proxy(local_pool.endpoint)
    yield proxy
    proxy.unplug()


@pytest.fixture
def behind(cable: Proxy, local_pool: LocalPool) -> dict[str, str]:
    """What a kernel needs to reach the pool by that way."""
    return {
        **local_pool.environment,
        "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT": cable.endpoint,
        "DYNAMIC_SESSIONS_RUNTIME": "bridge",
    }


@pytest.fixture(params=["bridge", "direct"])
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def notebook(new_notebook: Callable[..., Notebook], runtime: str) -> Notebook:
    """A notebook of the test's own."""
    return new_notebook(DYNAMIC_SESSIONS_RUNTIME=runtime)
