"""Which runtime a session gets: the one place that knows them all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .bridge.responses import CannotHostError
from .bridge.runtime import BridgeRuntime
from .direct import DirectRuntime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dynamic_sessions_kernel.client.session import Session
    from dynamic_sessions_kernel.errors import DynamicSessionsError
    from dynamic_sessions_kernel.messages import Emit
    from dynamic_sessions_kernel.settings import Settings

    from .base import Runtime

#: Seconds after which an embedded pool that refuses connections counts as ended: unlike a network,
#: it does not come back, and its sessions ended with it.
_EMBEDDED_POOL_GONE_SECONDS = 3.0


async def connect_runtime(
    settings: Settings,
    emit: Emit,
    session: Session,
    say: Callable[[str], None],
    *,
    fresh: bool,
    cell: Callable[[], str | None],
    arguments: Sequence[str] = (),
) -> Runtime:
    """Make the runtime that the settings ask for, and connect it.

    Args:
        settings: of the kernel.
        emit: takes the runtime's messages.
        session: the session to run in.
        say: shows a sentence in the cell that runs.
        fresh: clear the variables of a session that the kernel's forerunner has left.
        cell: returns the request that waits now, for notices about the connection.
        arguments: what follows the connection file in the session's `sys.argv`.

    Raises:
        CannotHostError: the bridge was asked for, and the session cannot host it.
        DynamicSessionsError: see `Runtime.connect`.
    """
    keep_alive = settings.keep_alive
    if settings.runtime != "direct":
        bridge = BridgeRuntime(
            emit,
            session,
            keep_alive=keep_alive,
            fresh=fresh,
            cell=cell,
            arguments=arguments,
            unreachable=math.inf if settings.endpoint else _EMBEDDED_POOL_GONE_SECONDS,
        )
        try:
            await bridge.connect()
        except CannotHostError as error:
            await bridge.close(delete=False)
            if settings.runtime == "bridge":
                raise
            say(_falling_back(error))
        else:
            return bridge
    direct = DirectRuntime(emit, session, keep_alive=keep_alive, fresh=fresh, arguments=arguments)
    await direct.connect()
    return direct


def offers_debugger(choice: str) -> bool:
    """Return whether front ends are offered a debugger, before any session exists."""
    return choice != "direct"


def _falling_back(error: DynamicSessionsError) -> str:
    return (
        f"Cells run as direct executions, without streaming output, input() and interrupt: {error}"
    )
