"""Comms wait: whatever a front end does with one, it does in the page.

A widget's model names the module that draws it, and its state may hold HTML; other comms open
panels or call extensions. So they are kept, in order, until the person trusts the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynamic_sessions_kernel.messages import Message

TYPES = frozenset({"comm_open", "comm_msg", "comm_close"})

#: Kept at most; a dashboard of a thousand widgets opens three comms for each.
MAX_MESSAGES = 20_000
MAX_BYTES = 64 * 1024 * 1024


class Waiting:
    """Comm messages that wait for trust."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._bytes = 0
        self._spilled = False

    def add(self, message: Message) -> None:
        """Keep a message; if they become too many, give all up, for half of them mean nothing."""
        if self._spilled:
            return
        self._bytes += _weight(message)
        if len(self._messages) >= MAX_MESSAGES or self._bytes > MAX_BYTES:
            self._spilled = True
            self._messages = []
            return
        self._messages.append(message)

    def release(self) -> list[Message]:
        """Return what waited, in order, and keep it no longer."""
        released, self._messages = self._messages, []
        self._bytes = 0
        self._spilled = False
        return released


def _weight(message: Message) -> int:
    return len(repr(message.content)) + sum(map(len, message.buffers))
