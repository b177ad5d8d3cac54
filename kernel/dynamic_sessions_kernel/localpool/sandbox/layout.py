"""What a session finds inside its sandbox: the one table that every kind of sandbox follows.

A session sees the system read-only, the interpreter and its packages, and its own folders; what
is not named here does not exist for it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .limits import Limits
    from .python import SessionPython

#: The service's user (docs/service.md, "Running code"), and the number that it has on Ubuntu.
USER, USER_ID = "ubuntu", 1000
HOME = f"/home/{USER}"
DATA = "/mnt/data"
HOST_NAME = "session"

_INSIDE = Path(__file__).with_name("inside")
#: Our own programs, as a session sees them.
PROGRAMS = "/session"
_SOCKETS = f"{HOME}/.sockets"

_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store")
_ETC = (
    "alternatives",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "mime.types",
    "nsswitch.conf",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
)
# An environment can be made in a project's folder, or in a home: what else lies there stays out.
_PREFIX_PARTS = ("bin", "lib", "lib64", "include", "share", "etc", "ssl", "pyvenv.cfg")

#: Files of /proc that describe the whole machine, and those through which root could change it.
PROC_MASKED = ("kcore", "key-users", "keys", "kmsg", "sched_debug", "timer_list")
PROC_READ_ONLY = ("acpi", "asound", "bus", "driver", "fs", "irq", "scsi", "sys", "sysrq-trigger")
#: The devices that a session has, beside terminals of its own.
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session lies on the host.

    Attributes:
        folder: the session's own folder, which the pool made and removes.
        sockets: the folder of the interpreter's sockets.
        limits: what the session may take.
        python: what its interpreter is.
    """

    folder: Path
    sockets: Path
    limits: Limits
    python: SessionPython

    @property
    def data(self) -> Path:
        """What is `/mnt/data` inside."""
        return self.folder / "data"

    @property
    def own(self) -> Path:
        """What the sandbox needs beside the person's files; gone when the session is closed."""
        return self.folder / "sandbox"

    @property
    def home(self) -> Path:
        """What is the home folder inside."""
        return self.own / "home"

    @property
    def root(self) -> Path:
        """An empty folder on which a sandbox can mount its root."""
        return self.own / "root"

    @property
    def etc(self) -> Path:
        """The files of /etc that are made for sessions."""
        return self.own / "etc"


@dataclass(frozen=True, slots=True)
class Mount:
    """One entry of the table.

    Attributes:
        kind: `scratch` is empty, writable and in memory; `proc` and `dev` are the session's own.
        target: the absolute path inside.
        source: the path on the host; for a `link` what it says.
        size_bytes: of a `scratch`; for `dev` of the shared memory in it.
    """

    kind: Literal["read-only", "writable", "scratch", "link", "proc", "dev"]
    target: str
    source: str = ""
    size_bytes: int = 0


def prepare(place: Place) -> None:
    """Make the folders and files that the table takes from the session's folder."""
    for folder in (place.data, place.own, place.home, place.root, place.etc):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = {
        "passwd": f"{USER}:x:{USER_ID}:{USER_ID}::{HOME}:/bin/bash\n",
        "group": f"{USER}:x:{USER_ID}:\n",
        "hosts": f"127.0.0.1 localhost {HOST_NAME}\n::1 localhost\n",
    }
    for name, text in files.items():
        (place.etc / name).write_text(text)


def mounts(place: Place) -> list[Mount]:
    """Return the table, in the order in which it must be carried out."""
    return [
        *_system(),
        *(_read_only(f"/etc/{name}") for name in _ETC if Path("/etc", name).exists()),
        *(Mount("read-only", f"/etc/{file.name}", str(file)) for file in place.etc.iterdir()),
        Mount("proc", "/proc"),
        Mount("dev", "/dev", size_bytes=place.limits.scratch_bytes),
        Mount("scratch", "/tmp", size_bytes=place.limits.scratch_bytes),  # noqa: S108 - its own
        Mount("writable", HOME, str(place.home)),
        Mount("writable", _SOCKETS, str(place.sockets)),
        *_interpreter(place.python),
        *(
            Mount("read-only", f"{PROGRAMS}/{name}", str(_INSIDE / name))
            for name in ("init.py", "kernel_main.py", "seal.py")
        ),
        Mount("writable", DATA, str(place.data)),
    ]


def variables(python: SessionPython, home: str = HOME, *, network: bool = False) -> dict[str, str]:
    """Return the whole environment of a session; nothing of the pool's own gets in.

    Args:
        python: what its interpreter is.
        home: the session's home folder, as it sees it.
        network: whether it has a network.
    """
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    table = {
        "PATH": f"{Path(python.executable).parent}:{system}",
        "HOME": home,
        "USER": USER,
        "LOGNAME": USER,
        "LANG": "C.UTF-8",
    }
    if not network:
        # pip would try for 8 s what cannot succeed.
        table |= {"PIP_RETRIES": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if python.user_base:
        # Packages of `pip install --user` are found by way of the home folder otherwise.
        table["PYTHONUSERBASE"] = python.user_base
    return table


def first_command(place: Place) -> list[str]:
    """Return the command that runs first inside."""
    return _command(PROGRAMS, _SOCKETS, place)


def first_command_outside(place: Place) -> list[str]:
    """Return the same where there is no sandbox."""
    return _command(str(_INSIDE), str(place.sockets), place)


def _command(programs: str, sockets: str, place: Place) -> list[str]:
    python = place.python.executable
    return [
        *(python, "-I", "-S", f"{programs}/init.py", sockets),
        *(str(place.limits.processes), str(place.limits.file_bytes)),
        *(python, f"{programs}/kernel_main.py"),
    ]


def socket_prefix(boot: int) -> str:
    """Return the beginning of the names of an interpreter's sockets, as a path inside."""
    return f"{_SOCKETS}/{boot}"


def _read_only(path: str) -> Mount:
    return Mount("read-only", path, path)


def _system() -> list[Mount]:
    table = []
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            table.append(Mount("link", str(path), str(path.readlink())))
        elif path.is_dir():
            table.append(_read_only(str(path)))
    return table


def _interpreter(python: SessionPython) -> list[Mount]:
    wanted = [Path(prefix, part) for prefix in python.prefixes for part in _PREFIX_PARTS]
    wanted += map(Path, python.packages)
    wanted += _links_to(Path(python.executable))
    seen = [Path(path) for path in _SYSTEM]
    table = []
    for path in wanted:
        if path.exists() and not any(path.is_relative_to(folder) for folder in seen):
            seen.append(path)
            table.append(_read_only(str(path)))
    return table


def _links_to(executable: Path) -> list[Path]:
    """Each step of a chain of symbolic links, since each must exist inside."""
    steps = [executable]
    while steps[-1].is_symlink():
        steps.append(Path(os.path.normpath(steps[-1].parent / steps[-1].readlink())))
    return steps
