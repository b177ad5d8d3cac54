"""The pool's sessions by their identifiers: allocated when first used, ended when long unused."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import LocalPoolError
from dynamic_sessions_kernel.localpool import errors
from dynamic_sessions_kernel.localpool.sandbox.choose import remove_tree

from .session import Session
from .standby import Ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from dynamic_sessions_kernel.localpool.faults import FaultInjector
    from dynamic_sessions_kernel.localpool.sandbox.choose import Sandbox


class SessionStore:
    """Allocates, finds, counts and ends sessions.

    Args:
        folder: in which each session gets a folder of its own.
        sandbox: what each runs in.
        faults: what runs suffer.
        most: how many sessions there can be at once.
        cooldown: seconds without a call after which a session ends.
        time_limit: seconds that no execution may pass.
        full_status: of HTTP, when there is no room for another session.

    Attributes:
        sandbox_name: of the sandbox that each session is in.
        python: what each session's interpreter is.
        started: when the pool did, in seconds since 1970.
        last_end: when a session last ended, by `time.monotonic`.
    """

    def __init__(
        self,
        folder: Path,
        sandbox: Sandbox,
        faults: FaultInjector,
        *,
        most: int,
        cooldown: float,
        time_limit: float,
        full_status: int = 429,
    ) -> None:
        self.sandbox_name = sandbox.name
        self.python = sandbox.python
        self.started = time.time()
        self._ready = Ready(folder, sandbox)
        self._faults = faults
        self._most = most
        self._cooldown = cooldown
        self._time_limit = time_limit
        self._full_status = full_status
        self._sessions: dict[str, asyncio.Task[Session]] = {}
        self._calls: dict[str, int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.last_end = time.monotonic()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def empty(self) -> bool:
        """Whether no session lives or is being allocated."""
        return not self._sessions

    def prepare(self) -> None:
        """Begin to have a session ready."""
        self._ready.refill()

    @asynccontextmanager
    async def using(self, identifier: str) -> AsyncIterator[Session]:
        """Yield the session of that identifier, kept from cooling down meanwhile.

        Raises:
            Refusal: the pool is full, or no session starts.
        """
        self._enter(identifier)
        try:
            session = await self._allocated(identifier)
            session.accessed = time.time()
            session.uses += 1
            yield session
            session.accessed = time.time()
        finally:
            self._leave(identifier)

    def find(self, identifier: str) -> Session | None:
        """Return the session of that identifier, if there is one; this keeps it warm, too."""
        session = self._living(identifier)
        if session is not None:
            self._enter(identifier)
            session.accessed = time.time()
            self._leave(identifier)
        return session

    def living(self) -> list[Session]:
        """All sessions, the oldest first."""
        sessions = (self._living(identifier) for identifier in list(self._sessions))
        return sorted(filter(None, sessions), key=lambda session: session.created)

    def expires(self, session: Session) -> float:
        """When it cools down if it is not used before, in seconds since 1970."""
        return session.accessed + self._cooldown

    def end(self, identifier: str) -> bool:
        """End the session of that identifier, if there is one; its processes end meanwhile."""
        task = self._sessions.pop(identifier, None)
        if task is None:
            return False
        self.last_end = time.monotonic()
        timer = self._timers.pop(identifier, None)
        if timer is not None:
            timer.cancel()
        self._soon(task)
        return True

    async def close(self) -> None:
        """End all sessions, the ready one too."""
        for identifier, task in list(self._sessions.items()):
            if not task.done():
                task.cancel()
            self.end(identifier)
        await self._ready.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _living(self, identifier: str) -> Session | None:
        task = self._sessions.get(identifier)
        if task is None or not task.done() or task.exception() is not None:
            return None
        return task.result() if task.result().alive else None

    async def _allocated(self, identifier: str) -> Session:
        task = self._sessions.get(identifier)
        if task is not None and task.done() and self._dead(task):
            self.end(identifier)
            task = None
        if task is None:
            if self._full():
                raise errors.pool_full(self._most, self._full_status)
            task = self._sessions[identifier] = asyncio.create_task(self._allocate(identifier))
        try:
            # Of several calls for one new session, one that goes away must not take it along.
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise errors.unavailable() from None
            raise
        except (LocalPoolError, OSError) as error:
            if self._sessions.get(identifier) is task:
                del self._sessions[identifier]
            raise errors.failed(f"The session could not be started: {error}") from None

    def _full(self) -> bool:
        for identifier, task in list(self._sessions.items()):
            if task.done() and self._dead(task):
                self.end(identifier)
        return len(self._sessions) >= self._most

    @staticmethod
    def _dead(task: asyncio.Task[Session]) -> bool:
        return task.exception() is not None or not task.result().alive

    async def _allocate(self, identifier: str) -> Session:
        vacant = await self._ready.take()
        self._ready.refill()
        return Session(
            identifier,
            vacant.folder,
            vacant.interpreter,
            self._faults,
            time_limit=self._time_limit,
        )

    def _enter(self, identifier: str) -> None:
        self._calls[identifier] = self._calls.get(identifier, 0) + 1
        timer = self._timers.pop(identifier, None)
        if timer is not None:
            timer.cancel()

    def _leave(self, identifier: str) -> None:
        self._calls[identifier] -= 1
        if not self._calls[identifier]:
            del self._calls[identifier]
            if identifier in self._sessions:
                loop = asyncio.get_running_loop()
                timer = loop.call_later(self._cooldown, self._cool_down, identifier)
                self._timers[identifier] = timer

    def _cool_down(self, identifier: str) -> None:
        self._timers.pop(identifier, None)
        session = self._living(identifier)
        if session is not None and session.busy:
            # An asynchronous execution runs without a call.
            self._enter(identifier)
            self._leave(identifier)
        else:
            self.end(identifier)

    def _soon(self, task: asyncio.Task[Session]) -> None:
        closing = asyncio.create_task(_close(task))
        self._tasks.add(closing)
        closing.add_done_callback(self._tasks.discard)


async def _close(task: asyncio.Task[Session]) -> None:
    try:
        session = await task
    except (LocalPoolError, OSError, asyncio.CancelledError):
        return
    await session.close()
    await asyncio.to_thread(remove_tree, session.folder)
