"""How the first exchange starts the relay in the session.

This module runs in the session: standard library alone, Python 3.10.
"""

import contextlib
import os
import socket
import stat
import subprocess
import sys
import time

#: Where the service keeps the person's files.
DATA_FOLDER = "/mnt/data"
START_LIMIT = 30.0


def start_relay(folder: str, sources: dict[str, str]) -> str:
    """Start the relay unless it runs.

    Args:
        folder: where it lives.
        sources: its modules.

    Returns:
        Why it could not be started; empty when it runs.
    """
    address = os.path.join(folder, "s")
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        return ""
    try:
        write_sources(folder, sources)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(address)
        return launch(folder)
    except OSError as error:
        return f"{type(error).__name__}: {error}"


def write_sources(folder: str, sources: dict[str, str]) -> None:
    """Write the relay's modules into its folder, which nobody else may read."""
    code = os.path.join(folder, "dsk")
    for path in (folder, code):
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        found = os.lstat(path)  # a link would lead elsewhere
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(f"{path} is somebody else's")
        os.chmod(path, 0o700)
    for module, source in sources.items():
        with open(os.path.join(code, module + ".py"), "w", encoding="utf-8") as file:
            file.write(source)


def launch(folder: str) -> str:
    """Start the process, and wait until it listens."""
    cwd = DATA_FOLDER if os.access(DATA_FOLDER, os.W_OK) else os.getcwd()
    program = (
        f"import sys; sys.path[0] = {folder!r}\n"
        f"from dsk.relay import main; main({folder!r}, {cwd!r})"
    )
    log = os.path.join(folder, "log")
    with open(log, "wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
        )
    limit = time.monotonic() + START_LIMIT
    while not os.path.exists(os.path.join(folder, "s")):
        if process.poll() is not None or time.monotonic() > limit:
            process.kill()
            with open(log, encoding="utf-8", errors="replace") as errors:
                return errors.read()[-1000:].strip() or "the relay ended at once"
        time.sleep(0.002)
    return ""
