"""The embedded pool as cells use it: recognised when it is gone.

A network that fails can come back, and a runtime waits for it. A pool of this machine that refuses
connections has ended, and its sessions with it: waiting for it is no use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.client.embedded import demand_proof
from dynamic_sessions_kernel.client.pool import SessionPool
from dynamic_sessions_kernel.client.session import Session
from dynamic_sessions_kernel.errors import NotSentError, SessionLostError

if TYPE_CHECKING:
    from dynamic_sessions_kernel.client.models import ExecutionResult

_GONE = (
    "The embedded pool ended, and with it the session, its variables and its files. Nothing of "
    "this cell ran. Run it again: that starts a new pool."
)


class EmbeddedSession(Session):
    """A session that is lost when its pool cannot be reached."""

    def execute(self, code: str, **options: Any) -> ExecutionResult:
        """Run code, as every session does.

        Raises:
            SessionLostError: the pool has ended.
        """
        try:
            return super().execute(code, **options)
        except NotSentError:
            raise SessionLostError(_GONE) from None


class EmbeddedPool(SessionPool):
    """A pool of this machine, which proves on each connection that it knows the token.

    Args:
        endpoint, token, more: as for every pool.
    """

    def __init__(self, endpoint: str, *more: Any, token: str | None, **options: Any) -> None:
        super().__init__(endpoint, *more, token=token, **options)
        if token is not None:
            demand_proof(self._transport, endpoint, token)

    def session(self, identifier: str) -> EmbeddedSession:
        """Return the session of that identifier, as every pool does."""
        return EmbeddedSession(self._transport, self._generation, self._management, identifier)
