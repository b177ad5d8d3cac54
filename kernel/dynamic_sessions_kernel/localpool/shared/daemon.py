"""The process of the person's own pool, started by `find_or_start` alone.

It leaves the process that started it, writes its address to a file and on one line of its standard
output, and ends by itself when it has been without sessions and calls for a while.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress

from dynamic_sessions_kernel.errors import LocalPoolError
from dynamic_sessions_kernel.localpool.pool import LocalPool, PoolOptions

from .find_or_start import PersonalFiles

# How long the pool tries for the lock before it looks again whether it is still wanted.
_LOCK_SECONDS = 0.2


async def reside(files: PersonalFiles, linger: float) -> None:
    """Serve until nobody needs the pool, or until SIGTERM or SIGINT.

    Args:
        files: where the address is told.
        linger: seconds without calls and sessions after which nobody needs it.

    Raises:
        LocalPoolError, OSError: the pool does not start.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    pool = LocalPool(PoolOptions())
    pool.start()
    described = json.dumps({**pool.address(), "pid": os.getpid()})
    try:
        _write_address(files, described)
        sys.stdout.write(f"{described}\n")
        _leave_stdout()
        watch = asyncio.create_task(_unwanted(pool, files, linger))
        waits = [watch, asyncio.create_task(stopped.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
    finally:
        _untell(files)
        await pool.stop()


async def _unwanted(pool: LocalPool, files: PersonalFiles, linger: float) -> None:
    """Wait until nobody needs the pool, then refuse calls and take its address away.

    The lock keeps others from starting a pool meanwhile. Whoever found this one before the lock was
    taken has called it, and that call counts as need.
    """
    while True:
        await asyncio.sleep(max(linger - pool.quiet_for(), _LOCK_SECONDS))
        if pool.quiet_for() < linger:
            continue
        with suppress(TimeoutError), files.locked(0):
            pool.refuse_calls()
            _untell(files)
            return


def _write_address(files: PersonalFiles, described: str) -> None:
    part = files.address.with_suffix(".part")
    part.unlink(missing_ok=True)
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "w") as stream:
        stream.write(described)
    part.replace(files.address)


def _untell(files: PersonalFiles) -> None:
    """Remove the address, unless it is another pool's by now."""
    described = files.read()
    if described is not None and described.get("pid") == os.getpid():
        files.address.unlink(missing_ok=True)


def _leave_stdout() -> None:
    """Give up the pipe to the process that waits for the address."""
    sys.stdout.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def main() -> int:
    """Detach and serve."""
    if os.fork():
        # Whoever started this waits for it, and is rid of a child at once.
        os._exit(0)
    try:
        asyncio.run(reside(PersonalFiles.here(), float(sys.argv[1])))
    except (LocalPoolError, OSError) as error:
        sys.stdout.write(json.dumps({"error": str(error).rstrip(".")}) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
