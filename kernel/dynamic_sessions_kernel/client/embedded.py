"""The person's embedded pool, found or started: the one place that knows it from outside.

A pool that was killed leaves its address behind, and its port to anybody. So whoever answers there
proves that it knows the token before anything is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dynamic_sessions_kernel.localpool.proof import demand

if TYPE_CHECKING:
    import socket

    from dynamic_sessions_kernel.localpool.shared.find_or_start import PoolAddress

    from .http.transport import Transport

#: Stands in the place of an endpoint.
EMBEDDED = "embedded"


def find_or_start() -> PoolAddress:
    """Return the person's pool, started if none runs. Blocks for a second or so.

    Raises:
        LocalPoolError: it cannot be started.
    """
    # Not before now: it needs what an Azure pool does without, and Windows has not.
    from dynamic_sessions_kernel.localpool.shared import find_or_start

    return find_or_start.find_or_start()


def demand_proof(transport: Transport, endpoint: str, token: str) -> None:
    """Have each connection examined before anything is sent on it."""
    where = urlsplit(endpoint)

    def examine(connection: socket.socket) -> None:
        demand(connection, where.netloc, where.path, token)

    transport.examine_connections(examine)


def no_sandbox_warning(address: PoolAddress) -> str:
    """Return what a person must know of a pool without a sandbox; empty where it has one."""
    if address.sandbox != "none":
        return ""
    return (
        "The embedded pool runs sessions on this machine WITHOUT a sandbox: their code can do "
        f"all that you can. {address.reason}"
    ).rstrip()


def notice(address: PoolAddress, *, warned: bool) -> str | None:
    """Return what the person must know of the pool; None where it was said before.

    Args:
        address: of the pool.
        warned: whether this kernel has said already that there is no sandbox.
    """
    if warning := no_sandbox_warning(address):
        return None if warned else warning
    if not address.started:
        return None
    return (
        "Started the embedded pool: sessions run on this machine, in a sandbox "
        f"({address.sandbox}) that is good for development and is not Hyper-V."
    )
