"""What a debugger is answered where there is nothing to debug.

Front ends ask a kernel that offers a debugger for its state as soon as a notebook opens, and trip
over fields that are missing; opening a notebook makes no session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamic_sessions_kernel.messages import Content

_NOTHING_STARTED: Content = {
    "isStarted": False,
    "hashMethod": "Murmur2",
    "hashSeed": 0,
    "tmpFilePrefix": "",
    "tmpFileSuffix": ".py",
    "breakpoints": [],
    "stoppedThreads": [],
    "richRendering": True,
    "exceptionPaths": [],
    "copyToGlobals": True,
}

NO_SESSION = "There is no session to debug yet: run a cell first."
NO_DEBUGGER = "This session runs cells by the direct runtime, which has no debugger."
NO_DEBUGPY = (
    "The session cannot be debugged: its Python has no `debugpy`. Where it reaches a package "
    "index, `%pip install debugpy` and `%session restart` add it."
)

#: What a front end asks for first, once the person switches the debugger on.
_START = "initialize"


def starts_debugger(request: Mapping[str, Any]) -> bool:
    """Whether a request comes because the person switched the debugger on."""
    return request.get("command") == _START


def reply_without_debugger(request: Mapping[str, Any], reason: str) -> Content:
    """Return the content of a `debug_reply`: the state, or why nothing else can be done.

    Args:
        request: the content of the `debug_request`.
        reason: why there is no debugger.
    """
    if request.get("command") == "debugInfo":
        return {**_reply(request), "success": True, "body": _NOTHING_STARTED}
    return {**_reply(request), "message": reason}


def _reply(request: Mapping[str, Any]) -> Content:
    return {
        "type": "response",
        "request_seq": request.get("seq", 0),
        "command": request.get("command", ""),
        "success": False,
        "body": {},
    }
