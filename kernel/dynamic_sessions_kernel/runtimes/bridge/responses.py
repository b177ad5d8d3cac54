"""Reading what an exchange's execution gave: the relay's envelope, or why there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.errors import (
    DynamicSessionsError,
    InterpreterRestartedError,
    SessionLostError,
)
from dynamic_sessions_kernel.runtimes.base import AFTERMATH_ENDED

from .inside.envelope import PREFIX, EnvelopeError, unseal
from .inside.protocol import ABSENT, DEAD, FAILED

if TYPE_CHECKING:
    from dynamic_sessions_kernel.client.models import ExecutionResult

#: Answers may have this many characters at most, and never fewer are asked for: 8 MB came back
#: whole from the open-source container, while a cut at 4096 is what its stdout gets.
LARGEST, SMALLEST, FIRST = 4 << 20, 2 << 10, 1 << 20

#: What the person reads where the session is another one.
LOST = (
    "The service replaced the session by a fresh one, so its variables and files are gone. Run "
    "what you need again, from the top."
)
_RELAY_DIED = (
    "The session's Python was ended together with what connects it, so variables are gone; files "
    "are kept. Run what you need again, from the top."
)
_TAKEN = (
    "Another kernel took this session over. Nothing of this cell ran; run it again to take the "
    "session back."
)
_INTERPRETER_TROUBLE = re.compile(
    r"\s*(Request timed out waiting for code execution|Execution aborted|Kernel restarted)"
)


class CannotHostError(DynamicSessionsError):
    """The session cannot host the relay; the message is the reason."""


class TakenOverError(DynamicSessionsError):
    """Another kernel uses the session now."""


class ServiceInterpreterError(DynamicSessionsError):
    """The service's own interpreter failed; the relay is not touched by that."""


#: What a person reads of cells of a connection before.
_AFTERMATH = {
    "running": (
        "A cell from before still runs in it. What that one prints is not shown, other cells wait "
        "until it ends, and an interrupt ends it."
    ),
    "asked": (
        "The cell that ran then had asked for input, which nobody can give any more, so it was "
        "interrupted."
    ),
    "ended": AFTERMATH_ENDED,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the relay answered.

    Attributes:
        boot: which start of the relay this is.
        ack: the position up to which it has our stream.
        start, end: where the slice starts in its stream, and where that stream ends so far.
        life: which ipykernel of this relay runs.
        count: the number that the next stored cell gets.
        ready: whether the ipykernel has given a sign of life.
        found: whether the ipykernel was there before this connection.
        left: what became of the cells of a connection before: `running`, if one still does;
            `asked`, if it was interrupted, since it waited for input; `ended`, if the end of one
            was perhaps not seen; empty otherwise.
        data: the slice.
        length: of the answer's text.
    """

    boot: str
    ack: int
    start: int
    end: int
    life: int
    count: int
    ready: bool
    found: bool
    left: str
    data: bytes
    length: int

    @property
    def aftermath(self) -> str:
        """A sentence on what became of those cells; empty where there is nothing to say."""
        return _AFTERMATH.get(self.left, "")


class Budget:
    """How long an answer may be: shrinks when answers come back cut, and grows back."""

    def __init__(self) -> None:
        self.size = FIRST
        self._factor = 2.0

    def shrink(self, received: int) -> None:
        """Ask for less, since of an answer only `received` characters came, if any."""
        known = received if SMALLEST < received < self.size else self.size
        self.size = max(SMALLEST, min(self.size // 2, known * 3 // 4))
        self._factor = 1.1

    def grow(self, received: int) -> None:
        """Ask for more next time, if this answer needed it."""
        if received > self.size // 2:
            self.size = min(LARGEST, int(self.size * self._factor))


def read_answer(result: ExecutionResult) -> Answer:
    """Read an exchange's outcome.

    Raises:
        EnvelopeError: no whole envelope came back; the exchange may be made again.
        ServiceInterpreterError: the service's interpreter failed; likewise.
        CannotHostError, SessionLostError, InterpreterRestartedError, TakenOverError: the
            connection is over.
    """
    if not result.succeeded:
        if result.status == "Canceled":
            raise ServiceInterpreterError("The service cancelled what was asked.")
        if _INTERPRETER_TROUBLE.match(result.stderr):
            raise ServiceInterpreterError("The service's interpreter was restarted.")
        last = result.stderr.strip().rpartition("\n")[2][-300:]
        raise EnvelopeError(f"the exchange failed: {last}")
    if not isinstance(result.result, str):
        raise EnvelopeError("the exchange gave no text")
    text = result.result
    if PREFIX not in text:
        _raise_for_visit(text)
    head, data = unseal(text)
    refused = head.get("refused")
    if refused == "taken":
        raise TakenOverError(_TAKEN)
    if refused == "boot":
        raise SessionLostError(LOST)
    if refused is not None:
        raise EnvelopeError(f"the relay refused: {str(refused)[:200]}")
    return _checked(head, data, len(text))


def _raise_for_visit(text: str) -> None:
    if ABSENT in text:
        raise SessionLostError(LOST)
    if DEAD in text:
        raise InterpreterRestartedError(_RELAY_DIED)
    if FAILED in text:
        reason = text.partition(FAILED)[2].rpartition("~")[0]
        raise CannotHostError(reason.strip()[-500:] or "it gave no reason")


def _checked(head: dict[str, Any], data: bytes, length: int) -> Answer:
    boot = head.get("boot")
    if not isinstance(boot, str) or not 0 < len(boot) <= 64:  # noqa: PLR2004
        raise EnvelopeError("an answer without a boot id")
    flags = [head.get(name) for name in ("ready", "found")]
    if not all(isinstance(flag, bool) for flag in flags):
        raise EnvelopeError("an answer without its flags")
    left = head.get("left")
    if not isinstance(left, str) or left not in {"", "running", "ended", "asked"}:
        raise EnvelopeError("an answer that does not say what was left")
    numbers = []
    for name in ("ack", "seq", "end", "life", "count"):
        number = head.get(name)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 62:
            raise EnvelopeError(f"an answer without a sound {name}")
        numbers.append(number)
    ack, start, end, life, count = numbers
    ready, found = map(bool, flags)
    return Answer(boot, ack, start, end, life, count, ready, found, left, data, length)
