"""Control groups: limits on memory and processes that a session cannot lift, root or not.

Each session gets groups of its own below the pool's, so that limits of the pool's group hold for
all of them together. Version 1 has a tree for each controller, version 2 one tree for all; a
machine can have both. Where the pool may not make groups, `find` returns None.

Source: the Linux kernel's admin guide, "Memory Resource Controller", "Process Number Controller"
and "Control Group v2".
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .limits import Limits

_PREFIX = "dsk-"
_MEMBERS = "cgroup.procs"
# A group can be removed once the last of its processes has been reaped.
_REMOVE_SECONDS = 2.0
_REMOVE_POLL_SECONDS = 0.02
#: Files of each controller's group, by its version, and the limits that they hold. That on swap is
#: there only where the machine counts swap.
_FILES = {
    1: {
        "memory": (
            ("memory.limit_in_bytes", "memory_bytes"),
            ("memory.memsw.limit_in_bytes", "memory_bytes"),
        ),
        "pids": (("pids.max", "processes"),),
    },
    2: {
        "memory": (("memory.max", "memory_bytes"), ("memory.swap.max", "")),
        "pids": (("pids.max", "processes"),),
    },
}
_NOT_EVERYWHERE = ("memory.memsw.limit_in_bytes", "memory.swap.max")


@dataclass(frozen=True, slots=True)
class Group:
    """The control groups of one session.

    Attributes:
        folders: one for each tree.
    """

    folders: tuple[Path, ...]

    @property
    def members(self) -> list[str]:
        """The files into which a process that joins writes 0."""
        return [str(folder / _MEMBERS) for folder in self.folders]

    def remove(self) -> None:
        """Remove them, once their processes have ended. Blocks for a moment. Repeatable."""
        end = time.monotonic() + _REMOVE_SECONDS
        for folder in self.folders:
            while folder.exists():
                try:
                    folder.rmdir()
                except OSError:
                    if time.monotonic() >= end:
                        break  # the next pool removes what is left
                    time.sleep(_REMOVE_POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class _Tree:
    """The pool's own group in one tree, and the controllers that it has there."""

    folder: Path
    version: int
    controllers: tuple[str, ...]


#: Joins each group named before `--` and becomes the command behind it. Whatever it starts is a
#: member as well, and the first that the machine ends when memory runs out: to lower that number
#: again takes a power over the machine, or a /proc that can be written.
_ENTERING = """
echo 1000 > /proc/self/oom_score_adj || :
while [ "$1" != -- ]; do echo 0 > "$1"; shift; done
shift
exec "$@"
"""


def entering(group: Group | None, command: list[str]) -> list[str]:
    """Return the command line that runs `command` as a member of `group`, and first to end."""
    members = group.members if group is not None else []
    return ["/bin/sh", "-euc", _ENTERING, "sh", *members, "--", *command]


class Groups:
    """Makes control groups below the pool's own."""

    def __init__(self, trees: list[_Tree]) -> None:
        self._trees = trees

    @classmethod
    def find(cls, limits: Limits, proc: Path = Path("/proc")) -> Groups | None:
        """Find where groups can be made, by trial; None where it cannot be done for all limits.

        Args:
            limits: tried on a group that is removed again.
            proc: where the kernel describes mounts and this process's groups.
        """
        trees = [tree for tree in _trees(proc) if _usable(tree)]
        if {name for tree in trees for name in tree.controllers} != {"memory", "pids"}:
            return None
        self = cls(trees)
        self._remove_leftovers()
        try:
            self.make(limits).remove()
        except OSError:
            return None
        return self

    def make(self, limits: Limits) -> Group:
        """Make the groups of a session.

        Raises:
            OSError: it cannot be done; nothing is left.
        """
        name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(6)}"
        group = Group(tuple(tree.folder / name for tree in self._trees))
        try:
            for tree, folder in zip(self._trees, group.folders, strict=True):
                folder.mkdir()
                for controller in tree.controllers:
                    for file, limit in _FILES[tree.version][controller]:
                        if file not in _NOT_EVERYWHERE or (folder / file).exists():
                            (folder / file).write_text(str(getattr(limits, limit) if limit else 0))
        except OSError:
            group.remove()
            raise
        return group

    def _remove_leftovers(self) -> None:
        """Remove empty groups of pools that were killed."""
        for tree in self._trees:
            for folder in tree.folder.glob(f"{_PREFIX}*"):
                pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
                if pid.isdigit() and not Path("/proc", pid).exists():
                    with suppress(OSError):
                        folder.rmdir()


def _trees(proc: Path) -> list[_Tree]:
    """Return the trees that have the controllers; one that is mounted twice counts once."""
    own = _own_groups(proc)
    trees: dict[tuple[str, ...], _Tree] = {}
    for line in (proc / "self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        root, point = (_unescaped(word) for word in before.split()[3:5])
        kind, _, options = after.split(maxsplit=2)
        if kind == "cgroup":
            for controller in ("memory", "pids"):
                if controller in options.split(","):
                    folder = Path(point, os.path.relpath(own.get(controller, "/"), root))
                    trees.setdefault((controller,), _Tree(folder, 1, (controller,)))
        elif kind == "cgroup2":
            folder = Path(point, os.path.relpath(own.get("", "/"), root))
            offered = _controllers(folder)
            trees.setdefault(offered, _Tree(folder, 2, offered))
    return [tree for tree in trees.values() if tree.controllers]


def _own_groups(proc: Path) -> dict[str, str]:
    """Return this process's group by controller; version 2's has the empty name."""
    groups = {}
    for line in (proc / "self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", maxsplit=2)
        groups.update(dict.fromkeys(names.split(","), path))
    return groups


def _controllers(folder: Path) -> tuple[str, ...]:
    with suppress(OSError):
        offered = (folder / "cgroup.controllers").read_text().split()
        return tuple(name for name in ("memory", "pids") if name in offered)
    return ()


def _usable(tree: _Tree) -> bool:
    """Whether groups below can have the controllers; version 2 must be asked to pass them on."""
    if tree.version == 1:
        return os.access(tree.folder, os.W_OK)
    passed_on = tree.folder / "cgroup.subtree_control"
    try:
        missing = set(tree.controllers) - set(passed_on.read_text().split())
        if missing:
            # Refused where processes are in the group itself, unless it is the machine's root.
            passed_on.write_text(" ".join(f"+{name}" for name in sorted(missing)))
    except OSError:
        return False
    return os.access(tree.folder, os.W_OK)


def _unescaped(word: str) -> str:
    return word.encode().decode("unicode_escape")
