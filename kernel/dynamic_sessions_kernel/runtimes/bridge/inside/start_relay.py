"""How the first exchange starts the relay in the session.

This module runs in the session: standard library alone, Python 3.10.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

#: Where the service keeps the person's files.
DATA_FOLDER = "/mnt/data"
START_SECONDS = 30.0


def start_relay(folder: str, sources: dict[str, str]) -> str:
    """Start the relay unless it runs.

    Args:
        folder: where it lives.
        sources: its modules.

    Returns:
        Why it could not be started; empty when it runs.
    """
    address = Path(folder, "s")
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(address))
        return ""
    try:
        write_sources(folder, sources)
        address.unlink(missing_ok=True)
        return launch(folder)
    except OSError as error:
        return f"{type(error).__name__}: {error}"


def write_sources(folder: str, sources: dict[str, str]) -> None:
    """Write the relay's modules into its folder, which nobody else may read."""
    code = Path(folder, "dsk")
    for path in (Path(folder), code):
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()  # a link would lead elsewhere
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(f"{path} is somebody else's")
        path.chmod(0o700)
    for module, source in sources.items():
        Path(code, module + ".py").write_text(source, encoding="utf-8")


def launch(folder: str) -> str:
    """Start the process, and wait until it listens."""
    cwd = DATA_FOLDER if os.access(DATA_FOLDER, os.W_OK) else str(Path.cwd())
    program = (
        f"import sys; sys.path[0] = {folder!r}\n"
        f"from dsk.relay import main; main({folder!r}, {cwd!r})"
    )
    log = Path(folder, "log")
    with log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", program],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
        )
    limit = time.monotonic() + START_SECONDS
    while not Path(folder, "s").exists():
        if process.poll() is not None or time.monotonic() > limit:
            process.kill()
            said = log.read_text(encoding="utf-8", errors="replace")
            return said[-1000:].strip() or "the relay ended at once"
        time.sleep(0.002)
    return ""
