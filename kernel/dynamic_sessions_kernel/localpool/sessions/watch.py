"""Ends sessions that take more than they may, where the machine itself does not hold them.

Files are always watched. Memory and processes are watched where there are no control groups: they
are counted over all processes that descend from the sandbox. A session that is over a limit is
ended whole, since nobody knows which part of it is to blame. Its next caller gets a new one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from dynamic_sessions_kernel.localpool.sandbox.limits import room_of

from .unnamed import unnamed_use

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dynamic_sessions_kernel.localpool.sandbox.limits import Limits

    from .session import Session
    from .store import SessionStore

_log = logging.getLogger(__name__)

_PERIOD_SECONDS = 1.0
# Looking takes at most this share of the time, however many files there are.
_SHARE = 0.1
# A path and one more name are within what the machine takes (4096).
_LONGEST_PATH_BYTES = 3_800


class Watch:
    """Looks at every session of a pool, again and again.

    Args:
        store: of the sessions.
        limits: of each.
    """

    def __init__(self, store: SessionStore, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """End. Repeatable."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _work(self) -> None:
        while True:
            began = time.monotonic()
            for session in self._store.living():
                over = await asyncio.to_thread(self._over, session)
                if over and self._store.find(session.identifier) is session:
                    _log.warning("A session took more than its limit of %s and was ended.", over)
                    self._store.end(session.identifier)
            spent = time.monotonic() - began
            await asyncio.sleep(max(_PERIOD_SECONDS, spent / _SHARE))

    def _over(self, session: Session) -> str:
        """Return what a session takes too much of; empty if nothing."""
        disk = self._limits.disk_bytes
        processes = session.enclosure.processes()
        unnamed = unnamed_use(processes, session.folder)
        if unnamed > disk or disk_use(session.folder, disk - unnamed) > disk - unnamed:
            return "files"
        if session.enclosure.counted:
            return ""
        memory, threads = memory_use(processes)
        if memory > self._limits.memory_bytes:
            return "memory"
        return "processes" if threads > self._limits.processes else ""


def disk_use(folder: Path, enough: int) -> int:
    """Return the bytes that a folder takes on disk; the count ends once it is over `enough`.

    Links are not followed. What goes away meanwhile, or cannot be read, counts nothing; what lies
    deeper than a path can be long, where nothing could be counted, is over at once.
    """
    total = 0
    waiting = [os.fspath(folder)]
    while waiting and total <= enough:
        path = waiting.pop()
        if len(os.fsencode(path)) > _LONGEST_PATH_BYTES:
            return enough + 1
        with suppress(OSError), os.scandir(path) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += room_of(entry.stat(follow_symlinks=False))
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return total


def memory_use(processes: Iterable[psutil.Process]) -> tuple[int, int]:
    """Return the memory, in bytes, and the number of threads of some processes.

    Memory that several share is divided among them where the machine says how; else each counts
    what it holds.
    """
    memory = threads = 0
    for process in processes:
        with suppress(psutil.Error):
            threads += process.num_threads()
            memory += _memory_of(process)
    return memory, threads


def _memory_of(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.AccessDenied, AttributeError):
        return int(process.memory_info().rss)
