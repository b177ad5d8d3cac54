"""A session's sandbox as the pool holds it: its process, its control socket, its control groups.

The init within is spoken to by lines of JSON (`sandbox.inside.init`). When the socket closes, the
init ends, and with it every process of the session.
"""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil

from dynamic_sessions_kernel.errors import LocalPoolError
from dynamic_sessions_kernel.localpool.sandbox.choose import remove_tree
from dynamic_sessions_kernel.localpool.sandbox.groups import entering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from dynamic_sessions_kernel.localpool.sandbox.choose import Sandbox
    from dynamic_sessions_kernel.localpool.sandbox.layout import Place

_END_LIMIT_SECONDS = 10.0
_WORDS_BYTES = 4000


class Enclosure:
    """The sandbox of one session. Made by `make`.

    Attributes:
        name: of the kind of sandbox.
        place: where the session lies on the host.
    """

    def __init__(self, sandbox: Sandbox, place: Place) -> None:
        self.name = sandbox.name
        self.place = place
        self._sandbox = sandbox
        self._group = sandbox.group()
        self._process: asyncio.subprocess.Process | None = None
        self._control: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    @classmethod
    def make(cls, sandbox: Sandbox, folder: Path) -> Enclosure:
        """Make what the sandbox of a session needs on the host.

        Args:
            sandbox: what `choose` returned.
            folder: the session's own folder.

        Raises:
            LocalPoolError: it cannot be made.
        """
        try:
            return cls(sandbox, sandbox.place(folder))
        except OSError as error:
            raise LocalPoolError(
                f"A session's folder or control group could not be made: {error}. Nothing was "
                "started."
            ) from None

    @property
    def pid(self) -> int | None:
        """The number of its first process on the host; None before it starts."""
        return None if self._process is None else self._process.pid

    @property
    def counted(self) -> bool:
        """Whether the machine itself holds its limits on memory and processes."""
        return self._group is not None

    def processes(self) -> list[psutil.Process]:
        """Return its first process and all that descend from it, as this machine sees them."""
        with suppress(psutil.Error):
            if self.pid is not None:
                first = psutil.Process(self.pid)
                return [first, *first.children(recursive=True)]
        return []

    def socket_prefix(self, boot: int) -> str:
        """Return the path, as the session sees it, with which an interpreter's sockets begin."""
        return self._sandbox.socket_prefix(self.place, boot)

    def entering(self, command: list[str]) -> list[str]:
        """Return the command line that runs a command outside, counted as one of the session's."""
        return entering(self._group, command)

    async def start(self) -> None:
        """Start the init.

        Raises:
            LocalPoolError: the sandbox's program cannot be started.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            self._reader, self._control = await asyncio.open_connection(sock=ours)
            creating = asyncio.ensure_future(
                asyncio.create_subprocess_exec(
                    *self._sandbox.command(self.place, self._group),
                    env=self._sandbox.environment(self.place),
                    cwd=self._sandbox.start_folder(self.place),
                    stdin=theirs.fileno(),
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    start_new_session=True,
                )
            )
            try:
                self._process = await asyncio.shield(creating)
            except asyncio.CancelledError:
                # asyncio's own creation, cancelled, can wait for ever for the process's end.
                self._process = await creating
                raise
            except OSError as error:
                raise LocalPoolError(
                    f"A session could not be started in the sandbox {self.name}: {error}."
                ) from None

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the init's events until it is gone."""
        if self._reader is None:
            return
        try:
            async for line in self._reader:
                yield json.loads(line)
        except OSError:
            pass  # the socket was reset: gone as well

    def order(self, what: str, boot: int, **more: str) -> None:
        """Give the init an order for interpreter number `boot`."""
        if self._control is not None and not self._control.is_closing():
            order = {"do": what, "boot": boot, **more}
            self._control.write(json.dumps(order).encode() + b"\n")

    def hang_up(self) -> None:
        """Close the control socket, at which the init ends, and with it everything."""
        if self._control is not None:
            self._control.close()

    async def words(self) -> str:
        """Return what the sandbox's program wrote before it ended."""
        if self._process is None or self._process.stderr is None:
            return ""
        return (await self._process.stderr.read(_WORDS_BYTES)).decode(errors="replace")

    async def end(self) -> None:
        """End every process and remove what the sandbox needed."""
        self.hang_up()
        if self._process is not None:
            try:
                await asyncio.wait_for(self._process.wait(), _END_LIMIT_SECONDS)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        for folder in (self.place.own, self.place.sockets):
            await asyncio.to_thread(remove_tree, folder)
        if self._group is not None:
            await asyncio.to_thread(self._group.remove)
