"""The requests that wait for the session's answer; shared by the event loop and the pump."""

from __future__ import annotations

import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dynamic_sessions_kernel.errors import DynamicSessionsError

#: What ends a cell: its reply, and the idle status after its last output. They come on two
#: channels, in either order.
_ENDS_EXECUTION = frozenset({"execute_reply", "status"})


@dataclass(slots=True)
class _Waiting:
    missing: set[str]
    content: dict[str, Any] = field(default_factory=dict)
    future: Future[dict[str, Any]] = field(default_factory=Future)


class Pending:
    """Requests by identity, each with what is still missing of its answer."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def executing(self) -> str | None:
        """The identity of the cell that runs, if one does."""
        with self._lock:
            for identity, waiting in self._waiting.items():
                if waiting.missing <= _ENDS_EXECUTION:
                    return identity
        return None

    def add_execution(self, identity: str) -> Future[dict[str, Any]]:
        """Wait for a cell's reply and its idle status; the future holds the reply's content."""
        return self._add(identity, set(_ENDS_EXECUTION))

    def add_request(self, identity: str, reply: str) -> Future[dict[str, Any]]:
        """Wait for a reply of this type."""
        return self._add(identity, {reply})

    def arrived(self, identity: str | None, msg_type: str, content: dict[str, Any]) -> None:
        """Take a reply or an idle status; one that nobody waits for is dropped."""
        with self._lock:
            waiting = self._waiting.get(identity or "")
            if waiting is None or msg_type not in waiting.missing:
                return
            waiting.missing.remove(msg_type)
            if msg_type != "status":
                waiting.content = content
            if waiting.missing:
                return
            del self._waiting[identity or ""]
        with suppress(InvalidStateError):
            waiting.future.set_result(waiting.content)

    def forget(self, identity: str) -> None:
        """Wait for this one no longer."""
        with self._lock:
            self._waiting.pop(identity, None)

    def fail(self, error: DynamicSessionsError) -> bool:
        """End all waiting with an error; return whether a cell was among it."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            with suppress(InvalidStateError):
                one.future.set_exception(error)
        return any(one.missing <= _ENDS_EXECUTION for one in waiting.values())

    def _add(self, identity: str, missing: set[str]) -> Future[dict[str, Any]]:
        waiting = _Waiting(missing)
        with self._lock:
            self._waiting[identity] = waiting
        return waiting.future
