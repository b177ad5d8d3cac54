"""A session: one interpreter, its files, and executions that take turns.

The service runs one execution at a time in a session, and a run that passes its time limit takes
those that wait behind it down with it (docs/service.md, "Running code").
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

from . import results
from .files import Tree

if TYPE_CHECKING:
    from pathlib import Path

    from dynamic_sessions_kernel.localpool.faults import FaultInjector

    from .enclosure import Enclosure
    from .interpreter import Interpreter
    from .results import Result

#: Executions that `GET /executions/{id}` still knows: those that were named or asynchronous. The
#: others' results, which can be large, go with their answers.
_REMEMBERED = 20
#: The characters of remembered results; the last execution is remembered whatever its size.
_REMEMBERED_CHARS = 32 * 1024**2

Kind = Literal["Synchronous", "Asynchronous"]
State = Literal["NotStarted", "Running", "Done"]


class Execution:
    """One run of code, from the moment it was asked for.

    Attributes:
        state: where it stands.
        cap: what its answers cut stdout and stderr to, in characters.
        id: as the caller named it, else a new one.
        kind: how it was asked for.
    """

    def __init__(self, cap: int, execution_id: str = "", kind: Kind = "Synchronous") -> None:
        self.cap = cap
        self.id = execution_id or str(uuid.uuid4())
        self.kind = kind
        self.state: State = "NotStarted"
        self._result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    @property
    def result(self) -> Result | None:
        """What came of it; None until it is over."""
        return self._result.result() if self._result.done() else None

    async def over(self) -> Result:
        """Wait for its end; whoever gives the wait up does not end it."""
        return await asyncio.shield(self._result)

    def end(self, result: Result) -> None:
        """Return its state."""
        self.state = "Done"
        self._result.set_result(result)


class Session:
    """A session in use.

    Args:
        identifier: by which callers name it, a secret.
        folder: its own on this machine.
        interpreter: running.
        faults: what its runs suffer.
        time_limit: seconds that no run may pass, whatever is asked for.

    Attributes:
        guid: names this very session, not the next of the same identifier.
        created, accessed: seconds since 1970.
        uses: how many calls have used it.
        tree: its files.
    """

    def __init__(
        self,
        identifier: str,
        folder: Path,
        interpreter: Interpreter,
        faults: FaultInjector,
        *,
        time_limit: float,
    ) -> None:
        self.identifier = identifier
        self.folder = folder
        self.guid = str(uuid.uuid4())
        self.etag = secrets.token_hex(8)
        self.created = self.accessed = time.time()
        self.uses = 0
        self.tree = Tree(folder / "data")
        self._interpreter = interpreter
        self._faults = faults
        self._time_limit = time_limit
        self._executions: OrderedDict[str, Execution] = OrderedDict()
        self._turn = asyncio.Lock()
        # Whoever waited while this number changed was aborted.
        self._era = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def alive(self) -> bool:
        """Whether it can be used; its sandbox can end without being asked to."""
        return self._interpreter.alive

    @property
    def enclosure(self) -> Enclosure:
        """Its sandbox."""
        return self._interpreter.enclosure

    @property
    def busy(self) -> bool:
        """Whether an execution runs or waits."""
        return bool(self._tasks)

    def execute(
        self,
        code: str,
        time_limit: float,
        cap: int = results.CAP_CHARS,
        *,
        execution_id: str = "",
        kind: Kind = "Synchronous",
    ) -> Execution:
        """Run code when its turn comes.

        Args:
            code: what a cell holds, magics included.
            time_limit: seconds from the beginning of its turn.
            cap: what its answers cut stdout and stderr to, in characters.
            execution_id: the caller's name for it; it is then remembered, as an asynchronous one.
            kind: how it was asked for.
        """
        execution = self._planned(cap, execution_id, kind)
        task = asyncio.create_task(self._run(execution, code, time_limit))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return execution

    def execution(self, execution_id: str) -> Execution | None:
        """Return one of the last executions that were to be remembered."""
        return self._executions.get(execution_id)

    def fail(self, text: str, *, execution_id: str = "", kind: Kind = "Synchronous") -> Execution:
        """Return an execution that failed with `text` because its code cannot run here."""
        execution = self._planned(results.CAP_CHARS, execution_id, kind)
        execution.end(results.failure(text))
        return execution

    def _planned(self, cap: int, execution_id: str, kind: Kind) -> Execution:
        execution = Execution(cap, execution_id, kind)
        if execution_id or kind == "Asynchronous":
            self._remember(execution)
        return execution

    def _remember(self, execution: Execution) -> None:
        """Keep an execution for whoever asks for it by its id."""
        self._executions.pop(execution.id, None)
        self._executions[execution.id] = execution
        while len(self._executions) > _REMEMBERED:
            self._executions.popitem(last=False)

    def _forget_the_large(self) -> None:
        """Let go of the oldest results that are over, until the rest is within bounds."""
        sizes = {
            execution.id: execution.result.chars
            for execution in self._executions.values()
            if execution.result is not None
        }
        total = sum(sizes.values())
        for execution_id in list(sizes)[:-1]:
            if total <= _REMEMBERED_CHARS:
                return
            total -= sizes[execution_id]
            del self._executions[execution_id]

    async def close(self) -> None:
        """End it and all of its processes; what runs ends as aborted. Repeatable."""
        await self._interpreter.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, execution: Execution, code: str, time_limit: float) -> None:
        era = self._era
        result = results.failure(results.ABORTED)
        try:
            async with self._turn:
                if era == self._era:
                    execution.state = "Running"
                    result = await self._take_turn(code, time_limit)
        finally:
            execution.end(result)
            self._forget_the_large()

    async def _take_turn(self, code: str, time_limit: float) -> Result:
        if self._faults.cancels():
            return results.canceled()
        began = time.monotonic()
        outcome = await self._interpreter.execute(
            code, time_limit=min(time_limit, self._time_limit)
        )
        milliseconds = round((time.monotonic() - began) * 1000)
        if outcome.ended == "replied":
            result = results.from_outcome(outcome, milliseconds)
            return result.with_stdout(self._faults.without_tail(result.stdout))
        self._era += 1
        if outcome.ended == "time_limit":
            return results.failure(results.TIMED_OUT, milliseconds)
        return results.failure(results.RESTARTED if self.alive else results.ABORTED, milliseconds)
