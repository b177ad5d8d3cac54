"""What keeps a session apart from the machine: the kinds there are, and which works here.

A program being installed says little: machines differ in what they let an ordinary user do. So
each kind is tried for real, with the table that sessions get, before it is chosen.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dynamic_sessions_kernel.errors import LocalPoolError

from . import layout
from .bwrap import Bwrap
from .groups import Group, Groups, entering
from .limits import Limits
from .python import SessionPython
from .utillinux import UtilLinux

# A trial takes a tenth of a second.
_TRIAL_SECONDS = 20
# Without packages a session could not start its interpreter, however well it is kept.
_TRIAL = "import importlib.util, os; os._exit(importlib.util.find_spec('ipykernel') is None)"


class Backend(Protocol):
    """A kind of sandbox. A new one is a class like `Bwrap`, and an entry in `BACKENDS`.

    Attributes:
        name: the word that chooses it.
    """

    name: str

    def command(self, place: layout.Place, inner: list[str]) -> list[str]:
        """Return the command line that runs `inner` as process number 1 of a sandbox.

        Raises:
            FileNotFoundError: a program that it needs is missing; `filename` names it.
        """


#: Every kind there is, best first.
BACKENDS: tuple[Backend, ...] = (Bwrap(), UtilLinux())
#: What a person can ask for.
CHOICES = ("auto", *(backend.name for backend in BACKENDS), "none")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What keeps sessions apart on this machine.

    Attributes:
        backend: the kind that works; None where sessions see the machine as the pool does.
        reason: for none, why nothing better was chosen; empty when it was asked for.
        limits: what each session may take.
        groups: where the machine holds limits on memory and processes; None where the pool must.
        python: what each session's interpreter is.
    """

    backend: Backend | None
    reason: str = field(default="", compare=False)
    limits: Limits = field(default_factory=Limits.from_environment)
    groups: Groups | None = field(default=None, compare=False)
    python: SessionPython = field(default_factory=SessionPython.own)

    @property
    def name(self) -> str:
        """The backend's name, or `none`."""
        return "none" if self.backend is None else self.backend.name

    @property
    def confines(self) -> bool:
        """Whether sessions are kept apart from the machine at all."""
        return self.backend is not None

    def place(self, folder: Path) -> layout.Place:
        """Make what a session in `folder` needs on the host.

        Args:
            folder: the session's own folder; it is made where it does not exist.
        """
        if self.confines:
            sockets = folder / "sandbox" / "sockets"
            place = layout.Place(folder, sockets, self.limits, self.python)
            layout.prepare(place)
            place.sockets.mkdir(mode=0o700, exist_ok=True)
            return place
        # Without mounts the sockets keep their names, and a unix address holds 107 bytes.
        sockets = Path(tempfile.mkdtemp(prefix="dsk-", dir="/tmp"))
        place = layout.Place(folder, sockets, self.limits, self.python)
        layout.prepare(place)
        return place

    def group(self) -> Group | None:
        """Make a session's control groups; None where the machine has none for the pool.

        Raises:
            OSError: they cannot be made any more.
        """
        return self.groups.make(self.limits) if self.groups is not None else None

    def command(self, place: layout.Place, group: Group | None) -> list[str]:
        """Return the command line that starts a session's init, as a member of `group`."""
        if self.backend is not None:
            inner = self.backend.command(place, layout.first_command(place))
        else:
            inner = layout.first_command_outside(place)
        return entering(group, inner)

    def environment(self, place: layout.Place) -> dict[str, str]:
        """Return the whole environment of a session."""
        if self.confines:
            return layout.variables(self.python)
        return layout.variables(self.python, str(place.home), network=True)

    def start_folder(self, place: layout.Place) -> Path:
        """Return the host's folder in which the command starts; a sandbox then goes to its home."""
        return Path("/") if self.confines else place.data

    def socket_prefix(self, place: layout.Place, boot: int) -> str:
        """Return the path, as the session sees it, with which its interpreter's sockets begin."""
        return layout.socket_prefix(boot) if self.confines else str(place.sockets / str(boot))


def choose(
    wanted: str = "auto", limits: Limits | None = None, python: SessionPython | None = None
) -> Sandbox:
    """Find the sandbox for this machine's sessions, by trial.

    Args:
        wanted: `auto` for the best that works, or a kind by name, which must then work.
        limits: what each session may take; by default what the environment says.
        python: what each session's interpreter is; by default the one that runs this.

    Raises:
        LocalPoolError: the kind is unknown, or does not work here.
    """
    if sys.platform != "linux":
        raise LocalPoolError(
            "The embedded pool runs on Linux only; nothing was started. Set the endpoint of an "
            "Azure pool (AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT)."
        )
    if wanted not in CHOICES:
        raise LocalPoolError(
            f"There is no sandbox named {wanted!r}; choose one of {', '.join(CHOICES)}."
        )
    limits = limits or Limits.from_environment()
    python = python or SessionPython.own()
    groups = Groups.find(limits)
    if wanted == "none":
        return Sandbox(None, "", limits, groups, python)
    failures = {}
    for backend in BACKENDS:
        if wanted in {"auto", backend.name}:
            sandbox = Sandbox(backend, "", limits, groups, python)
            failure = _try(backend, sandbox)
            if not failure:
                return sandbox
            failures[backend.name] = failure
    reason = "; ".join(f"{name}: {failure}" for name, failure in failures.items())
    if wanted == "auto":
        return Sandbox(None, reason, limits, groups, python)
    raise LocalPoolError(
        f"The sandbox {wanted} does not work on this machine ({reason}). Install it, or allow "
        "unprivileged user namespaces, or choose another with --sandbox."
    )


def _try(backend: Backend, sandbox: Sandbox) -> str:
    """Return why a backend does not work here; empty if it does."""
    with tempfile.TemporaryDirectory(prefix="dsk-", dir="/tmp") as folder:
        place = sandbox.place(Path(folder))
        try:
            command = backend.command(place, [sandbox.python.executable, "-c", _TRIAL])
            trial = subprocess.run(
                command,
                env=sandbox.environment(place),
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TRIAL_SECONDS,
                check=False,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            return f"{error.filename} is not installed"
        except subprocess.TimeoutExpired:
            return f"its trial did not end within {_TRIAL_SECONDS} s"
        except OSError as error:
            return str(error)
    if trial.returncode == 0:
        return ""
    words = trial.stderr.strip().splitlines()
    return words[-1] if words else "its trial failed: the interpreter's packages are not visible"


def remove_tree(folder: Path) -> None:
    """Remove what a session leaves, however deep, however it set permissions; no link is followed.

    The system's own tools do it. Python's go by whole paths and by recursion, and a session can
    nest folders beyond the length of the one and the depth of the other.
    """
    start = str(folder)
    opened = ("-type", "d", "!", "-perm", "-700", "-execdir", "chmod", "u+rwx", "{}", ";")
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    for command in (["find", "-P", start, *opened], ["rm", "-rf", "--", start]):
        with contextlib.suppress(OSError):
            subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
