"""A session for the direct runtime without a front end."""

from __future__ import annotations

import contextlib
import uuid

import pytest

from dynamic_sessions_kernel.errors import DynamicSessionsError


@pytest.fixture
def session(local_pool):
    with local_pool.client() as pool:
        opened = pool.session(uuid.uuid4().hex)
        yield opened
        with contextlib.suppress(DynamicSessionsError):
            opened.delete()
