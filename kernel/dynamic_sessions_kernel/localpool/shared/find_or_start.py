"""The person's own pool, found where it runs or started: one for each person and environment.

It belongs to no kernel, so that sessions outlive a kernel's restart or crash as they do on Azure:
the first kernel that needs it starts it detached, and the others find its address in a file of
Jupyter's runtime folder that only this person can read. The file's name distinguishes environments,
since sessions run with the packages of the environment that started their pool.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import selectors
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_core.paths import jupyter_runtime_dir

from dynamic_sessions_kernel._version import __version__
from dynamic_sessions_kernel.api_versions import DEFAULT_VERSION
from dynamic_sessions_kernel.errors import LocalPoolError
from dynamic_sessions_kernel.localpool import proof

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds for which a pool without sessions waits for another.
LINGER_SECONDS = 60.0

#: The module that a pool's process runs.
DAEMON = "dynamic_sessions_kernel.localpool.shared.daemon"

_START_SECONDS = 30.0
_CALL_SECONDS = 5.0
_LOCK_POLL_SECONDS = 0.02
_QUESTION = f"/listSessions?api-version={DEFAULT_VERSION}"
#: What the names of a pool's three files end in: address, lock and log.
_KINDS = (".json", ".lock", ".log")
# Secrets of other pools, and what would have an interpreter watch the kernel's process.
_NOT_FOR_POOLS = ("DYNAMIC_SESSIONS_TOKEN", "DYNAMIC_SESSIONS_IDENTIFIER", "JPY_PARENT_PID")


@dataclass(frozen=True, slots=True)
class PoolAddress:
    """Where a pool is, and what a caller must know of it.

    Attributes:
        endpoint: the pool management endpoint.
        token: the bearer token, a secret.
        sandbox: what its sessions run in: `bwrap`, `util-linux` or `none`.
        reason: why nothing better than `none` was chosen; else empty.
        started: whether this call started it.
        limits: what each session may take of the machine, in words.
    """

    endpoint: str
    token: str = field(repr=False)
    sandbox: str
    reason: str = ""
    started: bool = field(default=False, compare=False)
    limits: str = ""


@dataclass(frozen=True, slots=True)
class PersonalFiles:
    """The files by which kernels and the person's pool find each other.

    Attributes:
        address: JSON with endpoint, token and process number; there while the pool lives.
        lock: held by whoever starts a pool, and by a pool that is about to end.
        log: what the pool writes.
    """

    address: Path
    lock: Path
    log: Path

    @classmethod
    def here(cls) -> PersonalFiles:
        """Name the files of this person and environment; make their folder.

        Raises:
            LocalPoolError: it cannot be made.
        """
        folder = Path(jupyter_runtime_dir())
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LocalPoolError(
                f"The embedded pool needs Jupyter's runtime folder {folder}, which cannot be made: "
                f"{error.strerror}. Set JUPYTER_RUNTIME_DIR to a folder of yours."
            ) from None
        return cls._of(folder / f"{_environment_stem()}-{__version__}")

    @classmethod
    def of_environment(cls) -> list[PersonalFiles]:
        """Name the files of this environment's pools, of whatever version of the package."""
        folder = Path(jupyter_runtime_dir())
        found = (path for path in folder.glob(f"{_environment_stem()}-*") if path.suffix in _KINDS)
        return [cls._of(stem) for stem in sorted({path.with_suffix("") for path in found})]

    @classmethod
    def _of(cls, stem: Path) -> PersonalFiles:
        return cls(*(stem.with_name(stem.name + kind) for kind in _KINDS))

    def read(self) -> dict[str, Any] | None:
        """Return what the address file holds; None where there is none that can be used."""
        try:
            described = json.loads(self.address.read_bytes())
        except (OSError, ValueError):
            return None
        usable = isinstance(described, dict) and all(
            isinstance(described.get(name), str) for name in ("endpoint", "token", "sandbox")
        )
        return described if usable else None

    @contextmanager
    def locked(self, seconds: float) -> Iterator[None]:
        """Hold the lock.

        Raises:
            TimeoutError: another process held it all the while.
        """
        import fcntl

        end = time.monotonic() + seconds
        file = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= end:
                        raise TimeoutError from None
                    time.sleep(_LOCK_POLL_SECONDS)
            yield
        finally:
            os.close(file)


def find_or_start(*, linger: float = LINGER_SECONDS) -> PoolAddress:
    """Return the person's pool, started if none runs. Blocks for a second or so.

    Several processes that call at once get the same pool.

    Args:
        linger: for a pool that is started: seconds for which it waits without sessions.

    Raises:
        LocalPoolError: it cannot be started.
    """
    if sys.platform != "linux":
        raise LocalPoolError(
            "The embedded pool runs on Linux only. Set `endpoint` "
            "(AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT) to an Azure pool."
        )
    if not Path(sys.executable).exists():
        raise LocalPoolError(
            "The embedded pool cannot be started: the environment of this kernel was removed "
            f"({sys.prefix}). Install it again, then restart the kernel."
        )
    files = PersonalFiles.here()
    found = _living(files)
    if found is not None:
        return found
    try:
        with files.locked(_START_SECONDS):
            # Another may have started one while this process waited.
            return _living(files) or _start(files, linger)
    except TimeoutError:
        raise LocalPoolError(
            f"Another process has been starting the embedded pool for {_START_SECONDS:.0f} s. "
            f"Run the cell again; if this repeats, look into {files.log}."
        ) from None
    except OSError as error:
        raise LocalPoolError(
            f"The embedded pool cannot be started: {error.strerror or error}. Nothing ran."
        ) from None


def _environment_stem() -> str:
    """Return what the names of this environment's files begin with."""
    return f"dynamic-sessions-pool-{hashlib.sha256(sys.prefix.encode()).hexdigest()[:12]}"


def _living(files: PersonalFiles) -> PoolAddress | None:
    """Return the pool of the address file if it answers; asking also keeps it from ending."""
    described = files.read()
    if described is None:
        return None
    where = urlsplit(described["endpoint"])
    connection = http.client.HTTPConnection(where.netloc, timeout=_CALL_SECONDS)
    try:
        connection.connect()
        # A pool that was killed leaves its address behind, and its port to anybody.
        proof.demand(connection.sock, where.netloc, where.path, described["token"])
        headers = {"Authorization": f"Bearer {described['token']}"}
        connection.request("GET", where.path + _QUESTION, headers=headers)
        if connection.getresponse().status != http.client.OK:
            return None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return _address(described)


def _start(files: PersonalFiles, linger: float) -> PoolAddress:
    """Start a pool and wait until it listens. It becomes nobody's child."""
    log = os.open(
        files.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
    )
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_POOLS}
    try:
        starter = subprocess.Popen(
            [sys.executable, "-P", "-m", DAEMON, str(linger)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env=kept,
            start_new_session=True,
        )
    finally:
        os.close(log)
    with starter:
        line = _first_line(starter)
        # It has long left if all went well; a hanging one is not waited for.
        starter.kill()
    try:
        described = json.loads(line)
    except ValueError:
        described = {"error": f"it gave no address; its log is {files.log}"}
    if "error" in described:
        raise LocalPoolError(f"The embedded pool did not start: {described['error']}. Nothing ran.")
    return replace(_address(described), started=True)


def _first_line(starter: subprocess.Popen[bytes]) -> bytes:
    """Return the first line that the pool prints, or what there is of it after `_START_SECONDS`."""
    line = b""
    end = time.monotonic() + _START_SECONDS
    stdout = starter.stdout
    if stdout is None:
        return line
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n") and selector.select(max(0, end - time.monotonic())):
            piece = os.read(stdout.fileno(), 65536)
            if not piece:
                break
            line += piece
    return line


def _address(described: dict[str, Any]) -> PoolAddress:
    return PoolAddress(
        endpoint=described["endpoint"],
        token=described["token"],
        sandbox=described["sandbox"],
        reason=str(described.get("reason", "")),
        limits=str(described.get("limits", "")),
    )
