"""The embedded pool as a whole: started, serving, stopped."""

from __future__ import annotations

import asyncio
import resource
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tornado.netutil import bind_sockets

from .api.server import POOL_PATH, Service
from .faults import FaultInjector, FaultRates
from .folders import PoolFolder
from .profiles import PROFILES, SPECIFICATION
from .sandbox.choose import choose
from .sandbox.limits import Limits
from .sandbox.python import SessionPython
from .sessions.store import SessionStore
from .sessions.watch import Watch

if TYPE_CHECKING:
    from tornado.httpserver import HTTPServer

HOST = "127.0.0.1"
# A session takes about ten, a connection one; the usual limit of 1024 ends at 90 sessions.
_OPEN_FILES = 65_536
_STOP_SECONDS = 20
#: How a full pool can answer (docs/service.md, "Errors").
FULL_STATUSES = (429, 500, 404)


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How a pool is to be.

    Attributes:
        port: on loopback; 0 for any that is free.
        most: how many sessions it holds at once.
        cooldown: seconds without a call after which a session ends (the service: 300 to 3600).
        sandbox: one of `sandbox.choose.CHOICES`.
        time_limit: seconds that no execution may pass (the service: 220).
        profile: a name of `profiles.PROFILES`.
        full_status: of HTTP, when no more sessions are to be had; one of `FULL_STATUSES`.
        faults: what goes wrong.
        token: that callers must show.
        limits: what each session may take of the machine.
        python: the path of the Python that sessions run; empty for the pool's own.
    """

    port: int = 0
    most: int = 100
    cooldown: float = 300
    sandbox: str = "auto"
    time_limit: float = 220
    profile: str = SPECIFICATION.name
    full_status: int = FULL_STATUSES[0]
    faults: FaultRates = field(default_factory=FaultRates)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    limits: Limits = field(default_factory=Limits.from_environment)
    python: str = ""


class LocalPool:
    """A pool on this machine.

    Raises:
        LocalPoolError: the sandbox that is wanted does not work here.
        OSError: the port is taken, or no folder can be made.
    """

    def __init__(self, options: PoolOptions) -> None:
        self._options = options
        _allow_open_files()
        python = SessionPython.at(options.python) if options.python else SessionPython.own()
        self._sandbox = choose(options.sandbox, options.limits, python)
        self._sockets = bind_sockets(options.port, HOST)
        self._folder = PoolFolder()
        faults = FaultInjector(options.faults)
        profile = PROFILES[options.profile]
        self._store = SessionStore(
            self._folder.sessions,
            self._sandbox,
            faults,
            most=options.most,
            cooldown=options.cooldown,
            time_limit=min(options.time_limit, profile.longest_run_seconds),
            full_status=options.full_status,
        )
        self._watch = Watch(self._store, options.limits)
        self._service = Service(self._store, faults, options.token, self._folder.incoming, profile)
        self._server: HTTPServer | None = None

    def address(self) -> dict[str, Any]:
        """Return what a caller needs, a secret for the token, and what sessions are in."""
        port = self._sockets[0].getsockname()[1]
        return {
            "endpoint": f"http://{HOST}:{port}{POOL_PATH}",
            "token": self._options.token,
            "sandbox": self._sandbox.name,
            "reason": self._sandbox.reason,
            "limits": str(self._options.limits),
        }

    def start(self) -> None:
        """Take calls, on the running event loop; begin to have a session ready."""
        self._server = self._service.listen()
        self._server.add_sockets(self._sockets)
        self._store.prepare()
        self._watch.start()

    def quiet_for(self) -> float:
        """Return the seconds since the last call or session, 0 while one lives."""
        if self._service.calls or not self._store.empty:
            return 0
        return time.monotonic() - max(self._service.last_call, self._store.last_end)

    def refuse_calls(self) -> None:
        """Take no new connections any more."""
        if self._server is not None:
            self._server.stop()

    async def stop(self) -> None:
        """End sessions and connections, and remove every file."""
        self.refuse_calls()
        await self._watch.stop()
        # Whatever does not end in time dies with the pool's own process.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._store.close(), _STOP_SECONDS)
        if self._server is not None:
            await self._server.close_all_connections()
        await asyncio.to_thread(self._folder.remove)


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
