"""One cell from the front end's request to the reply: its parts, its commands, its failures."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import (
    CommandError,
    DynamicSessionsError,
    InterpreterRestartedError,
    SessionLostError,
)
from dynamic_sessions_kernel.magics import CommandInterruptedError, Context, make_plan
from dynamic_sessions_kernel.messages import Message, Part
from dynamic_sessions_kernel.threads import start_call

from .session_lookup import exists
from .waiting_line import whole_part

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import TypeVar

    from dynamic_sessions_kernel.magics import (
        Cancelled,
        Command,
        Consent,
        Plan,
        SessionProtocol,
    )
    from dynamic_sessions_kernel.messages import Content, Emit, Request
    from dynamic_sessions_kernel.runtimes.base import Runtime

    from .session_manager import SessionManager

    T = TypeVar("T")

#: Seconds that a command has, once interrupted, to say by itself what it has done.
_COMMAND_GRACE_SECONDS = 1.0
_STOPPED = "Interrupted before anything of this cell ran."
_WAITED = "The cells that waited were not run."
_STOPPED_LATER = "Interrupted: of this cell, only what stands above the command ran."

_log = logging.getLogger(__name__)


class _Interrupted(Exception):  # noqa: N818 - ends a cell, and is no error
    """The person interrupted the cell while nothing of it ran in the session."""


class Cell:
    """One execution of a cell: call `run` once; `interrupt` works at any time.

    Args:
        request: the front end's `execute_request`.
        announce: publishes the cell's input under its number, and returns that number.
        sessions: finds the session.
        folder: the notebook's, which commands start from.
        emit: takes the cell's messages.
        show: takes what was made here for the page; it passes no filter.
        control: makes what commands act on the session with.
        consent: makes what commands ask the person with.
        packages: what `%packages` has added; it adds to it.
        others_wait: whether other cells wait behind this one.
        runs: called when a cell without commands is with the session: others may follow it.

    Attributes:
        interrupted: whether it was interrupted.
        ended: set once it has ended, with all that it shows on its way.
    """

    def __init__(
        self,
        request: Request,
        announce: Callable[[], int],
        sessions: SessionManager,
        folder: Path,
        *,
        emit: Emit,
        show: Emit,
        control: Callable[[Cancelled], SessionProtocol],
        consent: Callable[[Request, Cancelled], Consent],
        packages: dict[str, None] | None = None,
        others_wait: Callable[[], bool] = lambda: False,
        runs: Callable[[], None] = lambda: None,
    ) -> None:
        self._request = request
        self._announce = announce
        self._number: int | None = None
        self._sessions = sessions
        self._emit = emit
        self._show = show
        self._folder = folder
        self._control = control
        self._consent = consent
        self._packages = {} if packages is None else packages
        self._others_wait = others_wait
        self._runs = runs
        self._stop = threading.Event()
        self._stopped = asyncio.Event()
        self._runtime: Runtime | None = None
        self._began = False
        self.interrupted = False
        self.ended = asyncio.Event()

    def interrupt(self) -> None:
        """Interrupt the cell wherever it is; called on the kernel's loop."""
        self.interrupted = True
        if self._runtime is not None:
            self._runtime.interrupt()
        else:
            self._stop.set()
            self._stopped.set()

    @property
    def _count(self) -> int:
        """The cell's number; the cell is announced where that was not done yet."""
        if self._number is None:
            self._number = self._announce()
        return self._number

    async def run(self) -> Content:
        """Run the cell; returns `execute_reply` content, and never raises but for cancellation."""
        try:
            return await self._replied()
        finally:
            self.ended.set()

    async def _replied(self) -> Content:
        try:
            return await self._run()
        except _Interrupted:
            return self._failed("KeyboardInterrupt", _STOPPED_LATER if self._began else _STOPPED)
        except CommandError as error:
            await self._take_number()
            interrupted = isinstance(error, CommandInterruptedError)
            name = "KeyboardInterrupt" if interrupted else type(error).__name__
            return self._failed(name, str(error))
        except DynamicSessionsError as error:
            self._sessions.failed(error)
            return self._failed(type(error).__name__, self._told(error))
        except Exception as error:  # noqa: BLE001 - see below
            # Without a reply the front end would wait for ever.
            _log.exception("a cell failed in the kernel itself")
            return self._failed(
                "KernelError",
                f"The kernel itself failed ({type(error).__name__}); it is unknown what of the "
                "cell ran. Its log, where Jupyter runs, has the details: please report them.",
            )

    async def _run(self) -> Content:
        plan = make_plan(str(self._request.content["code"]))
        if self._sessions.finds_count and not plan.commands:
            # Which number comes next is known to the session that an earlier process has left.
            await self._unless_stopped(self._sessions.ready())
        self._number = self._announce()
        if plan.commands:
            await self._unless_stopped(start_call(plan.check, self._folder, self._stop.is_set))
        return await self._steps(plan)

    async def _steps(self, plan: Plan) -> Content:
        # What stands where nothing of the cell runs in a session.
        reply: Content = {"status": "ok", "execution_count": self._count}
        reply |= {"user_expressions": {}, "payload": []}
        for step in plan.steps:
            part = step if isinstance(step, Part) else await self._command(step)
            if part is None or (plan.only_counts(part) and not self._sessions.connected):
                continue
            runtime = self._sessions.at_hand(self._request.id)
            if runtime is None:
                runtime = await self._unless_stopped(self._sessions.ready())
            if self._stopped.is_set():
                raise _Interrupted
            self._runtime, self._began = runtime, True
            self._sessions.sentences.say_waiting()
            if whole_part(plan) is not None:
                # Once `execute` has handed this one over, which it does before it waits.
                asyncio.get_running_loop().call_soon(self._runs)
            try:
                reply = await runtime.execute(self._request, part)
            finally:
                self._runtime = None
            if reply.get("status") != "ok":
                break
        return reply

    async def _command(self, command: Command) -> Part | None:
        if command.action.needs_session:
            used = self._sessions.at_hand()
            runtime = await self._unless_stopped(self._sessions.ready())
            if used is not None and not self._began:
                await self._unless_stopped(self._confirm(runtime))
        stopped = self._stop.is_set
        context = Context(
            self._sessions.session,
            self._tell,
            stopped,
            self._control(stopped),
            self._consent(self._request, stopped),
            self._evaluator(),
            self._packages,
        )
        return await self._unless_stopped(start_call(command.run, context), _COMMAND_GRACE_SECONDS)

    def _evaluator(self) -> Callable[[str, str], str]:
        """Make what a command, in its thread, runs code in the session with."""
        loop = asyncio.get_running_loop()

        def evaluate(code: str, expression: str) -> str:
            future = asyncio.run_coroutine_threadsafe(self._evaluate(code, expression), loop)
            return future.result()

        return evaluate

    async def _evaluate(self, code: str, expression: str) -> str:
        """Run code that nobody sees, and return an expression's value as Python writes it.

        Raises:
            CommandError: it failed.
        """
        runtime = await self._sessions.ready()
        quiet = {
            "silent": True,
            "store_history": False,
            "allow_stdin": False,
            "user_expressions": {"value": expression},
        }
        self._runtime = runtime
        try:
            request = replace(self._request, content=quiet)
            reply = await runtime.execute(request, Part(code, code))
        finally:
            self._runtime = None
        if reply.get("ename") == "KeyboardInterrupt":
            raise CommandInterruptedError("Interrupted while the session worked.")
        value = reply.get("user_expressions", {}).get("value", {})
        text = value.get("data", {}).get("text/plain") if isinstance(value, dict) else None
        if not isinstance(text, str):
            why = f"{reply.get('ename', '')}: {reply.get('evalue', '')}".strip(": ")[:300]
            raise CommandError(f"The session could not do its part ({why or 'it gave no reason'}).")
        return text

    async def _confirm(self, runtime: Runtime) -> None:
        """See that the session was not replaced: its files go past the runtime, which would know.

        Raises:
            SessionLostError: it was.
        """
        session = self._sessions.session
        if session is None or await start_call(exists, session) is not False:
            return
        quiet = {"silent": True, "store_history": False}
        try:
            await runtime.execute(replace(self._request, content=quiet), Part("pass", ""))
        except DynamicSessionsError:
            runtime.raise_loss(keep=False)  # it is said now, and not once more
            raise

    def _tell(self, msg_type: str, content: Content) -> None:
        send = self._show if msg_type == "display_data" else self._emit
        send(Message(msg_type, content, self._request.id))

    async def _unless_stopped(self, work: Awaitable[T], grace: float = 0.0) -> T:
        """Wait for work, at most until an interrupt and the grace after it."""
        future = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait({future, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not future.done() and grace:
                await asyncio.wait({future}, timeout=grace)
        finally:
            stopped.cancel()
        if future.done():
            return future.result()
        future.cancel()
        raise _Interrupted

    async def _take_number(self) -> None:
        """Have the session count and store a cell that a command ended, as it does any other."""
        runtime = self._sessions.runtime
        if runtime is None or not runtime.connected:
            return
        code = str(self._request.content["code"])
        try:
            runtime.raise_loss(keep=True)  # it is for the next cell to say
            self._runtime = runtime
            await runtime.execute(self._request, Part("pass", code))
        except DynamicSessionsError as error:
            _log.debug("a cell was not counted: %s", type(error).__name__)
        finally:
            self._runtime = None

    def _told(self, error: DynamicSessionsError) -> str:
        lost = isinstance(error, SessionLostError | InterpreterRestartedError)
        stops = bool(self._request.content.get("stop_on_error", True))
        return f"{error} {_WAITED}" if lost and stops and self._others_wait() else str(error)

    def _failed(self, ename: str, evalue: str) -> Content:
        count = self._count
        error: Content = {
            "ename": ename,
            "evalue": evalue,
            "traceback": [f"\x1b[31m{ename}\x1b[39m: {evalue}"],
        }
        self._emit(Message("error", error, self._request.id))
        reply: Content = {"status": "error", "execution_count": count, **error}
        return {**reply, "user_expressions": {}, "payload": []}
