"""Cells that the session has before their turn has come here.

The kernel hands over what a front end has queued while a cell before it still runs. Each cell's
outcome then waits here for its turn, and its outputs with it. Which of them an error stops is the
relay's decision (`inside.cell_queue`); here stands what it decides by. Used on the event loop,
but for `outputs`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import RuntimeFailure

from .held_outputs import HeldOutputs
from .responses import TakenOverError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamic_sessions_kernel.messages import Content

    from .output_lane import OutputLane

#: After these a cell that had not begun cannot run any more.
_ENDS_ALL = (RuntimeFailure, TakenOverError)


class CellsAhead:
    """The outcomes of cells that were handed over before their turn.

    Args:
        lane: takes the outputs of cells that have begun.

    Attributes:
        outputs: holds the others.
        failures: how many cells have failed and stopped others, as the relay said last.
        generation: the same, as it was known when the last cell was handed over in its turn: what
            was queued behind that one must not run if it failed.
        wake: called when more output may be fetched again; of the connection, once there is one.
    """

    def __init__(self, lane: OutputLane) -> None:
        self.outputs = HeldOutputs(lane)
        self.failures = self.generation = 0
        self._lane = lane
        self.wake: Callable[[], None] = lambda: None
        # Whether it is waited for whether a cell runs, whatever that one sends.
        self._decides = False
        self._outcomes: dict[str, asyncio.Future[Content]] = {}
        self._positions: dict[str, int] = {}

    def __contains__(self, identity: object) -> bool:
        return identity in self._outcomes

    def add(self, identity: str, outcome: asyncio.Future[Content], position: int) -> None:
        """Note a cell that was handed over, at this position of the stream to the relay."""
        self._outcomes[identity] = outcome
        self._positions[identity] = position

    def take_back(self, exposed: int) -> list[str]:
        """Forget the cells that never left, from this position on; return their identities.

        In their turn they are run or aborted like any other.
        """
        left = [identity for identity, at in self._positions.items() if at >= exposed]
        for identity in left:
            self._forget(identity)
        return left

    def _forget(self, identity: str) -> None:
        del self._outcomes[identity], self._positions[identity]
        self.outputs.drop(identity)
        self.wake()

    @property
    def full(self) -> bool:
        """Whether so much output waits for its cells' turns that no more should be fetched."""
        return self.outputs.full and not self._decides

    def begin(self) -> None:
        """Note that a cell is handed over in its turn."""
        self.generation = self.failures

    def forget_relay(self) -> None:
        """Note that the relay counts anew, for a new client."""
        self.failures = self.generation = 0

    async def aborted(self, identity: str) -> bool:
        """Wait until it is known whether a cell behind a failed one is aborted."""
        outcome = self._outcomes.get(identity)
        if outcome is None:
            return True
        self._decides = True
        self.wake()
        try:
            await asyncio.wait({outcome})
        finally:
            self._decides = False
        failure = outcome.exception()
        if failure is None:
            runs = outcome.result().get("status") != "aborted"
        else:
            runs = not isinstance(failure, _ENDS_ALL)
        if not runs:
            self._forget(identity)
        return not runs

    async def finish(self, identity: str) -> Content:
        """Have a cell's outputs published, whose turn has come, and return its reply.

        Raises:
            DynamicSessionsError: it has none.
        """
        outcome = self._outcomes.pop(identity)
        del self._positions[identity]
        self.outputs.release(identity)
        self.wake()
        reply = await outcome
        loop = asyncio.get_running_loop()
        published: asyncio.Future[None] = loop.create_future()

        def resolve() -> None:
            if not published.done():
                published.set_result(None)

        def resolve_later() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(resolve)

        if self._lane.follow(resolve_later):
            await published
        return reply
