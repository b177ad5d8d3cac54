"""Sessions in bubblewrap, where it is installed."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from . import layout

if TYPE_CHECKING:
    from collections.abc import Iterator


class Bwrap:
    """Keeps sessions apart by bubblewrap; a `Backend`."""

    name = "bwrap"

    def command(self, place: layout.Place, inner: list[str]) -> list[str]:
        """Return the command line that runs `inner` as process number 1 of a sandbox.

        Args:
            place: where the session lies on the host.
            inner: a command whose paths are those inside.

        Raises:
            FileNotFoundError: bubblewrap is not installed.
        """
        program = shutil.which("bwrap")
        if program is None:
            raise FileNotFoundError(errno.ENOENT, "not installed", "bwrap")
        return [
            *(program, "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"),
            *("--uid", str(layout.USER_ID), "--gid", str(layout.USER_ID)),
            *("--hostname", layout.HOST_NAME),
            *("--new-session", "--die-with-parent", "--as-pid-1"),
            *(word for mount in layout.mounts(place) for word in _words(mount)),
            # Through /proc a process could take itself off the list of those that end first.
            *("--remount-ro", "/proc", "--remount-ro", "/", "--chdir", layout.HOME, "--"),
            *inner,
        ]


def _words(mount: layout.Mount) -> Iterator[str]:
    match mount.kind:
        case "read-only":
            yield from ("--ro-bind", mount.source, mount.target)
        case "writable":
            yield from ("--bind", mount.source, mount.target)
        case "scratch":
            yield from ("--perms", "1777", *_scratch(mount, mount.target))
        case "link":
            yield from ("--symlink", mount.source, mount.target)
        case "proc":
            yield from _proc(mount.target)
        case "dev":
            yield from ("--dev", mount.target)
            # bubblewrap leaves /dev writable.
            yield from ("--perms", "1777", *_scratch(mount, f"{mount.target}/shm"))
            yield from ("--remount-ro", mount.target)


def _scratch(mount: layout.Mount, target: str) -> tuple[str, ...]:
    return ("--size", str(mount.size_bytes), "--tmpfs", target)


def _proc(target: str) -> Iterator[str]:
    yield from ("--proc", target)
    for name in layout.PROC_READ_ONLY:
        # bubblewrap leaves /proc/sys open to a session whose pool is root's.
        if Path("/proc", name).exists():
            yield from ("--ro-bind", f"/proc/{name}", f"{target}/{name}")
    for name in layout.PROC_MASKED:
        if Path("/proc", name).exists():
            yield from ("--ro-bind", "/dev/null", f"{target}/{name}")
