"""The stdin channel: what the session asks the person, and what this kernel asks.

While a question of the kernel's is open, none of the session's passes, and the answer reaches
nothing but the kernel. Front ends that name the request in their reply (JupyterLab does) say whose
answer it is. For the others, which show one prompt after the other, replies are counted.

Used on the kernel's event loop alone, but for `ask`.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.errors import CommandError
from dynamic_sessions_kernel.magics import CommandInterruptedError
from dynamic_sessions_kernel.messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamic_sessions_kernel.magics import Cancelled

#: Seconds between looks for an interrupt.
_POLL_SECONDS = 0.05
#: Seconds after which a question that nobody answers counts as refused.
_PATIENCE_SECONDS = 3600.0
#: How many requests of the session wait behind a question; more are dropped.
_MAX_WAITING = 16
#: How many closed questions are remembered, so that a late answer reaches nothing.
_MAX_CLOSED = 64


class StdinQuestions:
    """Keeps the kernel's questions and the session's apart.

    Args:
        send: sends a message on stdin and returns its id; None where there is nobody to ask.
        on_loop: calls a function on the kernel's event loop, from any thread.
    """

    def __init__(
        self, send: Callable[[Message], str | None], on_loop: Callable[..., object]
    ) -> None:
        self._send = send
        self._on_loop = on_loop
        self._answer: Future[str] | None = None
        self._question: str | None = None
        self._closed: deque[str] = deque(maxlen=_MAX_CLOSED)
        self._abandoned = False
        self._asked_by_session = 0
        self._waiting: deque[Message] = deque()

    def begin_cell(self) -> None:
        """Forget what earlier cells left unanswered: one cell's prompts end with it."""
        self._asked_by_session = 0
        self._abandoned = False

    def forward(self, message: Message) -> None:
        """Send an `input_request` of the session's, once no question of the kernel's is open."""
        if self._answer is None:
            if self._send(message) is not None:
                self._asked_by_session += 1
        elif len(self._waiting) < _MAX_WAITING:
            self._waiting.append(message)

    def take(self, reply: dict[str, Any]) -> bool:
        """Take an `input_reply`; returns whether it is not for the session."""
        parent = reply.get("parent_header", {}).get("msg_id")
        if parent is not None and parent in self._closed:
            return True
        if self._answer is not None and parent in {None, self._question}:
            if parent is None and self._asked_by_session:
                self._asked_by_session -= 1  # the prompt that was shown first
                return False
            if not self._answer.done():
                self._answer.set_result(str(reply["content"].get("value", "")))
            return True
        if parent is None and self._abandoned and not self._asked_by_session:
            self._abandoned = False
            return True
        self._asked_by_session = max(0, self._asked_by_session - 1)
        return False

    def ask(self, prompt: str, parent: str, cancelled: Cancelled) -> str:
        """Ask the person, and wait for the answer; called from a command's thread.

        Args:
            prompt: what the front end shows.
            parent: the id of the cell's request.
            cancelled: whether the person has interrupted the cell.

        Raises:
            CommandError: there is nobody to ask, or nobody answered within an hour.
            CommandInterruptedError: the person interrupted the cell.
        """
        answer: Future[str] = Future()
        content = {"prompt": prompt, "password": False}
        self._on_loop(
            self._open, answer, Message("input_request", content, parent, channel="stdin")
        )
        try:
            waited = 0.0
            while not wait([answer], _POLL_SECONDS).done:
                waited += _POLL_SECONDS
                if cancelled():
                    raise CommandInterruptedError(
                        "Interrupted before you answered. Nothing was done."
                    )
                if waited > _PATIENCE_SECONDS:
                    raise CommandError("Nobody answered within an hour. Nothing was done.")
            return answer.result()
        finally:
            self._on_loop(self._close, answer)

    def _open(self, answer: Future[str], message: Message) -> None:
        self._answer = answer
        self._question = self._send(message)
        if self._question is None:
            answer.set_exception(CommandError("There is no front end to ask. Nothing was done."))

    def _close(self, answer: Future[str]) -> None:
        if self._question is not None:
            self._closed.append(self._question)
        self._abandoned = not answer.done()
        self._answer = self._question = None
        while self._waiting:
            self.forward(self._waiting.popleft())
