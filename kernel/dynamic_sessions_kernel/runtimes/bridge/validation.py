"""What may come from the session's relay, and what it becomes; everything else is dropped."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.errors import InterpreterRestartedError

from .inside.envelope import EnvelopeError, load_object
from .responses import CannotHostError

if TYPE_CHECKING:
    from dynamic_sessions_kernel.errors import DynamicSessionsError

    from .exchanges import Received

#: The output that an ipykernel sends.
OUTPUT_TYPES = frozenset(
    {
        "stream",
        "display_data",
        "update_display_data",
        "execute_result",
        "error",
        "clear_output",
        "comm_open",
        "comm_msg",
        "comm_close",
        "debug_event",
    }
)
#: Requests, beside execution, that an ipykernel answers, and whether it can while a cell runs.
REQUEST_TYPES = frozenset(
    {
        "complete_request",
        "inspect_request",
        "is_complete_request",
        "history_request",
        "comm_info_request",
        "debug_request",
    }
)
#: Messages without an answer, and the channel they go to.
FORWARDED_TYPES = {
    "comm_open": "shell",
    "comm_msg": "shell",
    "comm_close": "shell",
    "input_reply": "stdin",
}

_ORIGINS = frozenset({"iopub", "shell", "control", "stdin", "relay"})
_LONGEST_NAME = 512
_ADVICE = "Variables are gone, files are kept. Run what you need again, from the top."


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message of the relay whose form is sound.

    Attributes:
        origin: `iopub`, `shell`, `control`, `stdin`, or `relay` for the relay's own.
        msg_type: its type.
        parent: the identity of the request that caused it; None when none did.
        metadata, content: JSON objects of bounded depth.
        buffers: its binary parts.
        failures: how many cells had failed and stopped those behind them, as the relay counts.
    """

    origin: str
    msg_type: str
    parent: str | None
    metadata: dict[str, Any]
    content: dict[str, Any]
    buffers: list[bytes]
    failures: int = 0


class UnreadableError(EnvelopeError):
    """A message whose names are sound, and whose metadata or content cannot be read.

    Attributes:
        origin, msg_type, parent: as of an `Arrival`.
        reason: what is wrong with it.
    """

    def __init__(self, origin: str, msg_type: str, parent: str | None, reason: str) -> None:
        super().__init__(reason)
        self.origin = origin
        self.msg_type = msg_type
        self.parent = parent
        self.reason = reason


def read_message(message: Received) -> Arrival:
    """Check the form of a message.

    Raises:
        EnvelopeError: it has none that the relay would give it.
        UnreadableError: only what it is can be read, but not what it says.
    """
    head = load_object(message.head, depth=4)
    names = [head.get(name) for name in ("from", "type", "parent")]
    if not all(isinstance(name, str) and len(name) <= _LONGEST_NAME for name in names):
        raise EnvelopeError("a message without its names")
    origin, msg_type, parent = names
    if origin not in _ORIGINS or len(message.body) < 2:  # noqa: PLR2004 - metadata and content
        raise EnvelopeError("a message from nowhere")
    origin, msg_type, cause = str(origin), str(msg_type), str(parent) or None
    metadata, content, *buffers = message.body
    try:
        loaded = load_object(metadata), load_object(content)
    except EnvelopeError as error:
        raise UnreadableError(origin, msg_type, cause, str(error)) from None
    failures = head.get("failures", 0)
    known = isinstance(failures, int) and not isinstance(failures, bool)
    return Arrival(origin, msg_type, cause, *loaded, buffers, failures if known else 0)


def replacement(error: UnreadableError) -> Arrival | None:
    """Return what is taken in place of a message that somebody waits for; else None."""
    if error.origin == "stdin" and error.msg_type == "input_request":
        content: dict[str, Any] = {"prompt": "", "password": False}
    elif error.origin in {"shell", "control"}:
        evalue = f"The session's reply could not be read: {error.reason}."
        content = {"status": "error", "ename": "UnreadableReply", "evalue": evalue}
        content["traceback"] = []
    else:
        return None
    return Arrival(error.origin, error.msg_type, error.parent, {}, content, [])


def death(content: dict[str, Any]) -> DynamicSessionsError:
    """Return why the ipykernel ended, from what the relay knows of it."""
    status, errors = content.get("status"), str(content.get("errors", "")).strip()
    if content.get("started") is False:
        reason = errors.rpartition("\n")[2][:300] or f"it ended with {status!r}"
        return CannotHostError(f"ipykernel does not start there: {reason}")
    if content.get("memory") is True:
        return InterpreterRestartedError(
            f"The session ran out of memory, and its Python was killed. {_ADVICE}"
        )
    if not isinstance(status, int) or status >= 0:
        return InterpreterRestartedError(
            f"The session's Python ended by itself (exit status {str(status)[:10]}). {_ADVICE}"
        )
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    hint = ", which is often for want of memory" if name == "SIGKILL" else ""
    return InterpreterRestartedError(f"The session's Python was ended by {name}{hint}. {_ADVICE}")
