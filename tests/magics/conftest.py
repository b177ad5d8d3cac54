"""An embedded pool for the tests of commands that run."""

import subprocess
import uuid
from contextlib import contextmanager, suppress

import pytest

from dynamic_sessions_kernel import SessionPool
from dynamic_sessions_kernel.errors import SessionNotFoundError
from tests.support.pool import running_pool

VERSIONS = ["2024-02-02-preview", "2025-10-02-preview"]


@contextmanager
def embedded_pool():
    """Start a pool and yield its process, address and token."""
    with running_pool("--sandbox", "none", stderr=subprocess.DEVNULL) as pool:
        yield pool.process, pool.endpoint, pool.token


@pytest.fixture(scope="session")
def pool_address():
    with embedded_pool() as (_, endpoint, token):
        yield endpoint, token


@pytest.fixture(params=VERSIONS)
def session(request, pool_address):
    endpoint, token = pool_address
    identifier = uuid.uuid4().hex
    with SessionPool(endpoint, token=token, api_version=request.param, attempts=1) as pool:
        yield pool.session(identifier)
    # The legacy generation cannot end a session; a test may not have used its own.
    with SessionPool(endpoint, token=token) as pool, suppress(SessionNotFoundError):
        pool.session(identifier).delete()


@pytest.fixture
def doomed_session():
    """A session of a pool of its own, and the pool's process, which a test may end."""
    with (
        embedded_pool() as (process, endpoint, token),
        SessionPool(endpoint, token=token, attempts=1) as pool,
    ):
        yield pool.session(uuid.uuid4().hex), process
