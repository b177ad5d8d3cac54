"""What front ends ask beside cells: answered here where that can be, and else in the session.

A question never holds a cell. It is handed to the session in its turn and waits there without
holding the line: the session's ipykernel serves both in the order in which they came. A question
that is not answered, for whatever reason, gets the answer of a kernel that knows nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.errors import DynamicSessionsError
from dynamic_sessions_kernel.magics import (
    Completion,
    complete,
    complete_name,
    complete_python,
    complete_remote,
    help_at,
)
from dynamic_sessions_kernel.messages import Request
from dynamic_sessions_kernel.threads import start_call

from .debug_replies import (
    NO_DEBUGGER,
    NO_DEBUGPY,
    NO_SESSION,
    reply_without_debugger,
    starts_debugger,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dynamic_sessions_kernel.messages import Content
    from dynamic_sessions_kernel.outputs.filter import OutputFilter

    from .session_manager import SessionManager

#: How long a session has to answer.
_ANSWER_SECONDS = 30.0
#: The same for what a console waits for at each Enter; then the answer of here is good enough.
_ENTER_SECONDS = 0.5
#: The same for the names of its files.
_FILES_SECONDS = 5.0
#: How long a comm's message may wait and be served before its end counts as lost.
_COMM_SECONDS = 600.0
_UNKNOWN_COMPLETENESS = frozenset({"unknown", "error", "abort"})

_log = logging.getLogger(__name__)


def as_request(message: Mapping[str, Any]) -> Request:
    """Return a front end's message as runtimes take it."""
    header = message["header"]
    return Request(
        id=header["msg_id"],
        msg_type=header["msg_type"],
        content=message["content"],
        metadata=message.get("metadata", {}),
        buffers=message.get("buffers", ()),
    )


class Questions:
    """Answers requests other than cells. Used on the kernel's event loop alone.

    Each method takes the front end's message and returns the content of its reply.

    Args:
        sessions: has the session, if there is one.
        output_filter: decides what of a reply may reach the front end.
        folder: the notebook's, which commands complete paths from.
    """

    def __init__(self, sessions: SessionManager, output_filter: OutputFilter, folder: Path) -> None:
        self._sessions = sessions
        self._filter = output_filter
        self._folder = folder
        self._deadlines: set[asyncio.Timeout] = set()

    def interrupt(self) -> bool:
        """Let go of all that waits for the session; return whether anything did."""
        now = asyncio.get_running_loop().time()
        for deadline in self._deadlines:
            deadline.reschedule(now)
        return bool(self._deadlines)

    async def complete(self, message: Mapping[str, Any]) -> Content:
        """Complete: our own commands here, everything else in the session."""
        content = _within_text(message["content"])
        code, cursor = content["code"], content["cursor_pos"]
        own = complete(code, cursor, self._folder)
        if own is not None and not own.matches:
            own = await self._complete_remote(code, cursor) or own
        name = complete_name(code, cursor)
        if own is None and name is None and not self._sessions.connected:
            own = complete_python(code, cursor)
        reply = None if own is not None else await self._ask({**message, "content": content})
        if reply is None:
            reply = _completion((), cursor, cursor)
        if found := own or (None if reply.get("matches") else name):
            return _completion(found.matches, found.start, found.end)
        if name is not None:
            reply = {**reply, "matches": sorted({*reply["matches"], *name.matches})}
        return reply

    async def _complete_remote(self, code: str, cursor: int) -> Completion | None:
        """Complete from the session's files, if it answers soon."""
        session = self._sessions.session
        if session is None or not self._sessions.connected:
            return None
        listing = start_call(complete_remote, code, cursor, self._folder, session.list_files)
        try:
            return await asyncio.wait_for(listing, _FILES_SECONDS)
        except (DynamicSessionsError, TimeoutError) as error:
            _log.debug("files were not completed: %s", type(error).__name__)
            return None

    async def inspect(self, message: Mapping[str, Any]) -> Content:
        """Inspect: our own commands here, everything else in the session."""
        nothing: Content = {"status": "ok", "found": False, "data": {}, "metadata": {}}
        content = _within_text(message["content"])
        text = help_at(content["code"], content["cursor_pos"])
        if text is not None:
            return {**nothing, "found": True, "data": {"text/plain": text}}
        return await self._ask({**message, "content": content}) or nothing

    async def history(self, message: Mapping[str, Any]) -> Content:
        """Return the session's history."""
        return await self._ask(message) or {"status": "ok", "history": []}

    async def comm_info(self, message: Mapping[str, Any]) -> Content:
        """List the session's comms."""
        return await self._ask(message) or {"status": "ok", "comms": {}}

    async def is_complete(self, message: Mapping[str, Any]) -> Content:
        """Say whether Enter runs the cell or starts a line.

        The session knows what its input transformers make of it; where it does not answer at once,
        IPython's own rules hold.
        """
        code = str(message["content"]["code"])
        reply = await self._ask(message, _ENTER_SECONDS)
        if reply is None or reply.get("status") in _UNKNOWN_COMPLETENESS:
            return _completeness(code)
        if reply["status"] == "incomplete":
            return {"status": "incomplete", "indent": str(reply.get("indent", ""))}
        return {"status": reply["status"]}

    async def debug(self, message: Mapping[str, Any]) -> Content:
        """Hand a debugger's request to the session; a debugger that starts makes one.

        Front ends do not show why a debugger cannot start, so that is shown in the page here.
        """
        content = message["content"]
        if not starts_debugger(content):
            return await self._debug(message)
        try:
            await self._sessions.ready()
        except DynamicSessionsError as error:
            reply = reply_without_debugger(content, str(error))
        else:
            reply = await self._debug(message)
        if not reply.get("success"):
            self._sessions.sentences.show(str(reply.get("message", "The debugger did not start.")))
        return reply

    async def _debug(self, message: Mapping[str, Any]) -> Content:
        # The answer may take as long as what it runs; nothing waits behind it.
        reply = await self._ask(message, None)
        if reply is None:
            reason = NO_DEBUGGER if self._sessions.connected else NO_SESSION
        elif "success" in reply or "body" in reply:
            return reply  # ipykernel's to `modules` has a body alone
        else:
            reason = NO_DEBUGPY
        return reply_without_debugger(message["content"], reason)

    async def serve_comm(self, message: Mapping[str, Any]) -> None:
        """Hand a comm's message to the session, and wait until its output has come.

        Front ends show a callback's output until the *idle* of the message that called it.
        """
        runtime = self._sessions.runtime
        if runtime is None or not runtime.connected:
            return
        deadline = asyncio.timeout(_COMM_SECONDS)
        try:
            async with deadline:
                self._deadlines.add(deadline)
                await runtime.serve_comm(as_request(message))
        except (DynamicSessionsError, TimeoutError) as error:
            _log.debug("a comm's message was not served: %s", type(error).__name__)
        finally:
            self._deadlines.discard(deadline)

    def forward(self, message: Mapping[str, Any]) -> None:
        """Hand the session what needs no answer."""
        runtime = self._sessions.runtime
        if runtime is not None and runtime.connected:
            runtime.forward(as_request(message))

    async def _ask(
        self, message: Mapping[str, Any], limit: float | None = _ANSWER_SECONDS
    ) -> Content | None:
        """Ask the session; None where there is none, or it has no answer.

        What is asked is handed over before this first waits, so that questions keep their order.
        """
        runtime = self._sessions.runtime
        if runtime is None or not runtime.connected:
            return None
        request = as_request(message)
        deadline = asyncio.timeout(limit)
        try:
            async with deadline:
                if limit is not None:
                    self._deadlines.add(deadline)
                reply = await runtime.ask(request)
        except (DynamicSessionsError, TimeoutError) as error:
            _log.debug("%s was not answered: %s", request.msg_type, type(error).__name__)
            return None
        finally:
            self._deadlines.discard(deadline)
        if reply is None:
            return None
        reply_type = request.msg_type.replace("_request", "_reply")
        return await start_call(self._filter.pass_reply, reply_type, reply, request.content)


def _within_text(content: Mapping[str, Any]) -> Content:
    """Bring a cursor within the text: front ends leave it out, or count in other units."""
    code, cursor = str(content["code"]), content.get("cursor_pos")
    if not isinstance(cursor, int) or isinstance(cursor, bool):
        cursor = len(code)
    return {**content, "code": code, "cursor_pos": max(0, min(cursor, len(code)))}


def _completion(matches: tuple[str, ...], start: int, end: int) -> Content:
    return {
        "status": "ok",
        "matches": list(matches),
        "cursor_start": start,
        "cursor_end": end,
        "metadata": {},
    }


def _completeness(code: str) -> Content:
    # Not before now: it takes long to import.
    from IPython.core.inputtransformer2 import TransformerManager

    status, indent = TransformerManager().check_complete(code)  # type: ignore[no-untyped-call]  # IPython has few types
    reply: Content = {"status": status}
    if status == "incomplete":
        reply["indent"] = " " * (indent or 0)
    return reply
