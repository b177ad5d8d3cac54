"""The direct runtime: each part of a cell is one execution of the service.

The service runs one execution at a time, says nothing until it has ended, and cannot be stopped.
So an interrupt lets go of the cell and not of the code, and what comes after waits for it here.

What a cell sends comes back in the value of its execution. What was kept of a cell whose response
never came, or came as a failure of the service, is a part of the next value.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from dynamic_sessions_kernel.client.execution_errors import service_failure
from dynamic_sessions_kernel.errors import (
    DynamicSessionsError,
    ExecutionAbortedError,
    InterpreterRestartedError,
    UnexpectedAnswerError,
)
from dynamic_sessions_kernel.messages import Content, Emit, Message, Part, Request
from dynamic_sessions_kernel.runtimes.base import AFTERMATH_ENDED, Runtime
from dynamic_sessions_kernel.runtimes.deletion import delete_in_time
from dynamic_sessions_kernel.threads import start_call

from . import remote_code
from .brought import Brought, read_brought
from .executions import Executions, LetGo
from .keepalive import KeepAlive
from .late_output import LIMIT_SECONDS, LateOutput
from .losses import LOSSES, failure_of
from .outputs import MAX_OUTPUT_CHARS, messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynamic_sessions_kernel.client.models import ExecutionResult
    from dynamic_sessions_kernel.client.session import Session

#: Seconds for questions that a person waits for with a finger on the Tab key.
_QUESTION_SECONDS = 10.0
_STILL_RUNS = (
    "The code that was interrupted still runs in the session; this cell starts when it has ended.\n"
)
#: Cells whose output may still come: those that were sent last.
_REMEMBERED_CELLS = 1000

_log = logging.getLogger(__name__)


class DirectRuntime(Runtime):
    """Runs cells as executions of the service.

    Args:
        emit: takes the output.
        session: the session to run in.
        keep_alive: seconds of idleness for which the session is kept from cooling down.
        fresh: clear the variables of a session that this kernel's forerunner has left.
        arguments: what follows the connection file in `sys.argv`.
    """

    name: ClassVar[str] = "direct"

    def __init__(
        self,
        emit: Emit,
        session: Session,
        *,
        keep_alive: float = 3600.0,
        fresh: bool = False,
        arguments: Sequence[str] = (),
    ) -> None:
        super().__init__(emit)
        self._session = session
        self._fresh = fresh
        self._arguments = arguments
        self._boot = ""
        self._container = ""
        self._count = 1
        self._executions = Executions()
        self._counted = ""
        # The number of the last value that arrived, which acknowledges what it brought.
        self._build = 0
        self._cells: deque[str] = deque(maxlen=_REMEMBERED_CELLS)
        self._keep_alive = KeepAlive(self._touch, keep_alive)
        self._late_output = LateOutput(self._fetch, min(keep_alive, LIMIT_SECONDS))

    @property
    def execution_count(self) -> int:
        """The number that the next stored cell gets, 1 at first."""
        return self._count

    @property
    def connected(self) -> bool:
        """Whether the session is at hand, with the variables of earlier cells."""
        return bool(self._boot)

    @property
    def kept_for_seconds(self) -> float | None:
        """How long an idle session is kept from cooling down yet."""
        return self._keep_alive.left_seconds if self._boot else None

    async def connect(self) -> None:
        """Allocate the session, or find it again, and make it ready for cells. Repeatable."""
        if self._boot:
            return
        try:
            answer, result = await self._arrive()
            stale = answer.get("found") is True
        except UnexpectedAnswerError:
            # What a cell did to IPython can keep it from showing any value.
            if not self._fresh:
                raise
            stale = True
        if self._fresh and stale:
            await self._end_interpreter()
            answer, result = await self._arrive()
            # A restart says nothing in a cell, as on a local kernel.
            _log.info("a restart gave the session a fresh interpreter; its files are kept")
        boot = answer.get("boot")
        if not isinstance(boot, str) or not boot:
            raise UnexpectedAnswerError("The session's Python could not be made ready for cells.")
        self._boot, self._container = boot, result.container
        self._count, self._counted = 1, ""
        self.found, self.taken = answer.get("found") is True, False
        brought = read_brought(answer, None)
        self._build = 0
        if brought is not None:
            self._build = brought.build
            if not self._fresh:
                self._show(brought, "")
                self.aftermath = AFTERMATH_ENDED if set(brought.kept) - {*self._cells} else ""
        self._fresh = False
        self._keep_alive.start()

    async def _arrive(self) -> tuple[Content, ExecutionResult]:
        code = remote_code.arrival(build=self._build, arguments=self._arguments)
        result = await start_call(self._execute, code)
        if isinstance(service_failure(result), ExecutionAbortedError):
            # It waited behind an execution of before that ran out of time, and nothing of it ran.
            result = await start_call(self._execute, code)
        failure = service_failure(result)
        if failure is not None:
            raise failure
        return remote_code.read_answer(result), result

    async def _end_interpreter(self) -> None:
        """Have the service start its interpreter anew: nothing else undoes all that cells can do.

        Raises:
            DynamicSessionsError: it does not.
        """
        self._build = 0
        result = await start_call(self._session.execute, remote_code.END_INTERPRETER)
        failure = service_failure(result)
        if not isinstance(failure, InterpreterRestartedError):
            raise failure or UnexpectedAnswerError(
                "The session's Python could not be started anew, so its variables are still there. "
                "`%session restart` starts a fresh session."
            )

    async def execute(self, request: Request, part: Part) -> Content:
        """Run one part of a cell; output goes through `emit`; returns `execute_reply` content.

        Raises:
            SessionLostError, InterpreterRestartedError: variables are gone, and nothing of this
                part ran in their place; the next `connect` starts anew.
            AnswerLostError: it is unknown whether the part ran.
            DynamicSessionsError: see `errors`.
        """
        silent = bool(request.content.get("silent"))
        stores = bool(request.content.get("store_history", True)) and not silent
        self.raise_loss(keep=silent)
        await self.connect()
        shows = part.last and not silent
        self._late_output.stop()
        self._executions.begin_cell()
        try:
            result = None
            if part.code.strip():
                if self._executions.abandoned:
                    content = {"name": "stderr", "text": _STILL_RUNS}
                    self._emit(Message("stream", content, request.id))
                await self._executions.turn()
                self.raise_loss(keep=silent)
                order = self._order(request, part, stores=stores, shows=shows)
                late = partial(self._late, parent=request.id)
                result = await self._executions.run(self._execute, order, late)
        except LetGo as released:
            return self._released(str(released), request.id)
        finally:
            self._executions.end_cell()
            self._keep_alive.used()
        return await self._finish(request, part, result, shows=shows)

    def _order(self, request: Request, part: Part, *, stores: bool, shows: bool) -> str:
        """Return what is sent for a part, and count the cell with the first part of it."""
        counted = self._counted == request.id
        stores = stores and not counted
        code = remote_code.cell(
            part.code,
            identity=request.id,
            boot=self._boot,
            build=self._build,
            count=self._count - 1 if counted else self._count,
            stores=stores,
            shows=shows,
            whole=part.cell if stores and part.code != part.cell else None,
        )
        if stores:
            self._count, self._counted = self._count + 1, request.id
        if request.id not in self._cells:
            self._cells.append(request.id)
        return code

    async def _finish(
        self, request: Request, part: Part, result: ExecutionResult | None, *, shows: bool
    ) -> Content:
        """Show what an execution brought, and return the reply."""
        reply = self._reply("ok")
        if result is not None:
            self._check(result)
            error, payload = self._show_result(result, request.id, shows=shows)
            reply["payload"] = payload
            if error is not None:
                return {**reply, "status": "error", **error}
        expressions = request.content.get("user_expressions")
        if part.last and expressions:
            # The cell ran, and the next cell says whatever is wrong now.
            with suppress(DynamicSessionsError):
                found = await self._question("expressions", expressions=expressions)
                reply["user_expressions"] = found
        return reply

    def _show_result(
        self, result: ExecutionResult, parent: str, *, shows: bool
    ) -> tuple[Content | None, list[Content]]:
        """Show what an execution brought; return the error that ended it, and the payload."""
        value = remote_code.own_value(result)
        brought = None if value is None else read_brought(value, parent)
        if brought is not None:
            self._take(brought, parent)
            # Its value is shown; what came beside it escaped from being kept.
            result = replace(result, result=None, image=None)
        error = None if brought is None else brought.error
        for message in messages(result, parent, count=self._count - 1, shows=shows):
            self._emit(message)
            if message.msg_type == "error":
                error = message.content
        return error, [] if brought is None else brought.payload

    def _take(self, brought: Brought, last: str) -> None:
        self._build = brought.build
        self._show(brought, last)
        if brought.alive:
            self._late_output.start()

    async def _fetch(self) -> bool:
        """Show what was printed since the last cell; return whether more may come."""
        if not self._boot or self._executions.busy:
            return bool(self._boot)
        more, boot = False, self._boot

        def fetched(done: asyncio.Future[ExecutionResult]) -> None:
            nonlocal more
            if self._boot != boot or done.cancelled() or done.exception() is not None:
                return  # what it brought comes again, with the next cell
            value = remote_code.own_value(done.result())
            brought = None if value is None else read_brought(value, None)
            if brought is not None:
                more, self._build = brought.alive, brought.build
                self._show(brought, "")

        code = remote_code.question(boot, self._build, "kept")
        running = self._executions.start(self._ask, code)
        # Before a cell that waits for its turn goes on, or it would ask for the same again.
        running.add_done_callback(fetched)
        await asyncio.wait({running})
        return more

    def _show(self, brought: Brought, last: str) -> None:
        """Show messages in the cells that caused them, if those are cells of this kernel."""
        for message in brought.messages(last):
            if message.parent in self._cells:
                self._emit(message)

    def _reply(self, status: str) -> Content:
        return {
            "status": status,
            "execution_count": self._count - 1,
            "user_expressions": {},
            "payload": [],
        }

    # -- what an interrupt lets go of ---------------------------------------------------------

    def _execute(self, code: str) -> ExecutionResult:
        return self._session.execute(code, max_output=MAX_OUTPUT_CHARS, settle=True)

    def _late(self, running: asyncio.Future[ExecutionResult], parent: str) -> None:
        """Show in an interrupted cell what its code printed until its end."""
        if running.cancelled() or running.exception() is not None:
            return
        try:
            self._check(running.result())
        except DynamicSessionsError as error:
            if not self._boot:
                self._loss = error  # the next cell raises it
            return
        self._show_result(running.result(), parent, shows=True)

    def _released(self, words: str, parent: str) -> Content:
        error = {
            "ename": "KeyboardInterrupt",
            "evalue": words,
            "traceback": [f"\x1b[31mKeyboardInterrupt\x1b[39m: {words}"],
        }
        self._emit(Message("error", error, parent))
        return {**self._reply("error"), **error}

    def interrupt(self) -> None:
        """Let go of the running cell; called on the kernel's loop."""
        self._executions.interrupt()

    # -- loss -------------------------------------------------------------------------------

    def _check(self, result: ExecutionResult) -> None:
        """Raise what the service did not do; forget the session where its variables are gone."""
        failure = failure_of(result, self._container)
        if isinstance(failure, LOSSES):
            self.taken = remote_code.taken_over(result)
            self._forget()
        if failure is not None:
            raise failure

    def _forget(self) -> None:
        self._boot, self._count, self._counted = "", 1, ""
        self._keep_alive.stop()
        self._late_output.stop()

    # -- questions --------------------------------------------------------------------------

    async def ask(self, request: Request) -> Content | None:
        """Answer from the session's own ipykernel; None while it is busy, or where it cannot."""
        asked = remote_code.question_of(request)
        if asked is None or not self._boot or self._executions.busy:
            return None
        kind, content = asked
        try:
            return await self._question(kind, **content)
        except DynamicSessionsError:
            return None  # no answer to Tab; the next cell says what is wrong

    async def _question(self, kind: str, **content: Any) -> Content:
        code = remote_code.question(self._boot, self._build, kind, **content)
        result = await asyncio.shield(self._executions.start(self._ask, code))
        try:
            self._check(result)
        except LOSSES as loss:
            self._loss = loss
            raise
        return remote_code.read_answer(result)

    def _ask(self, code: str) -> ExecutionResult:
        return self._session.execute(code, timeout=_QUESTION_SECONDS, attempts=1)

    def forward(self, request: Request) -> None:
        """Drop it: a direct execution has neither comms nor `input()`."""

    # -- the session's life -----------------------------------------------------------------

    def _touch(self) -> None:
        """Keep the session from cooling down, without making a new one where it is gone."""
        if not self._executions.busy:
            self._session.info()

    async def restart(self) -> None:
        """Fresh variables, same session, same files."""
        self._loss, self._fresh = None, True
        self._forget()
        self._cells.clear()
        await self.connect()

    async def close(self, *, delete: bool) -> None:
        """Let go of the session within 1.5 s, deleting it where asked."""
        self._forget()
        if delete:
            await delete_in_time(self._session)
