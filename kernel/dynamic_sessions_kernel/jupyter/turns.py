"""Whose turn it is: cells run one after the other, and most other requests wait behind them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator


class Turns:
    """Gives requests their turn, in the order in which they came.

    Args:
        lock: held by whoever has the turn.
    """

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._waiting = 0

    @property
    def taken(self) -> bool:
        """Whether somebody has the turn."""
        return self._lock.locked()

    @property
    def queued(self) -> bool:
        """Whether requests other than cells wait, which no later one may pass."""
        return self._waiting > 0

    @asynccontextmanager
    async def of_cell(self) -> AsyncIterator[None]:
        """Wait for a cell's turn, and have it."""
        async with self._lock:
            yield

    @asynccontextmanager
    async def behind_cells(self) -> AsyncIterator[None]:
        """Wait for the turn of a request that is no cell, and have it."""
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._lock.release()
