"""The one place through which everything passes that a session says to a front end.

A script in an output runs in the notebook page with the person's cookies and can start a kernel on
the person's machine. So the gate knows the message types that a session may send, rebuilds each
from the fields that the protocol gives it, and hands what is to be shown to the table of MIME
types. What it does not know stays out, and the person is told.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from dynamic_sessions_kernel.messages import Content, Message

from . import ansi, mime, notices
from .comms import TYPES as COMM_TYPES
from .comms import Waiting
from .plots.bokeh import Bokeh
from .plots.viewers import bounded
from .replies import Replies

if TYPE_CHECKING:
    from collections.abc import Callable

    from .notices import Notice

Mode = Literal["isolated", "trusted"]

#: What a trusted session may send: `status` and `execute_input` are this kernel's own to say.
_TRUSTED_TYPES = COMM_TYPES | {
    "stream",
    "display_data",
    "execute_result",
    "update_display_data",
    "error",
    "clear_output",
    "debug_event",
    "input_request",
}
_MAX_ID = 200


class OutputFilter:
    """Decides what of a session's messages reaches the front end, and in which form.

    All methods may be called from any thread.

    Args:
        mode: `isolated`, or `trusted` to let everything of the protocol through.
        holds_command: whether a text, were it a cell, could hold one of this kernel's commands:
            a session may propose no such cell, a trusted one neither.
    """

    def __init__(
        self, mode: Mode = "isolated", *, holds_command: Callable[[str], bool] = lambda _: False
    ) -> None:
        self._mode: Mode = mode
        self._holds_command = holds_command
        self._lock = threading.Lock()
        self._start_over()
        self._rules: dict[str, Callable[[Message], Message | None]] = {
            "stream": _stream,
            "display_data": self._display,
            "execute_result": self._display,
            "update_display_data": self._display,
            "error": _error,
            "clear_output": _clear_output,
            "debug_event": _debug_event,
            "input_request": _input_request,
            "comm_open": self._comm,
            "comm_msg": self._comm,
            "comm_close": self._comm,
        }

    def _start_over(self) -> None:
        self._trusted = self._mode == "trusted"
        self._waiting = Waiting()
        self._said: set[str] = set()
        self._pending: list[Notice] = []
        bokeh = Bokeh()
        self._bokeh = bokeh
        self._replies = Replies(bokeh, self._holds_command)

    @property
    def trusted(self) -> bool:
        """Whether everything passes."""
        return self._trusted

    def trust(self) -> list[Message]:
        """Let everything through from now on; return the comm messages that waited, to be sent."""
        with self._lock:
            self._trusted = True
            return self._waiting.release()

    def reset(self) -> None:
        """Forget a session, and with it the trust that it was given."""
        with self._lock:
            self._start_over()

    def pass_message(self, message: Message) -> list[Message]:
        """Return what to send for a message of the session: itself, a replacement, or nothing.

        A notice, where one is due, follows as a `stream` of the same parent.
        """
        with self._lock:
            if message.msg_type not in _TRUSTED_TYPES or not isinstance(message.content, dict):
                return []
            if (message.channel == "stdin") != (message.msg_type == "input_request"):
                return []
            sent = [message] if self._trusted else self._judged(message)
            return sent + self._notices(message.parent)

    def pass_reply(self, msg_type: str, content: Content) -> Content:
        """Return a reply's content as the front end may have it.

        Notices that arise here follow the next message that passes.
        """
        with self._lock:
            judge = self._replies.without_commands if self._trusted else self._replies.passed
            passed, said = judge(msg_type, content)
            self._pending.extend(said)
            return passed

    def _judged(self, message: Message) -> list[Message]:
        try:
            passed = self._rules[message.msg_type](message)
        except Exception:  # noqa: BLE001 - what cannot be judged stays out, whatever was wrong
            self._pending.append(notices.malformed(message.msg_type))
            return []
        return [] if passed is None else [passed]

    def _notices(self, parent: str | None) -> list[Message]:
        said = []
        for notice in self._pending:
            if notice.key not in self._said and len(self._said) < _MAX_ID:
                self._said.add(notice.key)
                text = f"{'' if self._trusted else '[isolated] '}{notice.text}\n"
                said.append(Message("stream", {"name": "stderr", "text": text}, parent))
        self._pending.clear()
        return said

    def _display(self, message: Message) -> Message | None:
        content = message.content
        data, metadata = content.get("data"), content.get("metadata")
        if not isinstance(data, dict):
            return None
        shown, kept, said = mime.passed(
            data, metadata if isinstance(metadata, dict) else {}, self._bokeh
        )
        self._pending.extend(said)
        if data and not shown:
            return None
        rebuilt: Content = {"data": shown, "metadata": kept, "transient": {}}
        transient = content.get("transient")
        identifier = transient.get("display_id") if isinstance(transient, dict) else None
        if isinstance(identifier, str) and len(identifier) <= _MAX_ID:
            rebuilt["transient"] = {"display_id": identifier}
        elif message.msg_type == "update_display_data":
            return None
        if message.msg_type == "execute_result":
            count = content.get("execution_count")
            rebuilt["execution_count"] = count if isinstance(count, int) else None
        return _rebuilt(message, rebuilt)

    def _comm(self, message: Message) -> None:
        self._waiting.add(message)
        if message.msg_type == "comm_open":
            self._pending.append(notices.WIDGETS)


def _rebuilt(message: Message, content: Content) -> Message:
    return replace(message, content=content, metadata={}, buffers=())


def _stream(message: Message) -> Message | None:
    name, text = message.content.get("name"), message.content.get("text")
    if name not in ("stdout", "stderr") or not isinstance(text, str):
        return None
    return _rebuilt(message, {"name": name, "text": ansi.harmless(text)})


def _error(message: Message) -> Message:
    content = message.content
    traceback = content.get("traceback")
    lines = traceback if isinstance(traceback, list) else []
    return _rebuilt(
        message,
        {
            "ename": _text(content.get("ename")),
            "evalue": _text(content.get("evalue")),
            "traceback": [_text(line) for line in lines if isinstance(line, str)],
        },
    )


def _clear_output(message: Message) -> Message:
    return _rebuilt(message, {"wait": message.content.get("wait") is True})


def _debug_event(message: Message) -> Message | None:
    return _rebuilt(message, message.content) if bounded(message.content) else None


def _input_request(message: Message) -> Message:
    content = message.content
    return _rebuilt(
        message,
        {"prompt": _text(content.get("prompt")), "password": content.get("password") is True},
    )


def _text(value: Any) -> str:
    return ansi.harmless(value) if isinstance(value, str) else ""
