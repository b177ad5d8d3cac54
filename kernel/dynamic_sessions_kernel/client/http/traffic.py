"""What was moved between here and a pool, counted."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a pool's client has moved so far.

    Attributes:
        sent, received: bytes of bodies, decompressed, of failed attempts too.
        executions: how often the service was asked to run code.
    """

    sent: int = 0
    received: int = 0
    executions: int = 0


class Counter:
    """Counts. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._traffic = Traffic()

    @property
    def traffic(self) -> Traffic:
        """What was counted until now."""
        return self._traffic

    def add(self, *, sent: int = 0, received: int = 0, executions: int = 0) -> None:
        """Count what was moved."""
        with self._lock:
            now = self._traffic
            self._traffic = replace(
                now,
                sent=now.sent + sent,
                received=now.received + received,
                executions=now.executions + executions,
            )
