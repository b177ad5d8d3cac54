"""From settings to a session, when the first cell needs one, and what becomes of it at the end."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
from typing import TYPE_CHECKING

from .embedded import EmbeddedPool, find_or_start, notice
from .errors import (
    DynamicSessionsError,
    SessionLostError,
    SessionNotFoundError,
)
from .pool.client import SessionPool
from .runtimes.base import Message
from .runtimes.choose import connect_runtime
from .runtimes.deletion import delete_in_time
from .settings import read_settings
from .threads import start_call

if TYPE_CHECKING:
    from datetime import datetime

    from .pool.session import Session
    from .pool.signin import DevicePrompt
    from .runtimes.base import Emit, Runtime
    from .settings import Settings, SettingTraits

_PURPOSE = b"dynamic-sessions-kernel: session identifier"

_log = logging.getLogger(__name__)


def session_identifier(key: bytes) -> str:
    """Return the identifier that belongs to a connection file's key; a random one for no key.

    A restarted kernel has the same key, and so finds its session; nobody can guess either.
    """
    if not key:
        return secrets.token_hex(32)
    return hmac.new(key, _PURPOSE, hashlib.sha256).hexdigest()


class Connection:
    """The kernel's connection to its session. Used on the kernel's event loop alone.

    Args:
        traits: the settings, read anew for each connection.
        key: the connection file's key.
        emit: takes the runtime's messages.

    Attributes:
        runtime: what cells run on; None before the first connection.
        session: the session it runs in; None before the first connection.
        cell: the request that notices belong to.
    """

    def __init__(self, traits: SettingTraits, key: bytes, emit: Emit) -> None:
        self.runtime: Runtime | None = None
        self.session: Session | None = None
        self.cell: str | None = None
        self._traits = traits
        self._identifier = session_identifier(key)
        self._emit = emit
        self._pool: SessionPool | None = None
        self._opening: asyncio.Task[Runtime] | None = None
        self._embedded = False
        self._warned = False
        self._made = False
        self._given = False
        self._dropped: asyncio.Task[None] | None = None
        # The session of a kernel before us, if there is one, holds variables that are not ours.
        self._fresh = True

    async def ready(self) -> Runtime:
        """Return the runtime, connected; an attempt that nobody waits for any more goes on.

        Raises:
            DynamicSessionsError: no session could be had.
        """
        if self.runtime is not None and self.runtime.connected:
            return self.runtime
        if self._opening is None or self._opening.done():
            self._opening = asyncio.get_running_loop().create_task(self._open())
            # An error that comes after an interrupt is nobody's.
            self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._opening)

    def failed(self, error: DynamicSessionsError) -> None:
        """Take note of an error of a cell: an embedded pool that is gone is looked for anew."""
        if self._embedded and isinstance(error, SessionLostError):
            self._drop()

    async def close(self, *, ended: bool, told: bool) -> None:
        """Let go of the session, within 1.5 s.

        Args:
            ended: whether the kernel ends for good, as far as anybody said.
            told: whether it was told so by a front end, not by a signal alone. A signal is also
                how VS Code restarts a kernel: with an identifier of the person's own, the session
                has to be there for the next one.
        """
        if self._opening is not None:
            self._opening.cancel()
        delete = ended and (self._made if told else not self._given)
        if self.runtime is not None:
            await self.runtime.close(delete=delete)
        elif self.session is not None and delete:
            await delete_in_time(self.session)
        if self._pool is not None:
            self._pool.close()

    async def _open(self) -> Runtime:
        if self.runtime is not None:
            await self.runtime.connect()
            return self.runtime
        settings = read_settings(self._traits)
        if self.session is None:
            await self._find(settings)
        assert self.session is not None  # noqa: S101 - `_find` has set it or raised
        self.runtime = await connect_runtime(
            settings, self._emit, self.session, self._say, fresh=self._fresh
        )
        self._fresh = False
        return self.runtime

    async def _find(self, settings: Settings) -> None:
        """Find the pool and name the session; nothing is allocated yet."""
        endpoint, token = settings.endpoint, settings.token
        self._embedded = not endpoint
        if self._embedded:
            endpoint, token = await self._embedded_pool()
        pool = (EmbeddedPool if self._embedded else SessionPool)(
            endpoint,
            settings.credential,
            api_version=settings.api_version,
            token=token,
            token_hosts=settings.token_hosts,
            prompt=self._prompter(),
        )
        session = pool.session(settings.identifier or self._identifier)
        self._given = bool(settings.identifier)
        self._made = not self._given or not await start_call(_exists, session)
        self._pool, self.session = pool, session

    async def _embedded_pool(self) -> tuple[str, str]:
        address = await start_call(find_or_start)
        if words := notice(address, warned=self._warned):
            self._warned = True
            self._say(words)
        return address.endpoint, address.token

    def _prompter(self) -> DevicePrompt:
        loop = asyncio.get_running_loop()

        def prompt(address: str, code: str, _expires: datetime) -> None:
            text = f"To sign in to Azure, open {address} and enter the code {code}."
            loop.call_soon_threadsafe(self._say, text)

        return prompt

    def _say(self, text: str) -> None:
        self._emit(Message("stream", {"name": "stderr", "text": f"{text}\n"}, self.cell))

    def _drop(self) -> None:
        runtime, pool = self.runtime, self._pool
        self.runtime = self.session = self._pool = None
        if runtime is not None:
            self._dropped = asyncio.get_running_loop().create_task(runtime.close(delete=False))
        if pool is not None:
            pool.close()


def _exists(session: Session) -> bool:
    """Whether the service has the session already; in doubt it does, and is not ours to delete."""
    try:
        session.info()
    except SessionNotFoundError:
        return False
    except DynamicSessionsError as error:
        _log.debug("unknown whether the session exists: %s", type(error).__name__)
    return True
