"""The bridge runtime: what the kernel's requests become, and what the relay's messages become.

It belongs to the kernel's event loop. Two methods are called elsewhere: `read` (see `reader`), in
the thread that receives; and `interrupt`, which hands over to the loop.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Literal

from dynamic_sessions_kernel.errors import (
    DynamicSessionsError,
    InterpreterRestartedError,
    SessionLostError,
)
from dynamic_sessions_kernel.messages import Content, Emit, Part, Request
from dynamic_sessions_kernel.runtimes.base import Runtime
from dynamic_sessions_kernel.runtimes.deletion import delete_in_time

from .cells_ahead import CellsAhead
from .connection_notice import Notice
from .inside.envelope import EnvelopeError
from .inside.protocol import ALIVE
from .output_lane import OutputLane
from .pending_requests import Pending
from .questions import Questions
from .reader import Reader
from .relay_client import RelayClient
from .requests import Execution, body_of, execution_of
from .responses import TakenOverError
from .times import BridgeTimes
from .validation import Arrival, death

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dynamic_sessions_kernel.client.session import Session


_log = logging.getLogger(__name__)

_RESTARTED = "Python was restarted, so this cell was ended and variables are gone; files are kept."


class BridgeRuntime(Runtime):
    """Runs cells in an ipykernel of the session's.

    Args:
        emit: takes the output.
        session: the session to run in.
        keep_alive: seconds of idleness for which the session is kept from cooling down.
        fresh: start a fresh ipykernel even if the session has one from before.
        unreachable: for how many seconds a service that cannot be reached is tried again while a
            cell waits; endless by default, and an interrupt ends it.
        cell: returns which request waits, for what is said about the connection; by default the one
            that was executed last, which leaves the first connection silent.
        arguments: what follows the connection file in `sys.argv`.
        times: how long to wait for what.

    Attributes:
        found: whether the last connection found an ipykernel with its variables.
    """

    name: ClassVar[str] = "bridge"

    def __init__(
        self,
        emit: Emit,
        session: Session,
        *,
        keep_alive: float = 3600.0,
        fresh: bool = False,
        unreachable: float = math.inf,
        cell: Callable[[], str | None] | None = None,
        arguments: Sequence[str] = (),
        times: BridgeTimes | None = None,
    ) -> None:
        super().__init__(emit)
        self._session = session
        self._keep_alive = keep_alive
        self._unreachable = unreachable
        self._arguments = arguments
        self._times = times or BridgeTimes()
        self._mode: Literal["keep", "fresh"] = "fresh" if fresh else "keep"
        self._link: RelayClient | None = None
        # Clients whose calls may arrive when nobody waits for them any more; lately given up.
        self._given_up: deque[str] = deque(maxlen=16)
        self._opening = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending = Pending()
        self._outputs = OutputLane()
        self._ahead = CellsAhead(self._outputs)
        self._restarted: asyncio.Future[None] | None = None
        self._cell: str | None = None
        self._notice = Notice(emit, cell or (lambda: self._cell))
        self._questions = Questions(self._pending, self._forward, self._times.completion_turn)
        reader = Reader(emit, self._ahead.outputs, self._outputs, self._notice, self._later)
        self.read = reader.read
        self._life = 0
        self._count = 1
        # Whether something of the person's lives on in the session between cells.
        self._alive = True

    # -- the kernel's side -----------------------------------------------------------------

    @property
    def execution_count(self) -> int:
        """The number that the next stored cell gets, 1 at first."""
        return self._count

    @property
    def connected(self) -> bool:
        """Whether the session's relay is at hand."""
        return self._link is not None

    @property
    def kept_for_seconds(self) -> float | None:
        """How long an idle session is kept from cooling down yet."""
        return None if self._link is None else self._link.kept_for_seconds

    async def connect(self) -> None:
        """Start the relay in the session, or find it again. Repeatable.

        Raises:
            CannotHostError: the session cannot host a relay; the message is the reason.
            DynamicSessionsError: the session could not be had.
        """
        self._loop = asyncio.get_running_loop()
        async with self._opening:
            if self._link is not None:
                return
            link = RelayClient(
                self._session.execute,
                self._session.identifier,
                self,
                keep_alive=self._keep_alive,
                mode=self._mode,
                unreachable=self._unreachable,
                instead=self._given_up,
                arguments=self._arguments,
                times=self._times,
            )
            self._link, self._ahead.wake = link, link.wake
            try:
                answer = await link.open()
            except BaseException:
                link.close()
                self._link = None
                self._given_up.append(link.client)
                raise
            self._mode, self.found, self.taken = "keep", answer.found, False
            self.aftermath = answer.aftermath
            self._life, self._count = answer.life, answer.count
            self._ahead.forget_relay()

    async def execute(self, request: Request, part: Part) -> Content:
        """Run one part of a cell; output goes through `emit`; returns `execute_reply` content.

        Raises:
            SessionLostError, InterpreterRestartedError: variables were lost, now or since the
                last cell; nothing ran in their place, and the next cell starts anew.
            DynamicSessionsError: see `errors`.
        """
        silent = bool(request.content.get("silent"))
        self._cell = request.id
        if request.id not in self._ahead:
            self.raise_loss(keep=silent)
            await self.connect()
            self._ahead.begin()
        try:
            if request.id in self._ahead:
                return await self._finish(request.id)
            return await self._execute(request, part, silent=silent)
        except (SessionLostError, InterpreterRestartedError, TakenOverError) as loss:
            # Code that a front end runs by itself must not use up what the person has to read.
            if silent:
                self._loss = loss
            raise

    async def _execute(self, request: Request, part: Part, *, silent: bool) -> Content:
        reply = await self._run(execution_of(request, part))
        failed_early = not part.last and reply.get("status") == "error"
        if failed_early and not silent and request.content.get("store_history", True):
            # The cell ends here, so it is counted and stored here, as typed.
            stored = await self._run(execution_of(request, Part("pass", ""), part.cell))
            reply["execution_count"] = stored.get("execution_count")
        return reply

    async def _run(self, execution: Execution) -> Content:
        future = self._pending.add_execution(execution.identity)
        try:
            self._post_cell(execution)
            return await future
        finally:
            self._pending.forget(execution.identity)

    async def _finish(self, identity: str) -> Content:
        try:
            reply = await self._ahead.finish(identity)
        finally:
            self._pending.forget(identity)
        self._note_count(reply)
        return reply

    def hand_ahead(self, request: Request, part: Part) -> bool:
        """Hand a cell over while one before it runs; `execute` then waits for its outcome."""
        if self._link is None or not self._link.is_open or self._pending.executing is None:
            return False
        self._ahead.outputs.hold(request.id)
        outcome = self._pending.add_execution(request.id)
        try:
            position = self._post_cell(execution_of(request, part))
        except DynamicSessionsError:  # it is too large: its turn will show that
            self._pending.forget(request.id)
            self._ahead.outputs.drop(request.id)
            return False
        self._ahead.add(request.id, outcome, position)
        return True

    def handed_ahead(self, identity: str) -> bool:
        """Whether `execute` would wait for the outcome of a cell that the session has."""
        return identity in self._ahead

    async def aborted(self, identity: str) -> bool:
        """Wait until it is known whether a cell behind a failed one is aborted."""
        return await self._ahead.aborted(identity)

    @property
    def _is_open(self) -> bool:
        return self._link is not None and self._link.is_open

    async def ask(self, request: Request) -> Content | None:
        """Answer a request other than execution; None where there is no session to ask."""
        return await self._questions.ask(request) if self._is_open else None

    async def serve_comm(self, request: Request) -> None:
        """Hand over a comm's message, and wait until the ipykernel has served it."""
        if self._is_open:
            await self._questions.serve_comm(request)

    def forward(self, request: Request) -> None:
        """Hand over a message that has no reply: `comm_*`, `input_reply`."""
        if self._is_open:
            self._questions.forward(request)

    def interrupt(self) -> None:
        """Interrupt the running cell. May be called from any thread; returns at once."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._interrupt)

    def _interrupt(self) -> None:
        if self._link is not None:
            self._link.interrupt()

    async def restart(self) -> None:
        """Fresh variables, same session, same files; cells that run are ended."""
        self._count = 1
        if self._link is None or not self._link.is_open:
            self._mode = "fresh"
            self._loss = None
            return
        self._pending.fail(InterpreterRestartedError(_RESTARTED))
        self._restarted = asyncio.get_running_loop().create_future()
        self._link.post({"to": "relay", "type": "restart"})
        await asyncio.wait_for(self._restarted, self._times.restart_limit)
        self._loss = None  # whatever was lost, the person asked for a fresh start

    async def clear(self) -> bool:
        """Have the relay start a fresh ipykernel, if it can be reached in time."""
        if self._link is None or not self._link.is_open:
            return False
        try:
            await asyncio.wait_for(self.restart(), self._times.clear_limit)
        except (TimeoutError, DynamicSessionsError) as error:
            _log.debug("variables were not cleared: %s", type(error).__name__)
            return False
        return True

    async def close(self, *, delete: bool) -> None:
        """Let go of the session within 1.5 s, deleting it where asked."""
        link, self._link = self._link, None
        if link is not None:
            link.close()
        self._outputs.drop()
        self._pending.fail(InterpreterRestartedError("The kernel was shut down."))
        if delete:
            await delete_in_time(self._session)

    def _post_cell(self, execution: Execution) -> int:
        head = execution.head | {"generation": self._ahead.generation}
        return self._post(head, body_of(execution.content, execution.metadata))

    def _post(self, head: Content, body: Sequence[bytes]) -> int:
        if self._link is None:
            raise self._loss or InterpreterRestartedError("The connection was closed.")
        try:
            return self._link.post(head | {"life": self._life}, body)
        except EnvelopeError as error:
            raise DynamicSessionsError(f"This cannot be sent to the session: {error}.") from None

    def _forward(self, channel: str, request: Request) -> None:
        head = {"to": channel, "type": request.msg_type, "id": request.id}
        self._post(head, body_of(request.content, request.metadata, request.buffers))

    # -- the client's side -----------------------------------------------------------------

    def _later(self, arrival: Arrival) -> Callable[[], None]:
        """Return what has an arrival taken on the loop; called in the thread that receives."""
        link = self._link

        def take() -> None:
            if link is self._link:  # else its connection has ended meanwhile
                self.arrived(arrival)

        def hand_over() -> None:
            assert self._loop is not None  # noqa: S101 - what arrives was asked for on the loop
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(take)

        return hand_over

    def arrived(self, arrival: Arrival) -> None:
        """Take a reply, the end of a cell, or what the relay says of itself."""
        if arrival.origin == "relay":
            self._take_from_relay(arrival)
        else:
            self._ahead.failures = max(self._ahead.failures, arrival.failures)
            if arrival.msg_type == "execute_reply":
                self._alive = arrival.metadata.get(ALIVE) is not False
                if arrival.parent not in self._ahead:
                    self._note_count(arrival.content)
            self._pending.arrived(arrival.parent, arrival.msg_type, arrival.content)

    def busy(self) -> bool:
        """Whether something waits for a reply."""
        return bool(self._pending) or self._restarted is not None

    def alive(self) -> bool:
        """Whether output may come though no cell runs."""
        return self._alive

    def full(self) -> bool:
        """Whether more output should not be fetched yet."""
        return self._ahead.full

    def failed(self, error: DynamicSessionsError, *, over: bool, opened: bool) -> None:
        """Fail what waits for a reply; when `over`, the connection is gone too."""
        if self._link is not None:
            for unsent in self._ahead.take_back(self._link.exposed):
                self._pending.forget(unsent)
        if over:
            self._link = None
            self.taken = isinstance(error, TakenOverError)
        told = self._pending.fail(error)
        if over and opened and not told:
            self._loss = error
        self._end_restart(error)

    def troubled(self, reason: str | None) -> None:
        """Show that an exchange is being tried again, or with None, that one succeeded."""
        self._notice.show(reason)

    def _note_count(self, reply: Content) -> None:
        count = reply.get("execution_count")
        if isinstance(count, int) and not isinstance(count, bool):
            self._count = max(1, count + 1)

    def _take_from_relay(self, arrival: Arrival) -> None:
        content = arrival.content
        if arrival.msg_type in {"died", "restarted"}:
            life = content.get("life")
            self._life = life if isinstance(life, int) else 0
            self._count = 1
        if arrival.msg_type == "restarted":
            self._end_restart(None)
        elif arrival.msg_type == "died":
            self._buried(death(content))
        elif arrival.msg_type == "dropped":
            self._notice.dropped(arrival.parent, content.get("size"))

    def _buried(self, error: DynamicSessionsError) -> None:
        link = self._link
        if link is not None and not link.is_open:
            link.refuse(error)
        elif not self._pending.fail(error):
            self._loss = error

    def _end_restart(self, error: DynamicSessionsError | None) -> None:
        restarted, self._restarted = self._restarted, None
        if restarted is not None and not restarted.done():
            if error is None:
                restarted.set_result(None)
            else:
                restarted.set_exception(error)
