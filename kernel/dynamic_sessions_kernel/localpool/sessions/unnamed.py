"""Files of a session that have no name any more: removed while open or mapped, or made without one.

They take room on disk until the last process lets go of them, and no walk through folders finds
them. What a process has sent to another that has not received it yet is not found here either.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.localpool.sandbox.limits import room_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import psutil

_GONE = " (deleted)"
#: Files in memory, by the names that the session's sandbox and the kernel have for them.
_IN_MEMORY = ("/memfd:", "/dev/", "/tmp/", "/SYSV", "/anon_hugepage")  # noqa: S108 - a name


def unnamed_use(processes: Iterable[psutil.Process], folder: Path) -> int:
    """Return the bytes on disk of files without a name that some processes hold.

    What goes away meanwhile, or cannot be read, counts nothing.

    Args:
        processes: of the session.
        folder: the session's own; a file below it is on disk, whatever its path begins with.
    """
    held: dict[tuple[int, int], int] = {}
    for process in processes:
        for kind in ("fd", "map_files"):
            for link in _links(f"/proc/{process.pid}/{kind}"):
                with suppress(OSError):
                    if _on_disk(os.readlink(link), folder):  # noqa: PTH115 - many of them
                        seen = os.stat(link)  # noqa: PTH116 - as above
                        if stat.S_ISREG(seen.st_mode) and seen.st_nlink == 0:
                            held[seen.st_dev, seen.st_ino] = room_of(seen)
    return sum(held.values())


def _links(folder: str) -> list[str]:
    with suppress(OSError):
        return [f"{folder}/{name}" for name in os.listdir(folder)]  # noqa: PTH208 - as above
    return []


def _on_disk(path: str, folder: Path) -> bool:
    return path.endswith(_GONE) and (
        not path.startswith(_IN_MEMORY) or path.startswith(f"{folder}/")
    )
