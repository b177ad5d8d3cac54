"""Our end of the wire: makes one exchange after the other and never two at once.

A client brings what the kernel hands it to the relay, and what the relay has to the kernel. While
cells run it asks again and again, each call held in the session for a moment; when nothing runs
it asks ever more seldom, and after `keep_alive` seconds it lets the session go. An exchange whose
response is lost is simply made again: positions say at both ends what is there already.

A client is one connection with one start of the relay; when that is gone, the client is over. It
belongs to the event loop: every method is called there and every state changes there. Only a call
of the service, and reading what it brought, happen in a thread; its outcome comes back with
`call_soon_threadsafe` (see `exchanges`).

    state     what happens                                           next state
    OPENING   the relay answers and its ipykernel is ready           OPEN
    OPENING   a failure that does not pass, `refuse`, `interrupt`    OVER, and whoever opens fails
    OPEN      `interrupt`, and the exchange on its way may succeed   GIVEN_UP
    OPEN      `interrupt`, and an exchange failed before or hangs    OPEN, and what waits fails
    OPEN      a failure that does not pass, and loses nothing        OPEN, and what waits fails
    GIVEN_UP  an exchange succeeds                                   OPEN
    GIVEN_UP  it fails or hangs                                      OPEN, and what waits fails
    any       the session, its relay or the connection is lost,
              or another kernel takes the session, or `close`        OVER
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import secrets
import time
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from dynamic_sessions_kernel.errors import (
    AnswerLostError,
    DynamicSessionsError,
    InterpreterRestartedError,
    KernelError,
    NotSentError,
    SessionLostError,
)

from .exchanges import Call, DamagedError, Exchanges, Worker, broken_protocol
from .inside.envelope import EnvelopeError
from .inside.stream import Outgoing, frame
from .remote_code import relay_folder
from .responses import Budget, CannotHostError, TakenOverError
from .retry import RetryPolicy, is_too_large
from .times import BridgeTimes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .exchanges import Execute, Outcome
    from .listener import Listener
    from .responses import Answer

_log = logging.getLogger(__name__)

#: The longest envelope sent down.
_LARGEST_DOWN_CHARS = 1 << 20

_INTERRUPTED = (
    "Interrupted while the session could not be reached. If the cell runs there already, it is "
    "interrupted as soon as it can be, and its output still arrives; if not, it will not run."
)
_DEFECT = (
    "The kernel itself failed ({kind}); it is unknown what of the cell ran. Variables and files "
    "are kept, and the next cell finds them again. The kernel's log, where Jupyter runs, has the "
    "details: please report them."
)

_INTERRUPT = {"to": "relay", "type": "interrupt"}
_ABORT = {"to": "relay", "type": "abort"}

#: Errors after which the connection is gone.
_FINAL = (
    SessionLostError,
    InterpreterRestartedError,
    TakenOverError,
    CannotHostError,
    NotSentError,
    KernelError,
)


class State(Enum):
    """See the table above."""

    OPENING = "opening"
    OPEN = "open"
    GIVEN_UP = "given up"
    OVER = "over"


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
        arguments: what follows the connection file in an ipykernel's `sys.argv`.
        times: how long to wait for what.

    Attributes:
        exposed: up to where our stream may have reached the relay, acknowledged or not.
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
        arguments: Sequence[str] = (),
        times: BridgeTimes | None = None,
    ) -> None:
        self.client = secrets.token_hex(8)
        self.state = State.OPENING
        self._exchanges = Exchanges(execute, relay_folder(identifier), listener.read)
        self._listener = listener
        self._keep_alive = keep_alive
        self._instead = [*instead]
        self._arguments = [*arguments]
        self._mode = mode
        self._times = times or BridgeTimes()
        self._boot = ""
        self._outgoing = Outgoing()
        self._budget = Budget()
        self._down_chars = _LARGEST_DOWN_CHARS
        self._retry = RetryPolicy(listener.troubled, unreachable, self._times)
        self._hold = self._times.first_hold
        # Whether the relay has more than its last answer could bring.
        self._more = False
        # Whether the relay has to learn that a piece of our stream was discarded.
        self._skip = False
        self.exposed = 0
        self._active = time.monotonic()
        self._exchanged = 0.0

    # -- the kernel's side -----------------------------------------------------------------

    def open(self) -> asyncio.Future[Answer]:
        """Begin; the future holds the relay's first answer, or why there is none."""
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._opened: asyncio.Future[Answer] = self._loop.create_future()
        self._worker = Worker("bridge exchanges")
        self._task = self._loop.create_task(self._run())
        return self._opened

    @property
    def is_open(self) -> bool:
        """Whether the relay has answered and the connection is not over."""
        return self.state in {State.OPEN, State.GIVEN_UP}

    def refuse(self, reason: DynamicSessionsError) -> None:
        """End a connection that is not open yet, for a reason that the relay gave."""
        self._fail(reason)

    def post(self, head: dict[str, Any], body: Sequence[bytes] = ()) -> int:
        """Hand over a message for the relay; return its position.

        Raises:
            EnvelopeError: it is over the limit of one message.
        """
        position = self._outgoing.end
        self._outgoing.write(frame(json.dumps(head).encode(), *body))
        self._active = time.monotonic()
        self._changed.set()
        return position

    def interrupt(self) -> None:
        """Have the running cell interrupted; end the trying, if an exchange is being tried again.

        An exchange that is on its way is not tried again should it fail.
        """
        if self._retry.lasts or self.state is State.OPENING:
            self._fail(AnswerLostError(_INTERRUPTED))
        elif self.state is State.OPEN:
            self.state = State.GIVEN_UP
        self.post(_INTERRUPT)

    def wake(self) -> None:
        """Look anew at when an exchange is due: the listener may have room again."""
        self._changed.set()

    def close(self) -> None:
        """End the connection; what the session still has to say is neither awaited nor shown."""
        self._end()
        self._resolve(AnswerLostError("The connection was closed."))

    # -- the exchanges ---------------------------------------------------------------------

    async def _run(self) -> None:
        while await self._until_due():
            try:
                await self._exchange()
            except DynamicSessionsError as error:
                self._fail(error)
            except Exception as error:  # noqa: BLE001 - a defect of ours must end the cell, not this task alone
                _log.exception("an exchange failed in the kernel itself")
                self._fail(KernelError(_DEFECT.format(kind=type(error).__name__)))

    def _fail(self, error: DynamicSessionsError) -> None:
        if self.state is State.OVER:
            return  # whoever had this client has let go of it, and may have another
        opened = self.is_open
        over = isinstance(error, _FINAL) or not opened
        if over:
            self._end()
        else:
            given_up, self.state = self.state is State.GIVEN_UP, State.OPEN
            # What failed here must not run there later.
            self._outgoing.discard()
            self._skip = True
            self.post(_ABORT)  # nor what waits there behind a cell that runs
            if given_up:
                self.post(_INTERRUPT)  # once more: it may have been among that
            self._changed.set()
        self._listener.failed(error, over=over, opened=opened)
        # Last, since whoever waits for it may open another client at once.
        self._resolve(error)

    def _end(self) -> None:
        self.state = State.OVER
        self._exchanges.ended = True
        self._worker.end()
        if self._task is not asyncio.current_task():
            self._task.cancel()

    def _resolve(self, error: DynamicSessionsError) -> None:
        if not self._opened.done():
            self._opened.set_exception(error)
            self._opened.exception()  # asyncio would log it where nobody waits any more

    async def _until_due(self) -> bool:
        """Wait until an exchange is due; return False when the connection is over."""
        while self.state is not State.OVER:
            self._changed.clear()
            due = self._due()
            if due is not None and due <= time.monotonic():
                return True
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._changed.wait()
        return False

    def _due(self) -> float | None:
        if self._listener.full() and not self._outgoing.pending:
            return None
        waiting = self._waiting()
        idle = time.monotonic() - self._active
        if not waiting and idle > self._keep_alive:
            return None
        if waiting or self._more or self._outgoing.pending:
            return self._exchanged + self._retry.pause
        poll = self._times.longest_poll
        if self._listener.alive():
            poll = min(poll, max(self._times.shortest_poll, idle / 10))
        return self._exchanged + max(poll, self._retry.pause)

    @property
    def kept_for_seconds(self) -> float | None:
        """How long the idle session is kept from cooling down yet; None where it is not."""
        left = self._keep_alive - (time.monotonic() - self._active)
        return left if left > 0 and self.state is State.OPEN else None

    def _waiting(self) -> bool:
        return self.state is State.OPENING or self._listener.busy()

    async def _exchange(self) -> None:
        """Make one exchange.

        Raises:
            DynamicSessionsError: it cannot succeed by being made again, or somebody gave up.
        """
        waiting = self._waiting()
        sent = self._outgoing.pending
        hold = self._hold if waiting else self._times.first_hold if sent else 0.0
        text = self._outgoing.seal(self._head(hold), self._down_chars)
        started = time.monotonic()
        before, self.exposed = self.exposed, max(self.exposed, self._outgoing.sealed)
        try:
            outcome = await self._call(text, hold)
        except _FINAL as error:
            if not isinstance(error, NotSentError):
                raise
            self.exposed = before
            self._survive(error, len(text), waiting=waiting)
        except (DynamicSessionsError, DamagedError) as error:
            self._survive(error, len(text), waiting=waiting)
        else:
            if outcome is None or self.state is State.OVER:
                return
            self._exchanged = time.monotonic()
            self._retry.over()
            if self.state is State.GIVEN_UP:
                self.state = State.OPEN
            if not sent and not outcome.answer.data:
                # A relay that answers early with nothing must not keep us spinning.
                self._exchanged = max(self._exchanged, started + hold)
            self._take(outcome)

    async def _call(self, text: str, hold: float) -> Outcome | None:
        times = self._times
        call = Call(
            text,
            starts=self.state is State.OPENING,
            execution_limit=times.execution_limit,
            read_timeout=hold + times.response_limit,
        )
        self._retry.calling(hold)
        self._timer = self._loop.call_later(hold + times.late_after, self._check_lateness)
        try:
            return await self._worker.call(self._exchanges.make, call)
        finally:
            self._timer.cancel()

    def _check_lateness(self) -> None:
        """While somebody waits, show that an exchange hangs, or give it up where that was asked."""
        self._timer = self._loop.call_later(self._times.late_check, self._check_lateness)
        if not self._listener.busy():
            return
        if self.state is State.GIVEN_UP:
            self._fail(AnswerLostError(_INTERRUPTED))
        else:
            self._retry.show_lateness()

    def _head(self, hold: float) -> dict[str, Any]:
        opening = self.state is State.OPENING
        return {
            "client": self.client,
            "boot": self._boot,
            "hello": self._mode if opening else "",
            "instead": self._instead if opening else [],
            "argv": self._arguments if opening else [],
            "seq": self._outgoing.base,
            "skip": self._skip,
            "ack": self._exchanges.position,
            "hold": hold,
            "budget": self._budget.size,
        }

    def _take(self, outcome: Outcome) -> None:
        answer = outcome.answer
        self._boot = answer.boot
        self._budget.grow(answer.length)
        self._skip = self._skip and answer.ack < self._outgoing.base
        try:
            self._outgoing.acknowledge(answer.ack)
        except EnvelopeError as error:
            raise broken_protocol(error) from None
        self._more = answer.end > (self._exchanges.position or 0)
        if answer.data:
            self._active = time.monotonic()
            self._hold = self._times.first_hold
        else:
            self._hold = min(self._times.longest_hold, self._hold * 1.25)
        for arrival in outcome.arrivals:
            self._listener.arrived(arrival)
        if self.state is State.OPENING and answer.ready:
            self.state = State.OPEN
            if not self._opened.done():
                self._opened.set_result(answer)

    def _survive(self, error: Exception, sent: int, *, waiting: bool) -> None:
        """Prepare to make the exchange again.

        Raises:
            DynamicSessionsError: that cannot help.
        """
        _log.debug("exchange: %s", type(error).__name__)
        self._exchanged = time.monotonic()
        if self.state is State.OVER:
            return
        if isinstance(error, DamagedError):
            self._budget.shrink(error.length)
        if self.state is State.GIVEN_UP:
            raise AnswerLostError(_INTERRUPTED)
        if is_too_large(error, sent) and self._down_chars > sent // 2:
            self._down_chars = sent // 2
            return
        self._retry.met(error, waiting=waiting, opening=self.state is State.OPENING)
