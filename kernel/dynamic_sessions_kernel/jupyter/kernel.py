"""The Jupyter face: front ends' requests in, messages out. It knows no HTTP.

ipykernel's base class runs a kernel whose cells run in its own process, on its own thread. Ours
run elsewhere, so the event loop is always free: each message is served as a task of its own, cells
take turns behind a lock, and an interrupt is a message.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipykernel.jsonutil import json_clean
from zmq.eventloop.zmqstream import ZMQStream

from dynamic_sessions_kernel.errors import DynamicSessionsError, SessionLostError
from dynamic_sessions_kernel.magics import Consent, contains_command
from dynamic_sessions_kernel.outputs.filter import OutputFilter
from dynamic_sessions_kernel.settings import read_allowed
from dynamic_sessions_kernel.threads import start_call

from .advice import Advice
from .cell import Cell
from .leaving import asks_to_leave, leave_python, leaving
from .publisher import Publisher
from .questions import Questions, as_request
from .questions_kernel import COMM_TYPES, QuestionsKernel
from .session_control import SessionController
from .session_manager import SessionManager
from .turns import Turns
from .waiting_line import WaitingLine

if TYPE_CHECKING:
    from dynamic_sessions_kernel.magics import Cancelled
    from dynamic_sessions_kernel.messages import Content, Message, Request
    from dynamic_sessions_kernel.outputs.filter import Mode
    from dynamic_sessions_kernel.runtimes.base import Runtime

#: What is served while a cell runs. The rest keeps its order behind the cells, as in ipykernel.
_BESIDE_CELLS = frozenset({"complete_request", "inspect_request"})
#: Seconds that the end may take, without a cell that runs and with one; front ends kill after 2.5.
_LEAVE_SECONDS, _LEAVE_CELL_SECONDS = 1.5, 2.2
#: Those of them in which the cell may show where it was interrupted: an exchange is held for 1.0.
_LAST_TRACEBACK_SECONDS = 1.4

_log = logging.getLogger(__name__)


class DynamicSessionsKernel(QuestionsKernel):
    """A kernel whose cells run in a dynamic session."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # The first cell reports a wrong setting; until then, the safe one holds.
        mode: Mode = "trusted" if self.outputs == "trusted" else "isolated"
        self._typed: set[str] = set()
        self._filter = OutputFilter(mode, holds_command=contains_command, was_typed=self._was_typed)
        self._publisher = Publisher(
            self.session, self.iopub_socket, self.stdin_socket, self._filter, self._on_loop
        )
        self._advice = Advice(Path.cwd())
        self._sessions = SessionManager(
            self,
            self.session.key,
            self._send_output,
            self._publisher.show,
            # What `jupyter run script.py` appends. Never an option, which can be a secret.
            getattr(self.parent, "extra_args", ()),
        )
        self._questions = Questions(self._sessions, self._filter, Path.cwd())
        self._cell: Cell | None = None
        self._cell_parent: dict[str, Any] = {}
        self._turns = Turns(self.cell_lock)
        self._line = WaitingLine(_cell_request, is_barrier=asks_to_leave)
        # Whether the cell that runs may be followed into the session by those that wait.
        self._followed = False
        # The runtime that is asked whether a cell is aborted.
        self._deciding: Runtime | None = None
        self._left = False
        self._agreed: set[str] = set()
        self._packages: dict[str, None] = {}

    def start(self) -> None:
        """Begin to serve, on the running event loop."""
        super().start()
        self._loop = self.io_loop.asyncio_loop
        self._stdin_stream = ZMQStream(self.stdin_socket, self.io_loop)
        self._stdin_stream.on_recv(self._take_input, copy=False)

    def _was_typed(self, text: str) -> bool:
        return text.strip() in self._typed

    def _send_output(self, message: Message) -> None:
        self._advice.watch(message)
        self._publisher.send(message)

    def _on_loop(self, function: Any, *arguments: Any) -> None:
        self._loop.call_soon_threadsafe(function, *arguments)

    def pre_handler_hook(self) -> None:
        """Leave signals alone: the base class would make an interrupt end the process."""

    def post_handler_hook(self) -> None:
        """See `pre_handler_hook`."""

    # -- messages ---------------------------------------------------------------------------

    async def dispatch_control(self, msg: Any) -> None:
        """Serve a control message at once: a debugger's slow answer must not hold an interrupt."""
        identities, parent = self._read(msg)
        if parent is not None:
            await self._serve(identities, parent, self.control_handlers, "control")

    async def shell_main(self, subshell_id: str | None, msg: Any) -> None:
        """Serve a shell message, in turn behind cells where its kind asks for that."""
        del subshell_id  # none are offered
        identities, parent = self._read(msg)
        if parent is None:
            return
        kind = parent["header"]["msg_type"]
        if kind == "execute_request":
            self._line.enter(parent)
            self._hand_ahead()
            async with self._turns.of_cell():
                self._line.leave(parent)
                await self._serve(identities, parent, self.shell_handlers, "shell")
            return
        passing = kind in _BESIDE_CELLS and not self._turns.queued
        if self._turns.taken and not passing and kind not in COMM_TYPES:
            self._line.enter(parent)  # no cell behind it goes to the session before it
            async with self._turns.behind_cells():
                self._line.leave(parent)
        # Served without the turn, but before the next of the line runs up to its first wait.
        await self._serve(identities, parent, self.shell_handlers, "shell")
        self._still_busy()

    async def _serve(
        self, identities: list[bytes], parent: dict[str, Any], handlers: Any, channel: str
    ) -> None:
        kind = parent["header"]["msg_type"]
        stream = self.control_stream if channel == "control" else self.shell_stream
        self._publisher.remember(identities, parent)
        self.publish_busy(channel, parent)
        if kind == "execute_request" and self.aborting and await self._is_aborted(parent):
            self.send_aborted(stream, parent, identities)
        elif kind not in handlers:
            _log.warning("a message of an unknown type was dropped: %.40r", kind)
        else:
            try:
                await handlers[kind](stream, identities, parent)
            except Exception:  # noqa: BLE001 - see below
                # A malformed request must not end the kernel.
                _log.exception("%s could not be served", kind)
        self.publish_idle(channel, stream, parent)

    def _read(self, msg: Any) -> tuple[list[bytes], dict[str, Any] | None]:
        try:
            identities, frames = self.session.feed_identities(msg, copy=False)
            message = self.session.deserialize(frames, content=True, copy=False)
            message["header"]["msg_type"] = str(message["header"]["msg_type"])
        except Exception as error:  # noqa: BLE001 - a forged or broken message, of whatever kind
            _log.warning("an invalid message was dropped: %s", type(error).__name__)
            return [], None
        return identities, message

    def _still_busy(self) -> None:
        """Say again that a cell runs, after the *idle* of what was served beside it."""
        if self._cell is not None:
            self.publish_busy("shell", self._cell_parent)

    def _follow(self) -> None:
        self._followed = not asks_to_leave(self._cell_parent["content"]["code"])
        self._hand_ahead()

    def _hand_ahead(self) -> None:
        """Hand cells that wait to the session, so that none waits for the network."""
        runtime = self._sessions.runtime
        if self._followed and self._cell is not None and runtime is not None and not self.aborting:
            self._line.hand_ahead(runtime)

    async def _is_aborted(self, parent: dict[str, Any]) -> bool:
        self._deciding = self._sessions.runtime
        try:
            identity = parent["header"]["msg_id"]
            return self._deciding is None or await self._deciding.aborted(identity)
        finally:
            self._deciding = None

    def _abort_waiting(self) -> None:
        """Abort the executions that wait by now."""
        self.aborting = True
        self.shell_stream.flush()

        async def stop_aborting() -> None:
            await asyncio.sleep(self.stop_on_error_timeout)
            # In turn behind all that waited.
            async with self._turns.of_cell():
                self.aborting = False

        self._aborted = asyncio.create_task(stop_aborting())

    # -- cells ------------------------------------------------------------------------------

    @property
    def execution_count(self) -> int:
        """The number of the next cell: the runtime's, so that one count shows."""
        runtime = self._sessions.runtime
        return 1 if runtime is None else runtime.execution_count

    async def execute_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Run a cell."""
        content = parent["content"]
        content["code"] = _encodable(content["code"])
        if contains_command(content["code"]):
            self._typed.add(content["code"].strip())
        silent = bool(content.get("silent", False))
        metadata = self.init_metadata(parent)

        def announce() -> int:
            count = self.execution_count
            if not silent:
                self.publish_input(content["code"], parent, count)
            return count

        request = as_request(parent)
        self._sessions.enter(request.id, visible=not silent)
        self._advice.begin(request.id)
        self._cell_parent = parent
        self._publisher.stdin.begin_cell()
        self._cell = Cell(
            request,
            announce,
            self._sessions,
            Path.cwd(),
            emit=self._publisher.send,
            show=self._publisher.show,
            control=self._control,
            consent=self._consent_of,
            packages=self._packages,
            others_wait=lambda: self._line.holds_cells,
            runs=self._follow,
        )
        try:
            reply = await self._cell.run()
        finally:
            self._cell, self._followed = None, False
        if reply.get("ename") == SessionLostError.__name__:
            self._forget()  # what the person agreed to was for the session that is gone
        if reply["status"] == "aborted":  # behind an interrupt that ended the one before
            self.send_aborted(stream, parent, ident)
            return
        advice = self._advice.of(content["code"], reply, embedded=self._sessions.embedded)
        if advice is not None and not silent:
            self._sessions.sentences.show(advice)
        leaves = leaving(reply) if asks_to_leave(content["code"]) and not silent else None
        reply = json_clean(await self._passed(reply))
        if leaves is not None:
            keep = leaves["keepkernel"]
            self._sessions.sentences.show(await leave_python(self._sessions.runtime, keep=keep))
            reply |= {"status": "ok", "payload": [*reply.get("payload", []), leaves]}
        self.session.send(stream, "execute_reply", reply, parent, metadata=metadata, ident=ident)
        if reply["status"] == "error" and not silent and content.get("stop_on_error", True):
            self._abort_waiting()

    async def _passed(self, reply: Content) -> Content:
        """Return a cell's reply as the front end may have it; the loop is free meanwhile."""
        if not (reply.get("payload") or reply.get("user_expressions")):
            return self._filter.pass_reply("execute_reply", reply)  # short, as nearly all are
        return await start_call(self._filter.pass_reply, "execute_reply", reply)

    async def interrupt_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Hand an interrupt over to the cell that runs, from the control thread."""
        self._on_loop(self._interrupt)
        self.session.send(stream, "interrupt_reply", {"status": "ok"}, parent, ident=ident)

    def _interrupt(self) -> None:
        """Interrupt the cell that runs, and whatever holds the session where none does."""
        waited = self._questions.interrupt()
        if self._cell is not None:
            self._cell.interrupt()
        elif self._deciding is not None:
            self._deciding.interrupt()
        elif waited and self._sessions.runtime is not None:
            self._sessions.runtime.interrupt()

    def _forget(self) -> None:
        """Drop trust and consent: they were given to the session that is gone."""
        self._filter.reset()
        self._agreed.clear()

    def _consent_of(self, request: Request, cancelled: Cancelled) -> Consent:
        """Return what the person can be asked for, and has agreed to, in a cell."""

        def ask(question: str) -> str:
            return self._publisher.stdin.ask(question, request.id, cancelled)

        has_stdin = bool(request.content.get("allow_stdin", False))
        return Consent(ask if has_stdin else None, read_allowed(self.allow), self._agreed)

    def _control(self, cancelled: Cancelled) -> SessionController:
        return SessionController(
            self._sessions,
            self._filter,
            self._publisher.send,
            self._loop,
            runtime=self.runtime,
            cancelled=cancelled,
            forget=self._forget,
        )

    def _take_input(self, msg: Any) -> None:
        _, reply = self._read(msg)
        if reply is None or reply["header"]["msg_type"] != "input_reply":
            return
        if not self._publisher.stdin.take(reply):
            self._questions.forward(reply)

    # -- the end ----------------------------------------------------------------------------

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:
        """Let go of the session; called on the control thread."""
        leaving = asyncio.run_coroutine_threadsafe(
            self.leave(ended=not restart, asked=True), self._loop
        )
        await asyncio.wrap_future(leaving)
        return {"status": "ok", "restart": restart}

    async def leave(self, *, ended: bool, asked: bool) -> None:
        """Let go of the session in time; only the first call counts.

        Args:
            ended: whether the kernel ends for good.
            asked: whether a front end said so, and not a signal alone.
        """
        if self._left:
            return
        self._left = True
        try:
            async with asyncio.timeout(_LEAVE_CELL_SECONDS if self._cell else _LEAVE_SECONDS):
                await self._end_cell()
                await self._sessions.close(ended=ended, asked=asked)
        except (DynamicSessionsError, TimeoutError) as error:
            _log.debug("the session was not let go of: %s", type(error).__name__)

    async def _end_cell(self) -> None:
        """Interrupt the cell that runs, and let the person see where: after a time-out it matters.

        Jupyter interrupts before it asks for the end. A second interrupt could end the traceback.
        """
        cell = self._cell
        if cell is None:
            self._interrupt()
            return
        if not cell.interrupted:
            self._interrupt()
        with suppress(TimeoutError):
            await asyncio.wait_for(cell.ended.wait(), _LAST_TRACEBACK_SECONDS)


def _encodable(code: str) -> str:
    """Replace halves of surrogate pairs: JSON can bring them, and no message of ours hold them."""
    return code.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _cell_request(message: dict[str, Any]) -> Request:
    content = {**message["content"], "code": _encodable(message["content"]["code"])}
    return as_request({**message, "content": content})
