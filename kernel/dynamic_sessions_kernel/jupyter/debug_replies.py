"""What a debugger is told where there is no session to debug.

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


def reply_without_session(request: Mapping[str, Any]) -> Content:
    """Return the content of a `debug_reply`: the state, or why nothing else can be done."""
    command = request.get("command", "")
    knows = command == "debugInfo"
    reply: Content = {
        "type": "response",
        "request_seq": request.get("seq", 0),
        "command": command,
        "success": knows,
        "body": _NOTHING_STARTED if knows else {},
    }
    if not knows:
        reply["message"] = "There is no session to debug yet: run a cell first."
    return reply
