"""Looks whether the service has a session, and deletes one that may be gone. These calls block."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import DynamicSessionsError, SessionNotFoundError

if TYPE_CHECKING:
    from dynamic_sessions_kernel.client.session import Session

_log = logging.getLogger(__name__)


def exists(session: Session) -> bool | None:
    """Whether the service has the session already; None in doubt."""
    try:
        session.info(attempts=2)
    except SessionNotFoundError:
        return False
    except DynamicSessionsError as error:
        _log.debug("unknown whether the session exists: %s", type(error).__name__)
        return None
    return True


def delete_if_there(session: Session) -> bool:
    """Delete a session; return whether there was one."""
    try:
        session.delete()
    except SessionNotFoundError:
        return False
    return True
