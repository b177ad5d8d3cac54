"""Finds or starts the embedded pool, and recognises that it is gone.

A network that fails can come back, and a runtime waits for it. A pool of this machine that refuses
connections has ended, and its sessions with it: waiting for it is no use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dynamic_sessions_kernel.client.pool import SessionPool
from dynamic_sessions_kernel.client.session import Session
from dynamic_sessions_kernel.errors import NotSentError, SessionLostError
from dynamic_sessions_kernel.localpool.proof import demand

if TYPE_CHECKING:
    import socket

    from dynamic_sessions_kernel.client.models import ExecutionResult
    from dynamic_sessions_kernel.localpool.shared.find_or_start import PoolAddress

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
        if token is None:
            return
        where = urlsplit(endpoint)

        def examine(connection: socket.socket) -> None:
            demand(connection, where.netloc, where.path, token)

        self._transport.examine_connections(examine)

    def session(self, identifier: str) -> EmbeddedSession:
        """Return the session of that identifier, as every pool does."""
        return EmbeddedSession(self._transport, self._generation, self._management, identifier)


def find_or_start() -> PoolAddress:
    """Return the person's pool, started if none runs. Blocks for a second or so.

    Raises:
        LocalPoolError: it cannot be started.
    """
    # Not before now: it needs what an Azure pool does without, and Windows has not.
    from dynamic_sessions_kernel.localpool.shared import find_or_start

    return find_or_start.find_or_start()


def notice(address: PoolAddress, *, warned: bool) -> str | None:
    """Return what the person must know of the pool; None where it was said before.

    Args:
        address: of the pool.
        warned: whether this kernel has said already that there is no sandbox.
    """
    if address.sandbox == "none":
        if warned:
            return None
        words = (
            "The embedded pool runs sessions on this machine WITHOUT a sandbox: their code can do "
            f"all that you can. {address.reason}"
        )
        return words.rstrip()
    if not address.started:
        return None
    return (
        "Started the embedded pool: sessions run on this machine, in a sandbox "
        f"({address.sandbox}) that is good for development and is not Hyper-V."
    )
