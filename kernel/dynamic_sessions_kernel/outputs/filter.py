"""The one place through which everything passes that a session says to a front end.

A script in an output runs in the notebook page with the person's cookies and can start a kernel on
the person's machine. So the filter knows the message types that a session may send, rebuilds each
from the fields that the protocol gives it, and hands what is to be shown to the table of MIME
types. What it does not know stays out, and the person is told.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from . import ansi, mime, notices
from .comms import TYPES as COMM_TYPES
from .comms import Waiting
from .notices import Notices
from .plots.bokeh import Bokeh
from .plots.viewers import bounded
from .replies import Replies
from .text_bars import TextBars

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynamic_sessions_kernel.messages import Content, Message

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
_MAX_ID_CHARS = 200


class OutputFilter:
    """Decides what of a session's messages reaches the front end, and in which form.

    All methods may be called from any thread. The lock holds what is remembered of a session, and
    is never held while an output is sanitised: that takes as long as the output is, and must not
    hold up a reply. The order of messages is the caller's.

    Args:
        mode: `isolated`, or `trusted` to let everything of the protocol through.
        holds_command: whether a text holds one of this kernel's commands if it becomes a cell. No
            session may propose such a cell, not even a trusted one.
        was_typed: whether the person typed this text as a cell: then the history may hold it.
    """

    def __init__(
        self,
        mode: Mode = "isolated",
        *,
        holds_command: Callable[[str], bool] = lambda _: False,
        was_typed: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._was_typed = was_typed
        self._mode: Mode = mode
        self._holds_command = holds_command
        self._lock = threading.Lock()
        self._known = self._nothing_known()

    def _nothing_known(self) -> _Known:
        bokeh = Bokeh()
        replies = Replies(bokeh, self._holds_command, self._was_typed)
        return _Known(self._mode == "trusted", bokeh, replies)

    @property
    def trusted(self) -> bool:
        """Whether everything passes."""
        return self._known.trusted

    def trust(self) -> list[Message]:
        """Let everything through from now on; return the comm messages that waited, to be sent."""
        with self._lock:
            self._known.trusted = True
            return self._known.waiting.release()

    def reset(self) -> None:
        """Forget a session, and with it the trust that it was given."""
        with self._lock:
            self._known = self._nothing_known()

    def pass_message(self, message: Message) -> list[Message]:
        """Return what to send for a message of the session: itself, a replacement, or nothing.

        A notice, where one is due, follows as an output of the same parent.
        """
        if message.msg_type not in _TRUSTED_TYPES or not isinstance(message.content, dict):
            return []
        if (message.channel == "stdin") != (message.msg_type == "input_request"):
            return []
        notices_due: list[Notice] = []
        with self._lock:
            known = self._known
            trusted = known.trusted
            # Kept under the lock: what is released by `trust` must be all that came before.
            if not trusted and message.msg_type in COMM_TYPES:
                known.waiting.add(message)
        sent = [message] if trusted else _judged(message, known.bokeh, notices_due)
        with self._lock:
            if not trusted:
                sent += known.bars_moved(message, sent, notices_due)
            if message.msg_type == "clear_output":
                known.notices.cleared()
            return sent + known.said(notices_due, message.parent)

    def pass_reply(
        self, msg_type: str, content: Content, request: Mapping[str, Any] | None = None
    ) -> Content:
        """Return a reply's content as the front end may have it.

        Notices that arise here follow the next message that passes.

        Args:
            msg_type: such as `complete_reply`.
            content: as the session sent it.
            request: the content of the request; a completion is judged by what it is put into.
        """
        known = self._known
        judge = known.replies.without_commands if known.trusted else known.replies.passed
        passed, notices_due = judge(msg_type, content, request or {})
        with self._lock:
            known.pending.extend(notices_due)
        return passed


@dataclass(slots=True)
class _Known:
    """What is remembered of one session.

    Attributes:
        trusted: whether everything passes.
        bokeh: what its Bokeh figures need.
        replies: the rules of its replies.
        waiting: its comm messages, until it is trusted.
        bars: its progress bars, shown as text until then.
        notices: what the person has read of what was left out.
        pending: notices that no message has carried yet.
    """

    trusted: bool
    bokeh: Bokeh
    replies: Replies
    waiting: Waiting = field(default_factory=Waiting)
    bars: TextBars = field(default_factory=TextBars)
    notices: Notices = field(default_factory=Notices)
    pending: list[Notice] = field(default_factory=list)

    def bars_moved(
        self, message: Message, sent: list[Message], notices_due: list[Notice]
    ) -> list[Message]:
        """Return what shows a progress bar anew.

        Args:
            message: as the session sent it.
            sent: what it became.
            notices_due: what there is to say of it; nothing of a bar, which is shown as text.
        """
        if message.msg_type in COMM_TYPES:
            return self.bars.moved(message)
        for passed in sent if message.msg_type in _DISPLAYS else []:
            if self.bars.shown(message.content, passed):
                notices_due[:] = [due for due in notices_due if due != notices.WIDGET_VIEW]
        return []

    def said(self, due: list[Notice], parent: str | None) -> list[Message]:
        """Return the message that shows the notices that are due, if there are any."""
        sent = self.notices.messages((*self.pending, *due), parent, isolated=not self.trusted)
        self.pending.clear()
        return sent


def _judged(message: Message, bokeh: Bokeh, notices_due: list[Notice]) -> list[Message]:
    try:
        if message.msg_type in _DISPLAYS:
            passed = _display(message, bokeh, notices_due)
        elif message.msg_type in COMM_TYPES:
            passed = None
            # A widget is missed where it is displayed, if no other form of it is.
            widget = message.content.get("target_name") == "jupyter.widget"
            if message.msg_type == "comm_open" and not widget:
                notices_due.append(notices.WIDGETS)
        else:
            passed = _RULES[message.msg_type](message)
    except Exception:  # noqa: BLE001 - what cannot be judged stays out, whatever was wrong
        notices_due.append(notices.malformed(message.msg_type))
        return []
    return [] if passed is None else [passed]


def _display(message: Message, bokeh: Bokeh, notices_due: list[Notice]) -> Message | None:
    content = message.content
    data, metadata = content.get("data"), content.get("metadata")
    if not isinstance(data, dict):
        return None
    shown, kept, due = mime.passed(data, metadata if isinstance(metadata, dict) else {}, bokeh)
    notices_due.extend(due)
    if data and not shown:
        return None
    rebuilt: Content = {"data": shown, "metadata": kept}
    transient = content.get("transient")
    identifier = transient.get("display_id") if isinstance(transient, dict) else None
    if isinstance(identifier, str) and len(identifier) <= _MAX_ID_CHARS:
        rebuilt["transient"] = {"display_id": identifier}
    elif message.msg_type == "update_display_data":
        return None
    elif message.msg_type == "display_data":
        rebuilt["transient"] = {}  # an execute_result has none, as ipykernel sends it
    if message.msg_type == "execute_result":
        count = content.get("execution_count")
        rebuilt["execution_count"] = count if isinstance(count, int) else None
    return _rebuilt(message, rebuilt)


def _rebuilt(message: Message, content: Content) -> Message:
    return replace(message, content=content, metadata={}, buffers=())


def _stream(message: Message) -> Message | None:
    name, text = message.content.get("name"), message.content.get("text")
    if name not in ("stdout", "stderr") or not isinstance(text, str):
        return None
    kept = ansi.harmless(text)
    if text and not kept:
        return None  # it would only have acted on a terminal, as `%clear` does
    return _rebuilt(message, {"name": name, "text": kept})


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


_DISPLAYS = frozenset({"display_data", "execute_result", "update_display_data"})
_RULES: dict[str, Callable[[Message], Message | None]] = {
    "stream": _stream,
    "error": _error,
    "clear_output": _clear_output,
    "debug_event": _debug_event,
    "input_request": _input_request,
}
