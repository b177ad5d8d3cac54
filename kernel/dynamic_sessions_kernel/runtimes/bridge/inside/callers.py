"""Who calls the relay: interpreters of the service, and the exchange that waits for its answer.

This module runs in the session: standard library alone, Python 3.10.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .protocol import SIZE_BYTES

if TYPE_CHECKING:
    import socket

#: The longest hold of an exchange, whatever the envelope asks for.
_LONGEST_HOLD_SECONDS = 5.0


class Caller:
    """A connection of an interpreter of the service: lengths and envelopes, in turn."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.gone = False
        self._buffer = bytearray()

    def read(self) -> str | None:
        """Return the next envelope; None while it is not whole."""
        try:
            data = self.connection.recv(1 << 20)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        self.gone = not data
        self._buffer += data
        size = int.from_bytes(self._buffer[:SIZE_BYTES], "big")
        if self.gone or len(self._buffer) < SIZE_BYTES + size:
            return None
        request = self._buffer[SIZE_BYTES : SIZE_BYTES + size].decode("ascii", "replace")
        del self._buffer[: SIZE_BYTES + size]
        return request


class Waiter:
    """An exchange whose answer is held back until there is something to bring."""

    def __init__(self, caller: Caller, head: dict[str, Any]) -> None:
        self.caller = caller
        self.budget = int(head["budget"])
        self.enough = self.budget * 4
        self.due = time.monotonic() + min(float(head["hold"]), _LONGEST_HOLD_SECONDS)

    def hasten(self, delay: float) -> None:
        """Answer after so many seconds at the latest."""
        self.due = min(self.due, time.monotonic() + delay)
