"""The pool's folder on this machine, and the folders that dead pools left.

A pool that is killed cannot clean up. Each folder is therefore locked while its pool lives, and the
next pool removes those that nobody holds.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from .sandbox.choose import remove_tree

_PREFIX = "dsk-pool-"
# Names of unix sockets below it must stay within 107 bytes.
_LONGEST_PARENT_CHARS = 40


class PoolFolder:
    """A private folder that lives as long as its pool.

    Attributes:
        sessions: in which sessions get folders of their own.
        incoming: for uploads on their way, on the same file system.
    """

    def __init__(self) -> None:
        parent = _parent()
        sweep(parent)
        # It gets the name by which others sweep only when it is locked.
        made = Path(tempfile.mkdtemp(prefix="dsk-new-", dir=parent))
        self._lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = made.rename(parent / made.name.replace("dsk-new-", _PREFIX))
        self.sessions = self.path / "sessions"
        self.incoming = self.path / "incoming"
        for folder in (self.sessions, self.incoming):
            folder.mkdir(mode=0o700)

    def remove(self) -> None:
        """Remove it with all that is in it."""
        remove_tree(self.path)
        os.close(self._lock)


def sweep(parent: Path) -> None:
    """Remove folders whose pools are dead."""
    for folder in parent.glob(f"{_PREFIX}*"):
        # Folders of other people cannot be opened, and some may go while we look.
        with suppress(OSError):
            file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if os.fstat(file).st_uid == os.getuid():
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    remove_tree(folder)
            finally:
                os.close(file)


def sweep_leftovers() -> None:
    """Remove the folders of dead pools, for who starts none."""
    sweep(_parent())


def _parent() -> Path:
    parent = tempfile.gettempdir()
    return Path(parent if len(parent) <= _LONGEST_PARENT_CHARS else "/tmp")  # noqa: S108 - made private
