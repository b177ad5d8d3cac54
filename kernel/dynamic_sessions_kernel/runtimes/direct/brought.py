"""What the value of an execution brings: a cell's messages, in their order, and those before it.

All of it comes from a session, so each message is checked for its type and form here, and for what
it shows by the filter through which every message passes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.messages import Content, Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What a cell can send in a direct execution.
_TYPES = frozenset(
    {
        "stream",
        "display_data",
        "update_display_data",
        "execute_result",
        "error",
        "clear_output",
    }
)
_WIDGET = "application/vnd.jupyter.widget-view+json"
_NO_INPUT = (
    "[A direct execution cannot ask: input() needs the bridge runtime, in a session that can host "
    "it.]\n"
)
_NO_WIDGETS = "[A direct execution has no widgets: they need the bridge runtime.]\n"


@dataclass(frozen=True, slots=True)
class Brought:
    """What one execution's value says.

    Attributes:
        build: the number to acknowledge it with.
        kept: for each request, the messages that it caused and nobody has seen.
        error: the exception that ended the cell: `ename`, `evalue`, `traceback`; None for none.
        payload: for the front end, as in an `execute_reply`.
        alive: whether something lives on in the session that may print later.
    """

    build: int
    kept: dict[str, list[Message]] = field(default_factory=dict)
    error: Content | None = None
    payload: list[Content] = field(default_factory=list)
    alive: bool = False

    def messages(self, last: str) -> Iterator[Message]:
        """Yield all messages, those of earlier cells before those of the cell `last`."""
        for cell, found in self.kept.items():
            if cell != last:
                yield from found
        yield from self.kept.get(last, [])


def read_brought(value: Mapping[str, Any], cell: str | None) -> Brought | None:
    """Read what the resident made the value of an execution.

    Args:
        value: as it came.
        cell: the request that it must be of; None where it is no cell's.

    Returns:
        None where it is not what the resident makes.
    """
    build, kept = value.get("build"), value.get("kept")
    if not isinstance(build, int) or not isinstance(kept, dict) or value.get("cell") != cell:
        return None
    found = {str(name): list(_group(group, str(name))) for name, group in kept.items()}
    error, payload = value.get("error"), value.get("payload")
    ended = _error(error, found.get(cell or "", [])) if isinstance(error, dict) else None
    if ended is not None and ended["ename"] == "StdinNotImplementedError" and cell:
        found.setdefault(cell, []).append(_notice(_NO_INPUT, cell))
    return Brought(
        build,
        found,
        ended,
        [entry for entry in payload if isinstance(entry, dict)]
        if isinstance(payload, list)
        else [],
        value.get("alive") is True,
    )


def _group(group: Any, parent: str) -> Iterator[Message]:
    if not isinstance(group, dict):
        return
    items = group.get("items")
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, list) or len(item) != 2:  # noqa: PLR2004 - a type and a content
            continue
        msg_type, content = item
        if msg_type in _TYPES and isinstance(content, dict):
            yield Message(msg_type, content, parent)
            data = content.get("data")
            if isinstance(data, dict) and _WIDGET in data:
                yield _notice(_NO_WIDGETS, parent)
    dropped = group.get("dropped")
    if isinstance(dropped, int) and dropped > 0:
        text = (
            f"[{dropped:,} characters of output were dropped: a direct execution brings 16 million "
            "at most. Write long output to a file.]\n"
        )
        yield _notice(text, parent)


def _error(error: Mapping[str, Any], messages: list[Message]) -> Content:
    """Return the exception of a reply; its traceback is the one that was shown last."""
    shown = [message.content for message in messages if message.msg_type == "error"]
    traceback = shown[-1].get("traceback") if shown else None
    return {
        "ename": str(error.get("ename", "")),
        "evalue": str(error.get("evalue", "")),
        "traceback": traceback if isinstance(traceback, list) else [],
    }


def _notice(text: str, parent: str) -> Message:
    return Message("stream", {"name": "stderr", "text": text}, parent)
