"""What a person reads in the cell while a sign-in waits for them; it goes away once it is over.

The code of a device sign-in is good for minutes, and no notebook is to save it.
"""

from __future__ import annotations

import threading
import uuid
from html import escape
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.messages import Message

if TYPE_CHECKING:
    from datetime import datetime

    from dynamic_sessions_kernel.messages import Emit

_DONE = "Signed in to Azure."
_FAILED = "The sign-in to Azure was not finished; a code that was shown here holds no longer."


class SignInNotice:
    """One notice, in each cell that waits for the sign-in. Its methods take any thread.

    Args:
        show: takes messages for the front end.
    """

    def __init__(self, show: Emit) -> None:
        self._show = show
        self._lock = threading.Lock()
        self._cell: str | None = None
        self._data: dict[str, str] = {}
        self._shown: dict[str | None, str] = {}

    def enter(self, cell: str) -> None:
        """Note which cell runs; while a sign-in waits, it shows the notice too."""
        with self._lock:
            self._cell = cell
            self._display()

    def ask_for_code(self, address: str, code: str, expires: datetime) -> None:
        """Show a device code."""
        until = f"{expires.astimezone():%H:%M}"
        link = escape(address)
        if address.startswith("https://"):
            link = f'<a href="{link}" target="_blank" rel="noopener noreferrer">{link}</a>'
        self._ask(
            f"To sign in to Azure, open {address} and enter the code {code}, until {until}. "
            "Then this cell goes on; interrupt to stop waiting.",
            f"To sign in to Azure, open {link} and enter the code <b><code>{escape(code)}</code>"
            f"</b>, until {until}. Then this cell goes on; interrupt to stop waiting.",
        )

    def announce(self, text: str) -> None:
        """Show what a kind of credential says before it asks the person for something."""
        self._ask(text, escape(text))

    def over(self, succeeded: bool) -> None:
        """Take what was shown away, in every cell."""
        text = _DONE if succeeded else _FAILED
        with self._lock:
            shown, self._shown, self._data = self._shown, {}, {}
        for cell, display_id in shown.items():
            data = {"text/plain": text, "text/html": text}
            self._send("update_display_data", cell, display_id, data)

    def _ask(self, plain: str, html: str) -> None:
        with self._lock:
            self._data = {"text/plain": plain, "text/html": html}
            self._display()

    def _display(self) -> None:
        if self._data:
            new = self._cell not in self._shown
            display_id = self._shown.setdefault(self._cell, f"dynamic-sessions-{uuid.uuid4().hex}")
            msg_type = "display_data" if new else "update_display_data"
            self._send(msg_type, self._cell, display_id, self._data)

    def _send(self, msg_type: str, cell: str | None, display_id: str, data: dict[str, str]) -> None:
        content = {"data": data, "metadata": {}, "transient": {"display_id": display_id}}
        self._show(Message(msg_type, content, cell))
