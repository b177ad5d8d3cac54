"""What `%session` does to this kernel, called from a command's thread."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import wait
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from dynamic_sessions_kernel.client.endpoint import AZURE_DOMAIN, shorten
from dynamic_sessions_kernel.errors import CommandError, DynamicSessionsError
from dynamic_sessions_kernel.magics.base import CommandInterruptedError
from dynamic_sessions_kernel.magics.session_protocol import Change, Listed, Status

from .session_lookup import delete_if_there

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from dynamic_sessions_kernel.client.models import PoolMetadata, SessionInfo
    from dynamic_sessions_kernel.client.pool import SessionPool
    from dynamic_sessions_kernel.client.session import Session
    from dynamic_sessions_kernel.magics.base import Cancelled
    from dynamic_sessions_kernel.messages import Emit
    from dynamic_sessions_kernel.outputs.filter import OutputFilter

    from .session_manager import InUse, SessionManager

    T = TypeVar("T")

#: Seconds between looks for an interrupt.
_POLL_SECONDS = 0.05
_QUOTE_CHARS = 40
_LET_GO = "not connected: the next cell connects again, or says what was lost"


class SessionController:
    """Acts on the kernel's session for one command; implements `SessionProtocol`.

    Args:
        manager: finds the kernel's session; used on the loop alone.
        output_filter: holds the session's outputs.
        send: takes the messages that the filter releases.
        loop: the kernel's, which owns the manager.
        runtime: the setting, for a kernel without a session.
        cancelled: whether the person has interrupted the command.
        forget: drops what the person agreed to for the session that is left.
    """

    def __init__(
        self,
        manager: SessionManager,
        output_filter: OutputFilter,
        send: Emit,
        loop: asyncio.AbstractEventLoop,
        *,
        runtime: str,
        cancelled: Cancelled,
        forget: Callable[[], None],
    ) -> None:
        self._manager = manager
        self._filter = output_filter
        self._send = send
        self._loop = loop
        self._runtime = runtime
        self._cancelled = cancelled
        self._forget = forget

    def status(self) -> Status:
        """Return what is known of the session; allocates none."""
        used = self._wait(self._manager.in_use())
        pool, session, runtime = used.pool, used.session, used.runtime
        outputs = "trusted" if self._filter.trusted else "isolated"
        if runtime is None or pool is None or session is None:
            return Status(_where(used), "", self._runtime, outputs)
        trouble = []
        metadata, info, took = None, None, None
        try:
            metadata = pool.metadata()
        except DynamicSessionsError as error:
            trouble.append(str(error))
        started = time.monotonic()
        try:
            info = session.info()
            took = time.monotonic() - started
        except DynamicSessionsError as error:
            trouble.append(str(error))
        return Status(
            pool=_where(used),
            identifier=shorten(session.identifier),
            runtime=runtime.name if runtime.connected else f"{runtime.name}, {_LET_GO}",
            outputs=outputs,
            traffic=pool.traffic,
            python=_languages(metadata),
            packages=None if metadata is None else len(metadata.packages),
            limits=used.limits,
            created=None if info is None else info.created,
            expires=None if info is None else info.expires,
            kept_until=_after(runtime.kept_for_seconds),
            round_trip=took,
            trouble=" ".join(trouble),
        )

    def sessions(self) -> list[Listed]:
        """Return the living sessions of the pool."""
        session = self._wait(self._manager.in_use()).session
        ours = None if session is None else session.identifier
        return [
            Listed(
                shorten(info.identifier),
                info.identifier == ours,
                info.created,
                info.last_accessed,
                info.expires,
            )
            for info in self._wait(self._manager.sessions())
        ]

    def new(self) -> Change:
        """Start a fresh session in the place of the kernel's own."""
        fresh, deleted, left = self._wait(self._manager.new())
        self._forget()
        return Change(shorten(fresh.identifier), _short(deleted), _short(left))

    def stop(self) -> Change:
        """Delete the session in use."""
        deleted = self._wait(self._manager.stop())
        self._forget()
        return Change(deleted=_short(deleted))

    def delete(self, prefix: str, agree: Callable[[str], None]) -> Change:
        """Delete a living session that this kernel does not use."""
        pool, chosen = self._chosen(prefix)
        own = self._wait(self._manager.in_use()).session
        if own is not None and own.identifier == chosen.identifier:
            raise CommandError(
                "That is this kernel's own session; `%session stop` deletes it. Nothing was done."
            )
        agree(shorten(chosen.identifier))
        if not delete_if_there(pool.session(chosen.identifier)):
            raise CommandError("That session was gone already.")
        return Change(deleted=shorten(chosen.identifier))

    def restart(self) -> Change:
        """Start Python afresh in the same session."""
        return Change(_short(self._wait(self._manager.restart())))

    def attach(self, prefix: str) -> Change:
        """Take over a living session."""
        pool, chosen = self._chosen(prefix)
        used = self._wait(self._manager.in_use())
        ours = used.session is not None and used.session.identifier == chosen.identifier
        if ours and used.runtime is not None and used.runtime.connected:
            raise CommandError("This kernel uses that session already.")
        left = self._wait(self._manager.attach(pool.session(chosen.identifier)))
        self._forget()
        runtime = self._wait(self._manager.in_use()).runtime
        found = runtime is not None and runtime.found
        return Change(shorten(chosen.identifier), left=_short(left), variables=found)

    def _chosen(self, prefix: str) -> tuple[SessionPool, SessionInfo]:
        living = self._wait(self._manager.sessions())
        found = [info for info in living if info.identifier.startswith(prefix)]
        # A whole identifier can be the beginning of another.
        found = [info for info in found if info.identifier == prefix] or found
        word = repr(prefix[:_QUOTE_CHARS])
        if not found:
            raise CommandError(
                f"No living session's identifier begins with {word}; nothing was changed. "
                "%session list shows them."
            )
        if len(found) > 1:
            raise CommandError(
                f"{len(found)} living sessions' identifiers begin with {word}; nothing was "
                "changed. Give more of the one you mean."
            )
        pool = self._wait(self._manager.in_use()).pool
        assert pool is not None  # noqa: S101 - its sessions were listed
        return pool, found[0]

    @property
    def trusted(self) -> bool:
        """Whether all outputs are let through already."""
        return self._filter.trusted

    def trust(self) -> bool:
        """Let all outputs of the session through."""
        if self._filter.trusted:
            return False
        for message in self._filter.trust():
            self._send(message)
        return True

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Have the kernel's loop do something, and wait for it, at most until an interrupt."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        while not wait([future], _POLL_SECONDS).done:
            if self._cancelled():
                future.cancel()
                raise CommandInterruptedError(
                    "Interrupted before it was done; %session shows how things are now."
                )
        return future.result()


def _after(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)


def _where(used: InUse) -> str:
    if used.pool is None:
        return "not asked yet"
    if used.embedded:
        return "the embedded one, on this machine"
    host = used.pool.host
    region = host.removesuffix(AZURE_DOMAIN)
    return host if region == host else f"{host}, region {region}"


def _short(session: Session | None) -> str:
    return "" if session is None else shorten(session.identifier)


def _languages(metadata: PoolMetadata | None) -> str:
    if metadata is None:
        return ""
    words = [
        " ".join(str(runtime[key]) for key in ("name", "version") if runtime.get(key))
        for runtime in metadata.runtimes
    ]
    return ", ".join(filter(None, words))
