"""Where large outputs wait to be sanitised and published, so that exchanges go on meanwhile.

Sanitising megabytes takes seconds. In the thread that makes exchanges it would hold back replies,
and the interrupt that a person hopes for. So a large output, and whatever comes behind it, goes
through a thread of the lane's own, which lives for as long as there is something to do. A small
output that nothing is ahead of is handed on at once, since changing threads costs more than it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

#: An output below this size is handed on at once: 4 KiB of Markdown can take 0.1 s.
_SMALL_BYTES = 1 << 12
#: What may wait; beyond it, whoever brings more waits too.
_WAITING_BYTES = 64 << 20


class OutputLane:
    """Keeps outputs, and what follows them, in order. Its methods take any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Callable[[], None], int]] = deque()
        self._bytes = 0
        self._works = False

    @property
    def idle(self) -> bool:
        """Whether nothing waits or is being handed on."""
        return not self._works

    def put(self, hand_on: Callable[[], None], size: int) -> None:
        """Have an output handed on in its turn.

        Args:
            hand_on: does so.
            size: of the output, in bytes.
        """
        with self._changed:
            if self._works or size >= _SMALL_BYTES:
                self._changed.wait_for(lambda: self._bytes < _WAITING_BYTES)
                self._append(hand_on, size)
                return
        hand_on()

    def put_all(
        self, outputs: list[tuple[Callable[[], None], int]], *, through_thread: bool
    ) -> None:
        """Have outputs handed on in their turn, whatever waits already: the event loop calls this.

        Args:
            outputs: what hands each on, and its size in bytes.
            through_thread: leave the caller's thread for them, though nothing waits.
        """
        with self._changed:
            if through_thread or self._works:
                for hand_on, size in outputs:
                    self._append(hand_on, size)
                return
        for hand_on, size in outputs:
            self.put(hand_on, size)

    def follow(self, action: Callable[[], None]) -> bool:
        """Have an action done behind what waits.

        Returns:
            False, with nothing done, where nothing waits.
        """
        with self._changed:
            if self._works:
                self._append(action, 0)
            return self._works

    def drop(self) -> None:
        """Forget what waits."""
        with self._changed:
            self._waiting.clear()
            self._bytes = 0
            self._changed.notify_all()

    def _append(self, action: Callable[[], None], size: int) -> None:
        self._waiting.append((action, size))
        self._bytes += size
        if not self._works:
            self._works = True
            threading.Thread(target=self._work, name="bridge outputs", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._works = False
                    return
                action, size = self._waiting.popleft()
                self._bytes -= size
                self._changed.notify_all()
            try:
                action()
            except Exception:  # noqa: BLE001 - see below
                # What follows must not wait for ever.
                _log.exception("an output could not be handed on")
