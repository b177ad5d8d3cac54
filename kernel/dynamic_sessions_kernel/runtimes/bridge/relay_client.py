"""Our end of the wire: one pump, which makes one exchange after the other and never two at once.

The pump brings what the kernel hands it to the relay, and what the relay has to the kernel. While
cells run it asks again and again, each call held in the session for a moment; when nothing runs
it asks ever more seldom, and after `keep_alive` seconds it lets the session go. An exchange whose
answer is lost is simply made again: positions tell both ends what they already have.

A link is one connection with one start of the relay; when that is gone, the link is over.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import secrets
import threading
import time
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from dynamic_sessions_kernel.errors import (
    AnswerLostError,
    DynamicSessionsError,
    InterpreterRestartedError,
    NotSentError,
    SessionLostError,
)

from .inside.envelope import EnvelopeError
from .inside.stream import Incoming, Outgoing, frame
from .remote_code import exchanging, loading, relay_folder, starting
from .responses import Budget, CannotHostError, TakenOverError, read_answer
from .retry import RetryPolicy, is_too_large

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynamic_sessions_kernel.client.models import ExecutionResult

    from .responses import Answer

_log = logging.getLogger(__name__)

#: How long an exchange is held while a cell runs, at first and at most: a held call cannot be
#: woken, so this is what an interrupt waits for. In seconds, as all times here.
FIRST_HOLD, LONGEST_HOLD = 0.3, 1.0
#: How long the service may let an exchange run, and how long its answer may take beyond the hold.
EXCHANGE_LIMIT, ANSWER_LIMIT = 30, 20.0
#: The longest envelope sent down, in characters.
DOWN_BUDGET = 1 << 20
#: Pauses between polls when nothing runs.
SHORTEST_POLL, LONGEST_POLL = 0.3, 30.0


_INTERRUPTED = (
    "Interrupted while the session could not be reached. If the cell runs there already, it is "
    "interrupted as soon as it can be, and its output still arrives; if not, it will not run."
)

#: Errors after which the connection is gone.
_FINAL = (SessionLostError, InterpreterRestartedError, TakenOverError, CannotHostError)


class Execute(Protocol):
    """Runs code in the session and waits for its outcome, as `pool.Session.execute` does."""

    def __call__(
        self, code: str, *, timeout: float, read_timeout: float, attempts: int
    ) -> ExecutionResult:
        """Run code once; raise where it is unknown whether it ran."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the relay, still as bytes.

    Attributes:
        head: what the relay says about it; nothing in it is checked yet.
        body: metadata and content as JSON, and the buffers.
    """

    head: bytes
    body: Sequence[bytes]


class Listener(Protocol):
    """What a link tells; every call comes on the pump's thread."""

    def received(self, message: Received) -> None:
        """Take the next message of the relay."""

    def busy(self) -> bool:
        """Whether something waits for an answer."""

    def failed(self, error: DynamicSessionsError, *, over: bool) -> None:
        """Fail what waits for an answer; when `over`, the connection is gone too."""

    def troubled(self, reason: str | None) -> None:
        """Show that an exchange is being tried again, or with None, that one succeeded."""


class RelayClient:
    """A connection with the relay of one session.

    Args:
        execute: runs the exchanges.
        identifier: the session's identifier.
        listener: takes what comes.
        keep_alive: seconds without a message for which the session is kept; 0 for none.
        mode: what to do with an ipykernel that is there already: `keep` it, or start a `fresh` one.
        unreachable: for how many seconds a service that cannot be reached is tried again.
        instead: clients of connections that were given up: should their calls arrive yet, the
            relay is to refuse them.
    """

    def __init__(
        self,
        execute: Execute,
        identifier: str,
        listener: Listener,
        *,
        keep_alive: float,
        mode: Literal["keep", "fresh"] = "keep",
        unreachable: float = math.inf,
        instead: Sequence[str] = (),
    ) -> None:
        self._execute = execute
        self._folder = relay_folder(identifier)
        self._listener = listener
        self._keep_alive = keep_alive
        self.client = secrets.token_hex(8)
        self._instead = [*instead]
        self._hello: str = mode
        self._boot = ""
        # Whether the service's interpreter is known to have loaded what makes an exchange.
        self._loaded = False
        self._changed = threading.Condition()
        self._outgoing = Outgoing()
        self._incoming: Incoming | None = None
        self._budget = Budget()
        self._down_budget = DOWN_BUDGET
        self._trouble = RetryPolicy(listener.troubled, unreachable)
        self._hold = FIRST_HOLD
        self._more = False
        self._skip = False
        self._given_up = False
        self._over = False
        self.was_open = False
        self._active = time.monotonic()
        self._exchanged = 0.0
        self.opened: Future[Answer] = Future()
        self._thread = threading.Thread(target=self._run, name="bridge link", daemon=True)

    # -- from any thread, at once ----------------------------------------------------------

    def open(self) -> Future[Answer]:
        """Start the pump; the future holds the relay's first answer, or why there is none."""
        self._thread.start()
        return self.opened

    @property
    def is_open(self) -> bool:
        """Whether the relay has answered and the connection is not over."""
        return self.was_open and not self._over

    def refuse(self, reason: DynamicSessionsError) -> None:
        """End a connection that is not open yet, for a reason that the relay gave."""
        self._fail(reason)

    def post(self, head: dict[str, Any], body: Sequence[bytes] = ()) -> None:
        """Hand over a message for the relay.

        Raises:
            EnvelopeError: it is over the limit of one message.
        """
        pieces = frame(json.dumps(head).encode(), *body)
        with self._changed:
            self._outgoing.write(pieces)
            self._active = time.monotonic()
            self._changed.notify()

    def give_up(self) -> None:
        """End the trying, if an exchange is being tried again, and fail what waits for it.

        An exchange that is on its way is not tried again should it fail.
        """
        if self._trouble.lasts or not self.was_open:
            self._fail(AnswerLostError(_INTERRUPTED))
        else:
            self._given_up = True

    def look(self) -> None:
        """Tell if an exchange hangs, or give it up if that was asked for while it began to.

        To be called now and then while a cell waits: the pump cannot, it makes the exchange.
        """
        if self._given_up and self._trouble.lasts:
            self._given_up = False
            self._fail(AnswerLostError(_INTERRUPTED))
        else:
            self._trouble.look()

    def close(self) -> None:
        """End the connection; what the session still has to say is not awaited, nor told."""
        with self._changed:
            self._over = True
            self._changed.notify()
        with contextlib.suppress(InvalidStateError):
            self.opened.set_exception(AnswerLostError("The connection was closed."))

    # -- the pump --------------------------------------------------------------------------

    def _run(self) -> None:
        while self._wait_for_reason():
            try:
                self._exchange()
            except DynamicSessionsError as error:
                self._fail(error)
            except Exception as error:  # noqa: BLE001 - a defect of ours must end the cell, not only this thread
                _log.exception("the bridge's pump failed")
                self._fail(SessionLostError(f"The connection failed: {error!r}"))

    def _fail(self, error: DynamicSessionsError) -> None:
        over = isinstance(error, (*_FINAL, NotSentError)) or not self.was_open
        with self._changed:
            if self._over:
                return  # whoever had this link has let go of it, and may have another
            self._over = over
            # What failed here must not run there later.
            self._outgoing.discard()
            self._skip = True
            self._changed.notify()
        self._listener.failed(error, over=over)
        # Last, since whoever waits for it may open another link at once.
        with contextlib.suppress(InvalidStateError):
            self.opened.set_exception(error)

    def _wait_for_reason(self) -> bool:
        """Wait until an exchange is due; return False when the link is over."""
        with self._changed:
            while not self._over:
                due = self._due()
                now = time.monotonic()
                if due is not None and due <= now:
                    return True
                self._changed.wait(None if due is None else due - now)
        return False

    def _due(self) -> float | None:
        waiting = self._waiting()
        idle = time.monotonic() - self._active
        if not waiting and idle > self._keep_alive:
            return None
        if waiting or self._more or self._outgoing.pending:
            return self._exchanged + self._trouble.pause
        poll = min(LONGEST_POLL, max(SHORTEST_POLL, idle / 10))
        return self._exchanged + max(poll, self._trouble.pause)

    def _waiting(self) -> bool:
        return bool(self._hello) or self._listener.busy()

    def _exchange(self) -> None:
        """Make one exchange.

        Raises:
            DynamicSessionsError: it cannot succeed by being made again, or somebody gave up.
        """
        waiting = self._waiting()
        with self._changed:
            sent = self._outgoing.pending
            hold = self._hold if waiting else FIRST_HOLD if sent else 0.0
            text = self._outgoing.seal(self._head(hold), self._down_budget)
        make = starting if self._hello else exchanging if self._loaded else loading
        started = time.monotonic()
        self._trouble.calling(hold)
        try:
            result = self._execute(
                make(self._folder, text),
                timeout=EXCHANGE_LIMIT,
                read_timeout=hold + ANSWER_LIMIT,
                attempts=1,
            )
            if make is exchanging and result.succeeded and not result.result:
                self._loaded = False  # another interpreter, or a fresh one: at once, once more
                return
            answer = self._read(result)
        except _FINAL:
            raise
        except (DynamicSessionsError, EnvelopeError) as error:
            self._exchanged = time.monotonic()
            if not self._over:
                self._survive(error, len(text), waiting=waiting)
            return
        if self._over:
            return
        self._exchanged = time.monotonic()
        self._trouble.over()
        self._loaded, self._given_up = True, False
        if not sent and not answer.data:
            # A relay that answers early with nothing must not keep us spinning.
            self._exchanged = max(self._exchanged, started + hold)
        self._take(answer)

    def _head(self, hold: float) -> dict[str, Any]:
        return {
            "client": self.client,
            "boot": self._boot,
            "hello": self._hello,
            "instead": self._instead if self._hello else [],
            "seq": self._outgoing.base,
            "skip": self._skip,
            "ack": None if self._incoming is None else self._incoming.position,
            "hold": hold,
            "budget": self._budget.size,
        }

    def _read(self, result: ExecutionResult) -> Answer:
        length = len(result.result) if isinstance(result.result, str) else 0
        try:
            answer = read_answer(result)
        except EnvelopeError:
            self._budget.shrink(length)
            raise
        if self._boot and answer.boot != self._boot:
            raise SessionLostError(
                "Another relay answers in the session: variables are gone. Run what you need "
                "again, from the top."
            )
        self._budget.grow(length)
        return answer

    def _take(self, answer: Answer) -> None:
        self._boot = answer.boot
        if self._incoming is None:
            self._incoming = Incoming(answer.start)
        with self._changed:
            self._skip = self._skip and answer.ack < self._outgoing.base
            try:
                self._outgoing.acknowledge(answer.ack)
                messages = self._incoming.take(answer.start, answer.data)
            except EnvelopeError as error:
                raise SessionLostError(
                    f"The session's relay does not keep to its protocol ({error}), so the "
                    "connection was ended. Run the cell again for a new one."
                ) from None
            self._more = answer.end > self._incoming.position
            if answer.data:
                self._active = time.monotonic()
                self._hold = FIRST_HOLD
            else:
                self._hold = min(LONGEST_HOLD, self._hold * 1.25)
        for head, *body in messages:
            self._listener.received(Received(head, body))
        if self._hello and answer.ready:
            self._hello = ""
            self.was_open = True
            with contextlib.suppress(InvalidStateError):
                self.opened.set_result(answer)

    def _survive(self, error: Exception, sent: int, *, waiting: bool) -> None:
        """Prepare to make the exchange again.

        Raises:
            DynamicSessionsError: that cannot help.
        """
        _log.debug("exchange: %s", type(error).__name__)
        self._loaded = False
        if self._given_up:
            self._given_up = False
            raise AnswerLostError(_INTERRUPTED)
        if is_too_large(error, sent) and self._down_budget > sent // 2:
            self._down_budget = sent // 2
            return
        self._trouble.met(error, waiting=waiting, opening=bool(self._hello))
