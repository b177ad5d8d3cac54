"""What a person reads in the cell about the connection itself."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamic_sessions_kernel.messages import Emit

_OVER = "The session could not be reached for a while; nothing was lost."
_ENDED = "The session could not be reached."


class Notice:
    """One display in a cell, brought up to date while there is trouble.

    Args:
        emit: takes the display.
        cell: returns the identity of the request whose cell shows it.
    """

    def __init__(self, emit: Emit, cell: Callable[[], str | None]) -> None:
        self._emit = emit
        self._cell = cell
        self._shown: tuple[str, str] | None = None

    def show(self, text: str | None) -> None:
        """Show a text in the cell that runs, in place of the last; None when trouble is over."""
        cell = self._cell()
        if self._shown is not None and text is not None and cell not in {None, self._shown[0]}:
            # A later cell waits now.
            self._display("update_display_data", *self._shown, _ENDED)
            self._shown = None
        if self._shown is None:
            if text is None or cell is None:
                return
            self._shown = cell, f"dynamic-sessions-{uuid.uuid4().hex}"
            self._display("display_data", *self._shown, text)
            return
        self._display("update_display_data", *self._shown, text or _OVER)
        if text is None:
            self._shown = None

    def dropped(self, cell: str | None, size: object) -> None:
        """Say that an output was too large to bring."""
        amount = f" of {size >> 20} MB" if isinstance(size, int) else ""
        text = f"An output{amount} was dropped: one message may have 256 MB.\n"
        self._emit(Message("stream", {"name": "stderr", "text": text}, cell))

    def unreadable(self, cell: str | None, reason: str) -> None:
        """Say that a message of the session could not be read."""
        text = f"An output or a reply was dropped: {reason}.\n"
        self._emit(Message("stream", {"name": "stderr", "text": text}, cell))

    def _display(self, msg_type: str, cell: str, display_id: str, text: str) -> None:
        content = {
            "data": {"text/plain": text},
            "metadata": {},
            "transient": {"display_id": display_id},
        }
        self._emit(Message(msg_type, content, cell))
