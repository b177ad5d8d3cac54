"""What is kept of an execution's messages, because a session can print without end.

The service shows 4096 characters of each stream and the last image, so the beginning of the
streams and the end of everything else are what matters.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

Content = dict[str, Any]

#: How much of each stream is kept, and of the other messages together, in bytes on the wire.
STREAM_BOUND = 8 * 1024**2
RICH_BOUND = 64 * 1024**2
#: What a message costs at least, so that a million empty ones are bounded as well.
MESSAGE_COST_BYTES = 512

#: What counts beside streams.
RICH = frozenset(("display_data", "update_display_data", "execute_result", "error"))


@dataclass(frozen=True)
class Outcome:
    """What came of one execution.

    Attributes:
        reply: the content of the `execute_reply`; empty unless `ended` is `replied`.
        messages: type and content of what was published, in order: `stream`, `display_data`,
            `update_display_data`, `execute_result`, `error`. Of each stream the first 8 MB are
            kept, and of all others together the last 64 MB.
        ended: `replied`; `time_limit`, and it was interrupted or, failing that, its interpreter
            started anew; `died`, and the interpreter is started anew, if the session still lives.
    """

    reply: Content
    messages: list[tuple[str, Content]]
    ended: Literal["replied", "time_limit", "died"]


class Kept:
    """The messages of one execution, within bounds."""

    def __init__(self) -> None:
        self._number = 0
        self._streams: list[tuple[int, str, Content]] = []
        self._rich: deque[tuple[int, str, Content, int]] = deque()
        self._stream_costs: dict[str, int] = {}
        self._rich_cost = 0

    def add(self, msg_type: str, content: Content, size: int) -> None:
        """Keep a message if it is of a kind that counts, and there is room.

        Args:
            msg_type: its type.
            content: what the session says; its shape is not checked.
            size: its bytes on the wire.
        """
        cost = size + MESSAGE_COST_BYTES
        self._number += 1
        if msg_type == "stream":
            name = str(content.get("name"))
            spent = self._stream_costs.get(name, 0)
            # Two names, so that invented ones do not multiply the bound.
            if name in {"stdout", "stderr"} and spent < STREAM_BOUND:
                self._stream_costs[name] = spent + cost
                self._streams.append((self._number, msg_type, content))
        elif msg_type in RICH:
            self._rich.append((self._number, msg_type, content, cost))
            self._rich_cost += cost
            while self._rich_cost > RICH_BOUND and len(self._rich) > 1:
                self._rich_cost -= self._rich.popleft()[3]

    def in_order(self) -> list[tuple[str, Content]]:
        """Return what was kept, in the order in which it came."""
        rich = ((number, msg_type, content) for number, msg_type, content, _ in self._rich)
        everything = sorted([*self._streams, *rich], key=lambda message: message[0])
        return [(msg_type, content) for _, msg_type, content in everything]
