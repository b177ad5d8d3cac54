"""What the tests of tools share: a session of the embedded pool."""

from __future__ import annotations

import uuid

import pytest


@pytest.fixture(scope="module")
def session(local_pool):
    with local_pool.client() as pool:
        session = pool.session(str(uuid.uuid4()))
        yield session
        session.delete()
