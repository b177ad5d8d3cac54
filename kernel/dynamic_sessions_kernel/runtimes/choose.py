"""Which runtime a session gets: the one place that knows them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .direct import DirectRuntime

if TYPE_CHECKING:
    from dynamic_sessions_kernel.pool.session import Session
    from dynamic_sessions_kernel.settings import Settings

    from .base import Emit, Runtime


async def connect_runtime(
    settings: Settings, emit: Emit, session: Session, *, fresh: bool
) -> Runtime:
    """Make the runtime that the settings ask for, and connect it.

    Args:
        settings: of the kernel.
        emit: takes the runtime's messages.
        session: the session to run in.
        fresh: clear the variables of a session that the kernel's forerunner has left.

    Raises:
        DynamicSessionsError: see `Runtime.connect`.
    """
    runtime = DirectRuntime(emit, session, keep_alive=settings.keep_alive, fresh=fresh)
    await runtime.connect()
    return runtime


def offers_debugger(choice: str) -> bool:
    """Whether front ends are told of a debugger, before any session exists."""
    del choice  # a direct execution cannot be stepped through
    return False
