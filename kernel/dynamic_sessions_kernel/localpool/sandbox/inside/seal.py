"""Makes /proc read-only, then becomes the command it is given.

Through /proc a process could take itself off the list of those that the machine ends first when its
memory runs out (`oom_score_adj`). It can be closed only once this namespace's users are written,
which is done through /proc as well, and before the power over mounts is given up.
"""

from __future__ import annotations

import ctypes
import os
import sys

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND = 32, 4096


def main(*command: str) -> None:
    """Close /proc and run `command`.

    Raises:
        OSError: it cannot be closed; nothing runs.
    """
    flags = _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(None, b"/proc", None, ctypes.c_ulong(flags), None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"/proc cannot be made read-only: {os.strerror(number)}")
    os.execvp(command[0], command)  # noqa: S606 - the pool's own command


if __name__ == "__main__":
    main(*sys.argv[1:])
