"""What a kernel's process leaves for the next one of the same connection key.

A restart that was announced clears variables; a crash must not, where they still live in the
session. The next process cannot distinguish the two by itself, so there is a note while a
session is in use: an orderly end removes it, an announced restart says so in it, and a crash leaves
it as it was. It lies beside the connection file and is as secret as that. Its name reveals nothing
of the key.

A restart by force, such as `KernelManager.restart_kernel(now=True)`, leaves the note of a crash: it
kills the process right behind an interrupt, which 1 of 15 read before they died, and starts the
next one as after a crash. Variables are kept then, since what is cleared does not come back.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from jupyter_core.paths import jupyter_runtime_dir, secure_write

if TYPE_CHECKING:
    from collections.abc import Callable

#: `running`: in use, so the process crashed; `restarting`: variables are to be cleared;
#: `cleared`: they are.
State = Literal["running", "restarting", "cleared"]

#: What the next cell says of it.
_CRASHED = "The kernel's process had ended unexpectedly and was started anew."
# Jupyter kills alike to restart by force, so a restart that was not announced clears nothing.
FOUND = (
    f"{_CRASHED} It found its session again, with variables and files. If that was a restart by "
    "force, `%session restart` clears the variables."
)
CLEARED = f"{_CRASHED} It found its session and files again, but the variables are gone."
CRASHED_AND_GONE = f"{_CRASHED} Its session is gone, variables and files: this is a fresh one."
GONE = "The session from before the restart is gone, and its files with it: this is a fresh one."

_PURPOSE = b"dynamic-sessions-kernel: handover"
_LONGEST = 4096

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Handover:
    """What the process before left.

    Attributes:
        state: how it ended.
        identifier: the session that it used.
    """

    state: State
    identifier: str = field(repr=False)


class HandoverNote:
    """The note of one connection key. Without it, variables of before are cleared.

    Args:
        key: the connection file's; with an empty one there is no note.
    """

    def __init__(self, key: bytes) -> None:
        name = hmac.new(key, _PURPOSE, hashlib.sha256).hexdigest()[:32]
        self._path = Path(jupyter_runtime_dir(), f"dynamic-sessions-{name}.json") if key else None

    def read(self) -> Handover | None:
        """Return what the process before left; None where it left nothing that can be used."""
        if self._path is None:
            return None
        try:
            with self._path.open("rb") as file:
                note = json.loads(file.read(_LONGEST))
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(note, dict) or note.get("state") not in get_args(State):
            return None
        identifier = note.get("identifier")
        return Handover(note["state"], identifier) if isinstance(identifier, str) else None

    def write(self, state: State, identifier: str) -> None:
        """Leave a note in place of the last."""

        def write(path: Path) -> None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with secure_write(str(path)) as file:
                json.dump({"state": state, "identifier": identifier}, file)

        self._try(write)

    def remove(self) -> None:
        """Leave none. Repeatable."""
        self._try(lambda path: path.unlink(missing_ok=True))

    def _try(self, change: Callable[[Path], None]) -> None:
        if self._path is not None:
            try:
                change(self._path)
            except (OSError, RuntimeError) as error:
                _log.warning("the note for a restart failed: %s", type(error).__name__)
