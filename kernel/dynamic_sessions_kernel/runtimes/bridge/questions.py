"""What is asked of the session's ipykernel beside cells: completion, inspection, comms' messages.

Used on the event loop alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .validation import FORWARDED_TYPES, REQUEST_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamic_sessions_kernel.messages import Content, Request

    from .pending_requests import Pending


class Questions:
    """Hands requests over that are no cells, and waits for what they get.

    Args:
        pending: the requests that wait.
        forward: hands a request over on a channel of the ipykernel's.
        completion_turn: seconds that a completion waits for the one before.
    """

    def __init__(
        self, pending: Pending, forward: Callable[[str, Request], None], completion_turn: float
    ) -> None:
        self._pending = pending
        self._forward = forward
        self._completion_turn = completion_turn
        self._completing = asyncio.Lock()

    async def ask(self, request: Request) -> Content | None:
        """Return what the ipykernel replies; None where it does not."""
        if request.msg_type not in REQUEST_TYPES:
            return None
        if request.msg_type != "complete_request":
            return await self._ask(request)
        # One at a time: on two channels two would run at once, which jedi is not made for.
        try:
            await asyncio.wait_for(self._completing.acquire(), self._completion_turn)
        except TimeoutError:
            return None  # the one before is stuck
        try:
            return await self._ask(request)
        finally:
            self._completing.release()

    async def _ask(self, request: Request) -> Content | None:
        at_once = self._pending.executing is not None or request.msg_type == "debug_request"
        reply = request.msg_type.replace("_request", "_reply")
        future = self._pending.add_request(request.id, reply)
        try:
            self._forward("control" if at_once else "shell", request)
            return await future
        finally:
            self._pending.forget(request.id)

    async def serve_comm(self, request: Request) -> None:
        """Hand over a comm's message, and wait until the ipykernel has served it."""
        served = self._pending.add_comm(request.id)
        try:
            self.forward(request)
            await served
        finally:
            self._pending.forget(request.id)

    def forward(self, request: Request) -> None:
        """Hand over a message that has no reply: `comm_*`, `input_reply`."""
        channel = FORWARDED_TYPES.get(request.msg_type)
        if channel is not None:
            self._forward(channel, request)
