"""Deleting a session while the kernel is on its way out, which nobody may hold up."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import DynamicSessionsError
from dynamic_sessions_kernel.threads import start_call

if TYPE_CHECKING:
    from dynamic_sessions_kernel.client.session import Session

#: Seconds that the service is waited for: a front end kills a kernel 2.5 s after it said goodbye.
DELETE_SECONDS = 1.2

_log = logging.getLogger(__name__)


async def delete_in_time(session: Session) -> None:
    """Delete a session; one that cannot be deleted cools down by itself."""
    try:
        await asyncio.wait_for(start_call(session.delete), DELETE_SECONDS)
    except (DynamicSessionsError, TimeoutError) as error:
        _log.debug("the session was not deleted: %s", type(error).__name__)
