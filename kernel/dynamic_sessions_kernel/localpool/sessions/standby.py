"""Sessions that nobody has yet: one is kept ready, as the service's pools do.

An interpreter takes most of a second to start, and many at once take each other's time, so starts
are counted.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import LocalPoolError
from dynamic_sessions_kernel.localpool.sandbox.choose import remove_tree

from .interpreter import Interpreter

if TYPE_CHECKING:
    from pathlib import Path

    from dynamic_sessions_kernel.localpool.sandbox.choose import Sandbox


@dataclass(frozen=True, slots=True)
class Vacant:
    """A started interpreter without an identifier.

    Attributes:
        folder: its own on this machine.
    """

    folder: Path
    interpreter: Interpreter

    async def close(self) -> None:
        """End its processes and remove its files."""
        await self.interpreter.close()
        await asyncio.to_thread(remove_tree, self.folder)


class Ready:
    """Starts interpreters and keeps one ahead.

    Args:
        folder: in which each gets a folder of its own.
        sandbox: what each runs in.
    """

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self._folder = folder
        self._sandbox = sandbox
        self._starts = asyncio.Semaphore(max(2, os.cpu_count() or 2))
        self._next: asyncio.Task[Vacant] | None = None
        self._closed = False

    def refill(self) -> None:
        """Begin to start the next one, unless one is there or on its way."""
        if self._next is None and not self._closed:
            self._next = asyncio.create_task(self._start())

    async def take(self) -> Vacant:
        """Return the one that is ready, or that is so first.

        Raises:
            LocalPoolError: none starts.
        """
        ahead, self._next = self._next, None
        if ahead is not None:
            # One that died or did not start while nobody watched is no reason to refuse.
            with suppress(LocalPoolError, OSError):
                vacant = await ahead
                if vacant.interpreter.alive:
                    return vacant
                await vacant.close()
        return await self._start()

    async def close(self) -> None:
        """Give up what is ready or on its way."""
        self._closed = True
        ahead, self._next = self._next, None
        if ahead is not None:
            if not ahead.done():
                ahead.cancel()
            with suppress(LocalPoolError, OSError, asyncio.CancelledError):
                await (await ahead).close()

    async def _start(self) -> Vacant:
        folder = self._folder / secrets.token_hex(8)
        async with self._starts:
            try:
                return Vacant(folder, await Interpreter.start(folder, self._sandbox))
            except BaseException:
                await asyncio.to_thread(remove_tree, folder)
                raise
