"""The blocking half of an exchange: a call of the service, and reading what it brought.

It runs in a thread of its own, since a call waits for the network and megabytes take time to
read. The event loop lends it one exchange at a time, and has the outcome back before it makes the
next. So nothing here needs a lock.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dynamic_sessions_kernel.errors import SessionLostError

from .inside.envelope import PREFIX, EnvelopeError
from .inside.stream import Incoming
from .remote_code import exchanging, loading, starting
from .responses import LOST, read_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dynamic_sessions_kernel.client.models import ExecutionResult

    from .responses import Answer

T = TypeVar("T")


class Execute(Protocol):
    """Runs code in the session and waits for its outcome, as `client.Session.execute` does."""

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


@dataclass(frozen=True, slots=True)
class Call:
    """An exchange to make.

    Attributes:
        text: its envelope.
        starts: whether it starts the relay where there is none.
        execution_limit, read_timeout: seconds, as `Session.execute` takes them.
    """

    text: str
    starts: bool
    execution_limit: float
    read_timeout: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an exchange brought.

    Attributes:
        answer: the relay's.
        arrivals: what the listener made of the messages that came whole with it.
    """

    answer: Answer
    arrivals: list[Any]


class DamagedError(Exception):
    """What came back is no whole envelope; `length` is how many characters came."""

    def __init__(self, cause: EnvelopeError, length: int) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.length = length


class Exchanges:
    """Makes the exchanges of one connection.

    Args:
        execute: runs code in the session.
        folder: the relay's.
        read: takes each message, in this thread; what it returns, other than None, is for the
            event loop.
    """

    def __init__(
        self, execute: Execute, folder: str, read: Callable[[Received], object | None]
    ) -> None:
        self._execute = execute
        self._folder = folder
        self._read = read
        self._boot = ""
        # Which container the relay is in, where the service says so.
        self._container = ""
        self._incoming: Incoming | None = None
        # Whether the service's interpreter is known to have loaded what makes an exchange.
        self._loaded = False
        # Set by the event loop when the connection is over: what comes then is dropped.
        self.ended = False

    @property
    def position(self) -> int | None:
        """Up to where the relay's stream has come; None before its first answer."""
        return None if self._incoming is None else self._incoming.position

    def make(self, call: Call) -> Outcome | None:
        """Make an exchange; None where the interpreter has to be taught first: make it again.

        Raises:
            DamagedError: no whole envelope came back.
            DynamicSessionsError: see `Session.execute` and `read_answer`.
        """
        make = starting if call.starts else exchanging if self._loaded else loading
        loaded, self._loaded = self._loaded, False
        result = self._execute(
            make(self._folder, call.text),
            timeout=call.execution_limit,
            read_timeout=call.read_timeout,
            attempts=1,
        )
        if self._replaced(result):
            raise SessionLostError(LOST)
        if loaded and make is exchanging and result.succeeded and not result.result:
            return None  # another interpreter, or a fresh one
        try:
            answer = read_answer(result)
        except EnvelopeError as error:
            length = len(result.result) if isinstance(result.result, str) else 0
            raise DamagedError(error, length) from None
        self._loaded, self._container = True, result.container
        return Outcome(answer, [] if self.ended else self._take(answer))

    def _replaced(self, result: ExecutionResult) -> bool:
        """Whether the relay's session was replaced by the one that answers, as its headers say.

        A relay that answers is there, whatever they say.
        """
        if not self._boot or (isinstance(result.result, str) and PREFIX in result.result):
            return False
        another = bool(self._container) and result.container not in ("", self._container)
        return another or result.new_allocation is True

    def _take(self, answer: Answer) -> list[Any]:
        if self._boot and answer.boot != self._boot:
            raise SessionLostError(
                "Another relay answers in the session: variables are gone. Run what you need "
                "again, from the top."
            )
        self._boot = answer.boot
        if self._incoming is None:
            self._incoming = Incoming(answer.start)
        try:
            messages = self._incoming.take(answer.start, answer.data)
        except EnvelopeError as error:
            raise broken_protocol(error) from None
        arrivals = []
        for head, *body in messages:
            if (arrival := self._read(Received(head, body))) is not None:
                arrivals.append(arrival)
        return arrivals


def broken_protocol(error: EnvelopeError) -> SessionLostError:
    """Return what the person reads when the relay does not keep to its protocol."""
    return SessionLostError(
        f"The session's relay does not keep to its protocol ({error}), so the connection was "
        "ended. Run the cell again for a new one."
    )


class Worker:
    """A daemon thread that runs one call after the other for an event loop.

    Unlike an executor's, it holds no process back that ends while a call hangs.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def call(self, function: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        """Run a function there; its outcome becomes the future's."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def resolve(value: T | None, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)  # type: ignore[arg-type]  # None only beside an error

        def work() -> None:
            value, failure = None, None
            try:
                value = function(*arguments)
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to who waits
                failure = error
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(resolve, value, failure)

        self._calls.put(work)
        return future

    def end(self) -> None:
        """Let the thread end once its call is over."""
        self._calls.put(None)

    def _run(self) -> None:
        while (work := self._calls.get()) is not None:
            work()
