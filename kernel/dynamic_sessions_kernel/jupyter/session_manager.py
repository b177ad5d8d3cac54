"""From settings to a session, found when the first cell needs one, and left at the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from dynamic_sessions_kernel.client.embedded import find_or_start, notice
from dynamic_sessions_kernel.client.pool import SessionPool
from dynamic_sessions_kernel.errors import (
    CommandError,
    DynamicSessionsError,
    SessionLostError,
    UnexpectedAnswerError,
)
from dynamic_sessions_kernel.runtimes.choose import connect_runtime
from dynamic_sessions_kernel.runtimes.deletion import delete_in_time
from dynamic_sessions_kernel.settings import read_settings
from dynamic_sessions_kernel.threads import start_call

from .crash_recovery import CLEARED, CRASHED_AND_GONE, FOUND, GONE, HandoverNote
from .embedded_pool import EmbeddedPool
from .sentences import Sentences
from .session_lookup import delete_if_there, exists
from .session_origin import Origin, session_identifier
from .sign_in_notice import SignInNotice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynamic_sessions_kernel.client.models import SessionInfo
    from dynamic_sessions_kernel.client.session import Session
    from dynamic_sessions_kernel.messages import Emit
    from dynamic_sessions_kernel.runtimes.base import Runtime
    from dynamic_sessions_kernel.settings import Settings, SettingTraits


class InUse(NamedTuple):
    """What is in use at one moment; None for what there is not.

    Attributes:
        pool, session, runtime: as the manager has them.
        embedded: whether the pool is the embedded one.
        limits: what the embedded pool's sessions may take of this machine; else empty.
    """

    pool: SessionPool | None
    session: Session | None
    runtime: Runtime | None
    embedded: bool
    limits: str


class SessionManager:
    """Finds, uses and leaves the kernel's session.

    The event loop owns it: everything is called there, and other threads ask by a coroutine.

    Args:
        traits: the settings, read anew for each connection.
        key: the connection file's key.
        emit: takes the runtime's messages.
        show: takes what was made here for the page, which passes no filter.
        arguments: the command line's, for the session's `sys.argv`.

    Attributes:
        runtime: what cells run on; None where there is no session in use.
        session: the session it runs in; None where there is none in use.
        pool: the pool of it; None before it was needed.
        embedded: whether that is the embedded one.
        sentences: what the kernel itself says in cells.
    """

    def __init__(
        self,
        traits: SettingTraits,
        key: bytes,
        emit: Emit,
        show: Emit,
        arguments: Sequence[str] = (),
    ) -> None:
        self.runtime: Runtime | None = None
        self.session: Session | None = None
        self.pool: SessionPool | None = None
        self.embedded = False
        self._limits = ""
        self._traits = traits
        self._identifier = session_identifier(key)
        self._emit = emit
        self.sentences = Sentences(show)
        self._arguments = arguments
        self._sign_in = SignInNotice(show)
        self._signed_in = False
        self._opening: asyncio.Task[Runtime] | None = None
        self._warned = False
        self._origin = Origin.NEW
        self._dropped: asyncio.Task[None] | None = None
        self._note = HandoverNote(key)
        self._before = self._note.read()
        # Whether variables that are found in the session are an earlier kernel's, to be cleared.
        self._fresh = self._before is None or self._before.state == "restarting"

    async def in_use(self) -> InUse:
        """Return what is in use, all of one moment."""
        limits = self._limits if self.embedded else ""
        return InUse(self.pool, self.session, self.runtime, self.embedded, limits)

    @property
    def connected(self) -> bool:
        """Whether a session is at hand."""
        return self.runtime is not None and self.runtime.connected

    @property
    def finds_count(self) -> bool:
        """Whether a session of an earlier process waits, which knows the next cell's number."""
        left = self._before
        return self.runtime is None and left is not None and left.state == "running"

    def enter(self, cell: str, *, visible: bool) -> None:
        """Note which cell runs, and whether a person sees what is said in it."""
        if visible:
            self._sign_in.enter(cell)
        self.sentences.enter(cell, seen=visible)

    def at_hand(self, cell: str = "") -> Runtime | None:
        """Return the runtime if it is connected already, as it is for most cells.

        Args:
            cell: the identity of the cell that it is for; a runtime that has it already is the
                one that knows what became of it, connected or not.

        Raises:
            DynamicSessionsError: the session was lost, which comes first.
        """
        if self.runtime is None:
            return None
        if self.runtime.handed_ahead(cell):
            return self.runtime
        self.runtime.raise_loss(keep=not self.sentences.seen)
        return self.runtime if self.runtime.connected else None

    async def ready(self) -> Runtime:
        """Return the runtime, connected; an attempt that nobody waits for any more goes on.

        Raises:
            DynamicSessionsError: no session could be had, or its loss comes first.
        """
        runtime = self.at_hand()
        if runtime is not None:
            return runtime
        if self._opening is None or self._opening.done():
            self._opening = asyncio.get_running_loop().create_task(self._open())
            # An error that comes after an interrupt is nobody's.
            self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._opening)

    def failed(self, error: DynamicSessionsError) -> None:
        """Take note of an error of a cell: an embedded pool that is gone is looked for anew."""
        if self.embedded and isinstance(error, SessionLostError):
            self._drop()

    async def close(self, *, ended: bool, asked: bool) -> None:
        """Let go of the session, within 1.5 s.

        Args:
            ended: whether the kernel ends for good, as far as anybody said.
            asked: whether a front end asked for that, and not a signal alone.
        """
        self._stop_opening()
        delete = ended and self._origin.is_deleted(asked=asked)
        if ended:
            self._note.remove()
        else:
            await self._leave_to_the_next()
        if self.runtime is not None:
            await self.runtime.close(delete=delete and not self.runtime.taken)
        elif self.session is not None and delete:
            await delete_in_time(self.session)
        if self.pool is not None:
            self.pool.close()

    async def _leave_to_the_next(self) -> None:
        """Say in the note that the kernel restarts, and end what runs where that can be done."""
        if self.session is not None:
            self._note.write("restarting", self.session.identifier)
            if self.runtime is not None and await self.runtime.clear():
                self._note.write("cleared", self.session.identifier)
        elif self._before is not None:
            self._note.write("restarting", self._before.identifier)

    # -- what `%session` does ---------------------------------------------------------------

    async def sessions(self) -> list[SessionInfo]:
        """List the pool's living sessions; allocates none."""
        pool = await self._find_pool(read_settings(self._traits))
        return await start_call(list, pool.sessions())

    async def restart(self) -> Session:
        """Start Python afresh in the session."""
        runtime = await self.ready()
        try:
            await runtime.restart()
        except TimeoutError:
            raise CommandError(
                "Python did not start afresh in time. Whether variables are gone is unknown, "
                "files are kept. Try again, or `%session new` for a fresh session."
            ) from None
        assert self.session is not None  # noqa: S101 - `ready` came before
        return self.session

    async def stop(self) -> Session | None:
        """Delete the session in use; returns it, None where there was none."""
        if self.session is None and self._before is None:
            return None
        _, session = await self._find(read_settings(self._traits))
        await self._let_go()
        deleted = await start_call(delete_if_there, session)
        self._forget()
        return session if deleted else None

    async def new(self) -> tuple[Session, Session | None, Session | None]:
        """Start a fresh session.

        Returns:
            The fresh one; the kernel's own that was deleted, and an attached one that was left,
            None where there was none.
        """
        settings = read_settings(self._traits)
        pool, current = await self._find(settings)
        own = pool.session(self._own(settings))
        attached = current.identifier != own.identifier
        await self._let_go()
        deleted = await start_call(delete_if_there, own)
        self._forget()
        try:
            await self.ready()
        except DynamicSessionsError as error:
            raise CommandError(
                f"The kernel's former session is gone, but there is no fresh one yet: {error}"
            ) from None
        assert self.session is not None  # noqa: S101 - `ready` came before
        return self.session, own if deleted else None, current if attached else None

    async def attach(self, session: Session) -> Session | None:
        """Use another session, with its variables; returns the one that was left, None for none.

        Until that one is at hand, nothing changes.
        """
        settings = read_settings(self._traits)
        self._stop_opening()
        runtime = await self._connect(settings, session, fresh=False)
        left = self.session if self.runtime is not None else None
        await self._let_go()
        self._forget()
        self.runtime, self.session = runtime, session
        self._origin = self._origin_of(session, settings)
        self._note.write("running", session.identifier)
        if runtime.aftermath:
            self.sentences.say(runtime.aftermath)
        return left

    async def _let_go(self) -> None:
        self._stop_opening()
        runtime, self.runtime = self.runtime, None
        if runtime is not None:
            await runtime.close(delete=False)

    def _stop_opening(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()

    def _forget(self) -> None:
        """Know of no session."""
        self.session = self._before = None
        self._origin = Origin.NEW
        self._fresh = True
        self._note.remove()

    # -- opening ----------------------------------------------------------------------------

    async def _open(self) -> Runtime:
        if self.runtime is not None:
            await self.runtime.connect()
            return self.runtime
        settings = read_settings(self._traits)
        _, session = await self._find(settings)
        self.runtime = await self._connect(settings, session, fresh=self._fresh)
        self._fresh = False
        self._note.write("running", session.identifier)
        before, self._before = self._before, None
        if before is not None and before.state == "running":
            self.sentences.say(FOUND if self.runtime.found else CLEARED)
        if self.runtime.aftermath:
            # Said once the cell can be interrupted in the session, as the sentence advises.
            self.sentences.say_later(self.runtime.aftermath)
        return self.runtime

    async def _find(self, settings: Settings) -> tuple[SessionPool, Session]:
        """Find the pool and name the session; nothing is allocated yet."""
        pool = await self._find_pool(settings)
        if self.session is None:
            self.session, self._origin = await self._choose(pool, settings)
        return pool, self.session

    async def _choose(self, pool: SessionPool, settings: Settings) -> tuple[Session, Origin]:
        """Choose the session of the kernel before where it lives, else this kernel's own."""
        own, left = pool.session(self._own(settings)), self._before
        if left is not None:
            session = pool.session(left.identifier)
            if await start_call(exists, session) is not False:
                return session, self._origin_of(session, settings)
            self.sentences.say(CRASHED_AND_GONE if left.state == "running" else GONE)
            self._before, self._fresh = None, True
        if not settings.identifier:
            return own, Origin.NEW
        there = await start_call(exists, own)
        return own, Origin.NAMED if there is False else Origin.GIVEN

    def _origin_of(self, session: Session, settings: Settings) -> Origin:
        """Return the origin of a session that was there before."""
        if session.identifier != self._own(settings):
            return Origin.ATTACHED
        return Origin.GIVEN if settings.identifier else Origin.FOUND

    async def _connect(self, settings: Settings, session: Session, *, fresh: bool) -> Runtime:
        try:
            return await connect_runtime(
                settings,
                self._emit,
                session,
                self.sentences.say,
                fresh=fresh,
                cell=lambda: self.sentences.cell,
                arguments=self._arguments,
            )
        except UnexpectedAnswerError as error:
            # What runs Python answers as it should; the pool may be one that runs none.
            assert self.pool is not None  # noqa: S101 - its session was connected
            wrong = await start_call(self.pool.wrong_type)
            raise wrong or error from None

    async def _find_pool(self, settings: Settings) -> SessionPool:
        """Find the pool, and sign in, so that no call to it waits for a person."""
        if self.pool is None:
            self.pool, self._signed_in = await self._new_pool(settings), False
        pool = self.pool
        if self._signed_in:
            return pool
        if pool.sign_in_announcement:
            self._sign_in.announce(pool.sign_in_announcement)
        await start_call(pool.sign_in)
        self._sign_in.over(True)
        self._signed_in = True
        return pool

    async def _new_pool(self, settings: Settings) -> SessionPool:
        endpoint, token = settings.endpoint, settings.token
        self.embedded = not endpoint
        if self.embedded:
            endpoint, token = await self._embedded_pool()
        return (EmbeddedPool if self.embedded else SessionPool)(
            endpoint,
            settings.credential,
            api_version=settings.api_version,
            token=token,
            token_hosts=settings.token_hosts,
            prompt=self._sign_in.ask_for_code,
            signed_in=self._sign_in.over,
        )

    def _own(self, settings: Settings) -> str:
        return settings.identifier or self._identifier

    async def _embedded_pool(self) -> tuple[str, str]:
        address = await start_call(find_or_start)
        self._limits = address.limits
        if words := notice(address, warned=self._warned):
            self._warned = True
            self.sentences.say(words)
        return address.endpoint, address.token

    def _drop(self) -> None:
        runtime, pool = self.runtime, self.pool
        self.runtime = self.session = self.pool = None
        if runtime is not None:
            self._dropped = asyncio.get_running_loop().create_task(runtime.close(delete=False))
        if pool is not None:
            pool.close()
