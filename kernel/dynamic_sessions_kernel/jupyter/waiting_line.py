"""The requests that wait for their turn, and which of them the session gets ahead of it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.errors import DynamicSessionsError
from dynamic_sessions_kernel.magics import make_plan
from dynamic_sessions_kernel.messages import Part

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamic_sessions_kernel.magics import Plan
    from dynamic_sessions_kernel.messages import Request
    from dynamic_sessions_kernel.runtimes.base import Runtime


def whole_part(plan: Plan) -> Part | None:
    """Return the one part of a cell without commands; None for any other cell."""
    first = plan.steps[0] if len(plan.steps) == 1 else None
    return first if isinstance(first, Part) else None


class WaitingLine:
    """Requests in the order in which they came.

    Cells that wait are handed over to the session together. One with a command of ours is a
    barrier, since it acts here between what stands before and behind it, and so is any other
    request, since its reply depends on the cells before it alone.

    Args:
        request_of: returns what is sent of a front end's message.
        is_barrier: whether a cell of this code is one, though it has no command.
    """

    def __init__(
        self,
        request_of: Callable[[dict[str, Any]], Request],
        *,
        is_barrier: Callable[[str], bool],
    ) -> None:
        self._request_of = request_of
        self._is_barrier = is_barrier
        # The first of the line are with the session already.
        self._ahead: deque[dict[str, Any]] = deque()
        self._waiting: deque[dict[str, Any]] = deque()

    def enter(self, message: dict[str, Any]) -> None:
        """Append a message that waits for its turn."""
        self._waiting.append(message)

    @property
    def holds_cells(self) -> bool:
        """Whether a cell waits, here or in the session."""
        return any(
            message["header"]["msg_type"] == "execute_request"
            for message in (*self._ahead, *self._waiting)
        )

    def leave(self, message: dict[str, Any]) -> None:
        """Take a message out, whose turn has come."""
        line = self._ahead or self._waiting
        if line[0] is message:  # as a rule: turns are given in this order
            line.popleft()
        else:
            (self._ahead if message in self._ahead else self._waiting).remove(message)

    def hand_ahead(self, runtime: Runtime) -> None:
        """Hand over the cells that wait, up to the first barrier."""
        while self._waiting and self._hand(self._waiting[0], runtime):
            self._ahead.append(self._waiting.popleft())

    def _hand(self, message: dict[str, Any], runtime: Runtime) -> bool:
        code = message["content"].get("code")
        if message["header"]["msg_type"] != "execute_request" or not isinstance(code, str):
            return False
        if self._is_barrier(code):
            return False
        request = self._request_of(message)
        try:
            part = whole_part(make_plan(str(request.content["code"])))
        except DynamicSessionsError:
            return False  # its turn will show why
        return part is not None and runtime.hand_ahead(request, part)
