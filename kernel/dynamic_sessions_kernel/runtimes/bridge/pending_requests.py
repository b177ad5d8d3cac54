"""The requests that wait for the session's reply. Used on the event loop alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dynamic_sessions_kernel.errors import DynamicSessionsError

#: What ends a cell: its reply, and the idle status after its last output. They come on two
#: channels, in either order.
_ENDS_EXECUTION = frozenset({"execute_reply", "status"})


#: An idle status can overtake a reply, which comes on another channel, but not by this much.
_REPLY_LATE_SECONDS = 0.5


@dataclass(slots=True)
class _Waiting:
    missing: set[str]
    future: asyncio.Future[Any]
    content: dict[str, Any] = field(default_factory=dict)
    is_cell: bool = False


class Pending:
    """Requests by identity, each with what is still missing of its reply."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def executing(self) -> str | None:
        """The identity of the cell that runs, if one does."""
        for identity, waiting in self._waiting.items():
            if waiting.is_cell:
                return identity
        return None

    def add_execution(self, identity: str) -> asyncio.Future[dict[str, Any]]:
        """Wait for a cell's reply and its idle status; the future holds the reply's content."""
        return self._add(identity, set(_ENDS_EXECUTION), is_cell=True)

    def add_request(self, identity: str, reply: str) -> asyncio.Future[dict[str, Any] | None]:
        """Wait for a reply of this type; the future holds its content.

        An idle status without a reply says that the ipykernel could not serve the request: then
        the future holds None.
        """
        return self._add(identity, {reply})

    def add_comm(self, identity: str) -> asyncio.Future[dict[str, Any]]:
        """Wait for the idle status of a comm's message, which has no reply."""
        return self._add(identity, {"status"})

    def arrived(self, identity: str | None, msg_type: str, content: dict[str, Any]) -> None:
        """Take a reply or an idle status; one that nobody waits for is dropped."""
        waiting = self._waiting.get(identity or "")
        if waiting is None:
            return
        if msg_type not in waiting.missing:
            if msg_type == "status":
                loop = asyncio.get_running_loop()
                loop.call_later(_REPLY_LATE_SECONDS, self._unanswered, waiting)
            return
        waiting.missing.remove(msg_type)
        if msg_type != "status":
            waiting.content = content
        if waiting.missing:
            return
        del self._waiting[identity or ""]
        if not waiting.future.done():
            waiting.future.set_result(waiting.content)

    def _unanswered(self, waiting: _Waiting) -> None:
        if not waiting.is_cell and not waiting.future.done():
            waiting.future.set_result(None)

    def forget(self, identity: str) -> None:
        """Wait for this one no longer."""
        self._waiting.pop(identity, None)

    def fail(self, error: DynamicSessionsError) -> bool:
        """End all waiting with an error; return whether a cell was among it."""
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            if not one.future.done():
                one.future.set_exception(error)
                one.future.exception()  # asyncio would log it where nobody waits any more
        return any(one.is_cell for one in waiting.values())

    def _add(
        self, identity: str, missing: set[str], *, is_cell: bool = False
    ) -> asyncio.Future[Any]:
        future = asyncio.get_running_loop().create_future()
        waiting = _Waiting(missing, future, is_cell=is_cell)
        self._waiting[identity] = waiting
        return waiting.future
