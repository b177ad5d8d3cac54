"""What keeps a session apart from the machine, and the choice among what works here.

A program being installed says little: machines differ in what they let an ordinary user do. So
each kind is tried for real, with the table that sessions get, before it is chosen.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from dynamic_sessions_kernel.errors import LocalPoolError

from . import bwrap, layout, utillinux

Name = Literal["bwrap", "util-linux", "none"]

_COMMANDS = {"bwrap": bwrap.command, "util-linux": utillinux.command}
# Seconds; a trial takes a tenth of one.
_TRIAL_LIMIT = 20
# Without packages a session could not start its interpreter, however well it is kept.
_TRIAL = "import importlib.util, os; os._exit(importlib.util.find_spec('ipykernel') is None)"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A kind of sandbox that works on this machine.

    Attributes:
        name: `bwrap` or `util-linux`; `none` means that sessions see the machine as the pool does.
        reason: for `none`, why nothing better was chosen; empty when it was asked for.
    """

    name: Name
    reason: str = field(default="", compare=False)

    @property
    def confines(self) -> bool:
        """Whether sessions are kept apart from the machine at all."""
        return self.name != "none"

    def place(self, folder: Path) -> layout.Place:
        """Make what a session in `folder` needs on the host.

        Args:
            folder: the session's own folder; it is made where it does not exist.
        """
        if self.confines:
            place = layout.Place(folder, folder / "sandbox" / "sockets")
            layout.prepare(place)
            place.sockets.mkdir(mode=0o700, exist_ok=True)
            return place
        # Without mounts the sockets keep their names, and a unix address holds 107 bytes.
        place = layout.Place(folder, Path(tempfile.mkdtemp(prefix="dsk-", dir="/tmp")))
        layout.prepare(place)
        return place

    def command(self, place: layout.Place) -> list[str]:
        """Give the command line that starts a session's init."""
        if self.confines:
            return _COMMANDS[self.name](place, layout.first_command())
        return layout.first_command_outside(place)

    def environment(self, place: layout.Place) -> dict[str, str]:
        """Give the whole environment of a session."""
        return layout.variables() if self.confines else layout.variables(str(place.home))

    def start_folder(self, place: layout.Place) -> Path:
        """Give the host's folder in which the command starts; a sandbox then goes to its home."""
        return Path("/") if self.confines else place.data

    def socket_prefix(self, place: layout.Place, boot: int) -> str:
        """Give the path, as the session sees it, with which its interpreter's sockets begin."""
        return layout.socket_prefix(boot) if self.confines else str(place.sockets / str(boot))


def choose(wanted: str = "auto") -> Sandbox:
    """Find the sandbox for this machine's sessions, by trial.

    Args:
        wanted: `auto` for the best that works, or a kind by name, which must then work.

    Raises:
        LocalPoolError: the kind is unknown, or does not work here.
    """
    if sys.platform != "linux":
        raise LocalPoolError(
            "The embedded pool runs on Linux only; nothing was started. Set the endpoint of an "
            "Azure pool (AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT)."
        )
    if wanted == "none":
        return Sandbox("none")
    failures = {}
    for name in [wanted] if wanted != "auto" else list(_COMMANDS):
        if name not in _COMMANDS:
            kinds = ", ".join(("auto", *get_args(Name)))
            raise LocalPoolError(f"There is no sandbox named {wanted!r}; choose one of {kinds}.")
        failure = _try(name)
        if not failure:
            return Sandbox("bwrap" if name == "bwrap" else "util-linux")
        failures[name] = failure
    reason = "; ".join(f"{name}: {failure}" for name, failure in failures.items())
    if wanted == "auto":
        return Sandbox("none", reason)
    raise LocalPoolError(
        f"The sandbox {wanted} does not work on this machine ({reason}). Install it, or allow "
        "unprivileged user namespaces, or choose another with --sandbox."
    )


def _try(name: str) -> str:
    """Why sandbox `name` does not work here; empty if it does."""
    with tempfile.TemporaryDirectory(prefix="dsk-", dir="/tmp") as folder:
        place = Sandbox("bwrap").place(Path(folder))
        python = layout.first_command()[0]
        try:
            command = _COMMANDS[name](place, [python, "-c", _TRIAL])
            trial = subprocess.run(
                command,
                env=layout.variables(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TRIAL_LIMIT,
                check=False,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            return f"{error.filename} is not installed"
        except subprocess.TimeoutExpired:
            return f"its trial did not end within {_TRIAL_LIMIT} s"
        except OSError as error:
            return str(error)
    if trial.returncode == 0:
        return ""
    words = trial.stderr.strip().splitlines()
    return words[-1] if words else "its trial failed: the interpreter's packages are not visible"


def remove_tree(folder: Path) -> None:
    """Remove what a session leaves, however it set permissions; links are not followed."""
    _open_up(folder)
    for path, folders, _ in os.walk(folder):
        for name in folders:
            _open_up(Path(path, name))
    shutil.rmtree(folder, ignore_errors=True)


def _open_up(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if not folder.is_symlink():
            folder.chmod(0o700)
