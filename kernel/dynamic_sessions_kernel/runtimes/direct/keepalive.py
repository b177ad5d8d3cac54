"""Keeps an idle session from cooling down for as long as the person wants.

Every call resets the service's cool-down, which is 300 s at least.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import DynamicSessionsError
from dynamic_sessions_kernel.threads import start_call

if TYPE_CHECKING:
    from collections.abc import Callable

#: Well below the shortest cool-down, so that one lost call does not matter.
INTERVAL_SECONDS = 120.0

_log = logging.getLogger(__name__)


class KeepAlive:
    """Calls `touch` now and then while nobody uses the session.

    Args:
        touch: a blocking call that reaches the session.
        limit: seconds of idleness after which the session is let go; 0 is at once.

    Attributes:
        interval: seconds between touches.
    """

    def __init__(self, touch: Callable[[], object], limit: float) -> None:
        self.interval = min(INTERVAL_SECONDS, limit)
        self._touch = touch
        self._limit = limit
        self._last_use = 0.0
        self._task: asyncio.Task[None] | None = None

    def used(self) -> None:
        """Note that a person used the session."""
        self._last_use = time.monotonic()
        if self._task is not None and self._task.done():
            self.start()

    @property
    def left_seconds(self) -> float | None:
        """How long it goes on if nobody uses the session; None where it has ended."""
        if self._task is None or self._task.done():
            return None
        return max(0.0, self._limit - (time.monotonic() - self._last_use))

    def start(self) -> None:
        """Begin, on the running loop."""
        self.stop()
        self._last_use = time.monotonic()
        if self._limit > 0:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """End. Repeatable."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def _run(self) -> None:
        while time.monotonic() - self._last_use < self._limit:
            await asyncio.sleep(self.interval)
            try:
                await start_call(self._touch)
            except DynamicSessionsError as error:
                _log.debug("the session was not reached: %s", type(error).__name__)
