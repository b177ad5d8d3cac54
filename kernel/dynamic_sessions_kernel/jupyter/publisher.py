"""Sends all that leaves for front ends on iopub and stdin, filtered and under its own parent."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from .stdin import StdinQuestions

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_client.session import Session as JupyterSession

    from dynamic_sessions_kernel.messages import Message
    from dynamic_sessions_kernel.outputs.filter import OutputFilter

#: How many requests are remembered for output that comes late.
_REMEMBERED = 4096


class Publisher:
    """Sends a session's messages. `send` may be called from any thread.

    Args:
        session: signs and serialises.
        iopub: takes messages from any thread, as ipykernel's background socket does.
        stdin: belongs to the kernel's event loop.
        output_filter: decides what may reach a front end.
        on_loop: calls a function on the kernel's event loop, from any thread.

    Attributes:
        stdin: what the session and this kernel ask the person.
    """

    def __init__(
        self,
        session: JupyterSession,
        iopub: Any,
        stdin: Any,
        output_filter: OutputFilter,
        on_loop: Callable[..., object],
    ) -> None:
        self._session = session
        self._iopub = iopub
        self._stdin = stdin
        self._filter = output_filter
        self._on_loop = on_loop
        self.stdin = StdinQuestions(self._send_stdin, on_loop)
        self._lock = threading.Lock()
        self._parents: OrderedDict[str, tuple[list[bytes], dict[str, Any]]] = OrderedDict()

    def remember(self, identities: list[bytes], request: dict[str, Any]) -> None:
        """Note a front end's request, so that what it causes finds its way back, however late."""
        header = request["header"]
        with self._lock:
            self._parents[header["msg_id"]] = identities, {"header": header}
            while len(self._parents) > _REMEMBERED:
                self._parents.popitem(last=False)

    def send(self, message: Message) -> None:
        """Send what the filter makes of a message."""
        for passed in self._filter.pass_message(message):
            if passed.channel == "stdin":
                self._on_loop(self.stdin.forward, passed)
            else:
                self._send(self._iopub, passed)

    def show(self, message: Message) -> None:
        """Send a message of this kernel's own making on iopub; it passes no filter."""
        self._send(self._iopub, message)

    def _send_stdin(self, message: Message) -> str | None:
        return self._send(self._stdin, message)

    def _send(self, socket: Any, message: Message) -> str | None:
        """Send a message and return its id; None where there is nobody to ask."""
        with self._lock:
            identities, parent = self._parents.get(message.parent or "", ([], {}))
        to_one = message.channel == "stdin"
        if to_one and not identities:
            return None  # nobody to ask
        sent = self._session.send(
            socket,
            message.msg_type,
            message.content,
            parent=parent,
            ident=identities if to_one else message.msg_type.encode(),
            buffers=list(message.buffers),
            metadata=message.metadata,
        )
        return None if sent is None else str(sent["header"]["msg_id"])
