"""Outputs of cells that run in the session before their turn has come here.

Cells are handed over while one before them is still being served. What they send is held until the
front end has read that they begin. While much is held, nothing more is fetched, and the relay stops
an ipykernel that goes on writing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .output_lane import OutputLane

#: Held outputs of this size together leave the event loop to the lane's thread.
_LARGE_BYTES = 1 << 16
#: From this much on, of all cells together, no more is fetched. One response can go beyond it.
_FULL_BYTES = 16 << 20


class HeldOutputs:
    """Holds the outputs of cells. `put` may be called from any thread.

    Args:
        lane: takes the outputs of cells that have begun.
    """

    def __init__(self, lane: OutputLane) -> None:
        self._lane = lane
        self._lock = threading.Lock()
        self._held: dict[str, list[tuple[Callable[[], None], int]]] = {}
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Whether so much is held that no more should be fetched."""
        return self._bytes >= _FULL_BYTES

    def hold(self, cell: str) -> None:
        """Hold what this cell sends from now on."""
        with self._lock:
            self._held[cell] = []

    def put(self, cell: str | None, hand_on: Callable[[], None], size: int) -> None:
        """Have an output handed on, now or once its cell begins."""
        with self._lock:
            held = self._held.get(cell or "")
            if held is not None:
                held.append((hand_on, size))
                self._bytes += size
                return
        self._lane.put(hand_on, size)

    def release(self, cell: str) -> None:
        """Hand on what is held of this cell: it begins."""
        with self._lock:
            held, size = self._take(cell)
            self._lane.put_all(held, through_thread=size >= _LARGE_BYTES)

    def drop(self, cell: str) -> None:
        """Forget what is held of this cell: it does not begin."""
        with self._lock:
            self._take(cell)

    def _take(self, cell: str) -> tuple[list[tuple[Callable[[], None], int]], int]:
        held = self._held.pop(cell, [])
        size = sum(size for _, size in held)
        self._bytes -= size
        return held, size
