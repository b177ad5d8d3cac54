"""Ends the pools of this environment and removes their files, before the environment goes.

`install.py --uninstall` runs it as a program, with the environment's own Python: which pools are
meant is in the names of their files.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path

from .find_or_start import DAEMON, PersonalFiles

#: Seconds that a pool has to end its sessions, or to finish a start, before it is killed.
_END_SECONDS = 15.0


def remove() -> int:
    """End the pools with all their sessions, and remove address, lock and log of each.

    Returns:
        How many pools ran.
    """
    ended = 0
    for files in PersonalFiles.of_environment():
        # The lock keeps a kernel from starting the next one meanwhile.
        with suppress(TimeoutError), files.locked(_END_SECONDS):
            ended += _end(files)
        for path in (files.address, files.log, files.lock):
            path.unlink(missing_ok=True)
    return ended


def _end(files: PersonalFiles) -> bool:
    """End the pool of these files; returns whether there was one."""
    number = (files.read() or {}).get("pid")
    if not isinstance(number, int):
        return False
    try:
        process = os.pidfd_open(number)
    except OSError:
        return False
    try:
        # A pool that was killed leaves its number behind, and the number to any process.
        if DAEMON.encode() not in Path(f"/proc/{number}/cmdline").read_bytes():
            return False
        for means in (signal.SIGTERM, signal.SIGKILL):
            signal.pidfd_send_signal(process, means)
            if _ended(process):
                return True
    except OSError:
        pass  # it ended by itself just now
    finally:
        os.close(process)
    return True


def _ended(process: int) -> bool:
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(_END_SECONDS * 1000))


def main() -> int:
    """Remove, and print what happened."""
    if sys.platform == "linux":
        from dynamic_sessions_kernel.localpool.folders import sweep_leftovers

        if remove():
            sys.stdout.write("Ended the embedded pool with its sessions and what ran in them\n")
        sweep_leftovers()
    return 0


if __name__ == "__main__":
    sys.exit(main())
