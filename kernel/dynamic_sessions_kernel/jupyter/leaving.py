"""`exit` and `quit`: a console leaves, other front ends stay, and the person reads what is gone.

An ipykernel answers them with an `ask_exit` payload, and ends its process unless it is to be kept.
A payload is the session's to send, and a session must not be able to close a front end. So it
passes only where the person typed a cell that is just that.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import DynamicSessionsError, InterpreterRestartedError

if TYPE_CHECKING:
    from dynamic_sessions_kernel.messages import Content
    from dynamic_sessions_kernel.runtimes.base import Runtime

_LEAVES = re.compile(
    r"\s*%?(?:exit|quit)\s*(?:\(\s*(?:(?:keep_kernel\s*=\s*)?(?:True|False))?\s*\))?\s*;?\s*"
)
_SOURCE = "ask_exit"

ENDED = (
    "Python has ended, as you asked: variables are gone, and the next cell starts afresh. Files "
    "stay for as long as the session does."
)
KEPT = "Python goes on, as you asked: variables and files are kept."

_log = logging.getLogger(__name__)


def asks_to_leave(code: str) -> bool:
    """Whether a cell is nothing but `exit`, `quit` or a call of them."""
    return _LEAVES.fullmatch(code) is not None


def leaving(reply: Content) -> Content | None:
    """Return the payload that asks a front end to leave; None where a reply asks for nothing.

    Args:
        reply: the session's reply to a cell that `asks_to_leave`. Where its Python ended before
            it could reply, that counts as the reply.
    """
    if reply.get("ename") == InterpreterRestartedError.__name__:
        return {"source": _SOURCE, "keepkernel": False}
    payload = reply.get("payload")
    for entry in payload if isinstance(payload, list) else []:
        if isinstance(entry, dict) and entry.get("source") == _SOURCE:
            return {"source": _SOURCE, "keepkernel": entry.get("keepkernel") is True}
    return None


async def leave_python(runtime: Runtime | None, *, keep: bool) -> str:
    """Start Python afresh unless it is kept; return what the person reads of it."""
    if keep:
        return KEPT
    if runtime is not None:
        try:
            await runtime.restart()
        except (DynamicSessionsError, TimeoutError) as error:
            _log.debug("Python did not start afresh: %s", type(error).__name__)
    return ENDED
