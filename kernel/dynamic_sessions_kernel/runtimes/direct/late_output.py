"""Asks for what is printed after its cell, for as long as something may print it.

A direct execution brings output only as its value. What a thread prints when no further cell comes
would lie in the session unseen, so where the last cell left something alive, the session is asked.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

#: Pauses before a question: the first, what each next one is longer by, and the longest.
_FIRST_SECONDS, _GROWTH, _LONGEST_SECONDS = 0.5, 1.5, 10.0
#: For how long after a cell it is asked; later output comes with the next cell.
LIMIT_SECONDS = 300.0


class LateOutput:
    """Asks now and then, on the running loop, between `start` and `stop`.

    Args:
        fetch: asks once, shows what has come, and returns whether more may come.
        limit: seconds after which nothing is asked any more.
    """

    def __init__(self, fetch: Callable[[], Awaitable[bool]], limit: float) -> None:
        self._fetch = fetch
        self._limit = limit
        self._task: asyncio.Task[None] | None = None
        self._wanted = False
        self._asks = False

    def start(self) -> None:
        """Begin, a cell having left something alive. Repeatable."""
        self.stop()
        self._wanted = True
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Ask no more; a question that is on its way ends by itself. Repeatable."""
        self._wanted = False
        task, self._task = self._task, None
        if task is not None and not self._asks:
            task.cancel()

    async def _run(self) -> None:
        end, pause = time.monotonic() + self._limit, _FIRST_SECONDS
        while self._wanted and time.monotonic() + pause < end:
            await asyncio.sleep(pause)
            pause = min(pause * _GROWTH, _LONGEST_SECONDS)
            self._asks = True
            self._wanted = await self._fetch() and self._wanted
            self._asks = False
