"""One client's session, its files, and the folders of this machine that they may go to.

The model chooses the paths, and what it reads comes from a session that may be hostile. So a file
is read or written only within the folders that the person has named, links resolved; nothing is
written over, and nothing that this machine may run by itself is written at all.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.client.session import MAX_SECONDS
from dynamic_sessions_kernel.errors import CommandError, DynamicSessionsError
from dynamic_sessions_kernel.magics import incoming
from dynamic_sessions_kernel.magics.local_files import open_file
from dynamic_sessions_kernel.tools.python import Bounds, PythonRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dynamic_sessions_kernel.client.models import Image, RemoteFile
    from dynamic_sessions_kernel.client.pool import SessionPool
    from dynamic_sessions_kernel.client.session import Session
    from dynamic_sessions_kernel.tools import PythonResult

_NONE_ALLOWED = (
    "No folder of this machine may be used. The person names some, absolute, in "
    "DYNAMIC_SESSIONS_ALLOW in the environment of this server, between commas."
)


class Workspace:
    """What the tools act on. Thread-safe; calls block; nothing is sent before the first.

    Args:
        open_pool: opens the pool; errors of it are those of the first call.
        allow: absolute paths that files may be sent from and brought to.
    """

    def __init__(self, open_pool: Callable[[], SessionPool], allow: Sequence[str]) -> None:
        self._open_pool = open_pool
        self._allow = [Path(path).resolve() for path in allow]
        self._lock = threading.Lock()
        self._pool: SessionPool | None = None
        self._session: Session | None = None
        self._runner: PythonRunner | None = None

    def run(self, code: str) -> tuple[PythonResult, Image | None]:
        """Run code; see `PythonRunner.run`."""
        self._ready()
        assert self._runner is not None  # noqa: S101 - `_ready` came before
        return self._runner.run(code)

    def files(self, folder: str) -> list[RemoteFile]:
        """List a folder of the session."""
        return self._ready().list_files(folder)

    def upload(self, local_path: str, remote_path: str) -> RemoteFile:
        """Send a file of an allowed folder into the session."""
        path = self._allowed(local_path)
        with open_file(path) as stream:
            return self._ready().upload(stream, remote_path or path.name)

    def download(self, remote_path: str, local_path: str) -> Path:
        """Bring a file of the session into an allowed folder, where none of that name is."""
        path = self._allowed(local_path)
        below = self._below(path)
        if incoming.refusal(below) or incoming.is_hidden(below) or incoming.may_be_run(below):
            raise CommandError(
                f"{path} was not written: it is hidden, or this machine may run or obey a file of "
                "that name, or cannot hold it. Choose another name."
            )
        try:
            stream = path.open("xb")
        except FileExistsError:
            raise CommandError(
                f"{path} is there and was left alone. Choose another name."
            ) from None
        try:
            with stream:
                self._ready().download(remote_path, stream)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def reset(self) -> None:
        """Delete the session; the next call starts a fresh one."""
        with self._lock:
            session, self._session, self._runner = self._session, None, None
        if session is not None:
            with contextlib.suppress(DynamicSessionsError):
                session.delete()

    def close(self) -> None:
        """Delete the session and close the connections."""
        self.reset()
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _ready(self) -> Session:
        with self._lock:
            if self._pool is None:
                self._pool = self._open_pool()
            if self._session is None:
                self._session = self._pool.session(str(uuid.uuid4()))
                self._runner = PythonRunner(self._session, Bounds(), MAX_SECONDS)
            return self._session

    def _allowed(self, text: str) -> Path:
        """Return a path of this machine if it is within an allowed folder, links resolved.

        Raises:
            CommandError: it is not, and which folders are.
        """
        if not self._allow:
            raise CommandError(_NONE_ALLOWED)
        path = Path(text)
        named = ", ".join(str(folder) for folder in self._allow)
        # A relative path would go from the folder that the client happened to start this in.
        if not path.is_absolute() or "\0" in text:
            raise CommandError(f"Give the whole path of the file, within {named}.")
        path = path.resolve()
        if not any(path.is_relative_to(folder) for folder in self._allow):
            raise CommandError(f"That is outside of what is allowed here: {named}.")
        return path

    def _below(self, path: Path) -> str:
        """Return an allowed path relative to the folder that allows it, the longest if several."""
        return min(
            (
                path.relative_to(folder).as_posix()
                for folder in self._allow
                if path.is_relative_to(folder)
            ),
            key=len,
        )
