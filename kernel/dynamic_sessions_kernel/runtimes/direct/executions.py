"""One execution of the session at a time: who has the turn, and what an interrupt lets go of.

The service stops no execution. So an interrupt frees the cell and not the session: the execution is
abandoned, and whatever comes next waits for its end. All of it happens on the event loop.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.threads import start_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamic_sessions_kernel.client.models import ExecutionResult

    Running = asyncio.Future[ExecutionResult]

_RUNS_ON = (
    "The cell was let go, but the service cannot stop a direct execution: the code runs on in the "
    "session, to its end or to the service's limit of 220 s. The next cell waits for it."
)
_DID_NOT_RUN = "Interrupted before the session was free: nothing of this cell ran."


class LetGo(Exception):  # noqa: N818 - ends a cell, and is no error
    """An interrupt let go of the cell; the message is what the person reads."""


class Executions:
    """The executions of one session, one after the other."""

    def __init__(self) -> None:
        self._running: Running | None = None
        self._abandoned: Running | None = None
        self._interrupted: asyncio.Event | None = None

    @property
    def busy(self) -> bool:
        """Whether the session runs something, be it of a cell that was let go."""
        return self._running is not None

    @property
    def abandoned(self) -> bool:
        """Whether what runs is of a cell that was let go."""
        return self._abandoned is not None

    def begin_cell(self) -> None:
        """Let interrupts reach a cell."""
        self._interrupted = asyncio.Event()

    def end_cell(self) -> None:
        """Let interrupts reach nothing."""
        self._interrupted = None

    def interrupt(self) -> None:
        """Let go of the running cell, if there is one."""
        if self._interrupted is not None:
            self._interrupted.set()

    async def turn(self) -> None:
        """Wait until the session is free.

        Raises:
            LetGo: the cell was interrupted before.
        """
        while (busy := self._abandoned or self._running) is not None:
            if not await self._done(busy):
                raise LetGo(_DID_NOT_RUN)

    def start(self, call: Callable[..., ExecutionResult], code: str) -> Running:
        """Begin an execution; it counts as running until its end, whoever waits for that."""
        self._running = running = start_call(call, code)
        # Before all else that waits for it goes on.
        running.add_done_callback(self._ended)
        return running

    async def run(
        self,
        call: Callable[..., ExecutionResult],
        code: str,
        late: Callable[[Running], None],
    ) -> ExecutionResult:
        """Run a cell's code.

        Args:
            call: makes the execution, in a thread.
            code: what runs.
            late: called with the execution where it ends after the cell was let go.

        Raises:
            LetGo: an interrupt came first.
        """
        running = self.start(call, code)
        if await self._done(running):
            return running.result()
        self._abandoned = running
        running.add_done_callback(late)
        raise LetGo(_RUNS_ON)

    async def _done(self, future: asyncio.Future[Any]) -> bool:
        """Wait for a future, at most until an interrupt; whether it is done."""
        assert self._interrupted is not None  # noqa: S101 - a cell runs
        interrupted = asyncio.ensure_future(self._interrupted.wait())
        try:
            await asyncio.wait({interrupted, future}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            interrupted.cancel()
        return future.done()

    def _ended(self, future: Running) -> None:
        if self._running is future:
            self._running = None
        if self._abandoned is future:
            self._abandoned = None
