"""Sessions in namespaces made by util-linux, which nearly every Linux has.

The steps are those of bubblewrap, written for the shell: a new root in memory, the table's mounts
below it, the old root let go, and then a second user namespace within the first, in which nobody
has power over the mounts and no capability is left.
"""

from __future__ import annotations

import errno
import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from . import layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .python import SessionPython

_SYSTEM_PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TOOLS = ("setpriv", "unshare", "sh", "mount", "umount", "pivot_root")
_NAMESPACES = ("--user", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup")


class UtilLinux:
    """Keeps sessions apart by namespaces of util-linux; a `Backend`."""

    name = "util-linux"

    def command(self, place: layout.Place, inner: list[str]) -> list[str]:
        """Return the command line that runs `inner` as process number 1 of a sandbox.

        Args:
            place: where the session lies on the host.
            inner: a command whose paths are those inside.

        Raises:
            FileNotFoundError: a tool of util-linux is missing; `filename` names it.
        """
        tools = {tool: shutil.which(tool, path=_SYSTEM_PROGRAMS) or "" for tool in _TOOLS}
        for tool, path in tools.items():
            if not path:
                raise FileNotFoundError(errno.ENOENT, "not installed", tool)
        return [
            *(tools["setpriv"], "--pdeathsig", "KILL", "--"),
            *(
                tools["unshare"],
                *_NAMESPACES,
                "--map-root-user",
                "--fork",
                "--kill-child=KILL",
                "--",
            ),
            *(tools["sh"], "-euc", "\n".join(_script(place, inner)), "sh"),
        ]


def _script(place: layout.Place, inner: list[str]) -> Iterator[str]:
    table = layout.mounts(place)
    root = shlex.quote(str(place.root))
    yield f"PATH={_SYSTEM_PROGRAMS}"
    yield "umask 022"
    yield f"hostname {layout.HOST_NAME} 2>&- || :"
    yield f"mount -t tmpfs -o nosuid,nodev,mode=755 session {root}"
    yield f"cd {root}"
    for mount in table:
        yield from _lines(mount)
    yield "pivot_root . ."
    yield "umount -l ."
    yield "cd /"
    yield "mount -o remount,bind,ro,nosuid,nodev /"
    yield f"cd {layout.HOME}"
    yield shlex.join(["exec", *_drop(place.python), *inner])


def _drop(python: SessionPython) -> list[str]:
    """Become the session's user, in a namespace that owns nothing, for good."""
    # The shell has a PATH of its own and notes where it has been.
    table = [f"{name}={value}" for name, value in layout.variables(python).items()]
    return [
        *("unshare", "--user", "--mount", "--keep-caps"),
        *(f"--map-user={layout.USER_ID}", f"--map-group={layout.USER_ID}", "--"),
        *(python.executable, "-I", "-S", f"{layout.PROGRAMS}/seal.py"),
        *("setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"),
        *("--ambient-caps=-all", "--", "env", "-i", *table),
    ]


def _lines(mount: layout.Mount) -> Iterator[str]:
    target = shlex.quote(f".{mount.target}")
    match mount.kind:
        case "read-only":
            yield from _bind(mount.source, f".{mount.target}", "ro")
        case "writable":
            yield from _bind(mount.source, f".{mount.target}", "rw")
        case "scratch":
            yield f"mkdir -p {target}"
            yield f"mount -t tmpfs -o {_scratch(mount)} session {target}"
        case "link":
            yield f"ln -s {shlex.quote(mount.source)} {target}"
        case "proc":
            yield from _proc(f".{mount.target}")
        case "dev":
            yield from _dev(f".{mount.target}", mount)


def _bind(source: str, target: str, access: str) -> Iterator[str]:
    yield from _mount_point(source, target)
    yield f"mount --rbind {shlex.quote(source)} {shlex.quote(target)}"
    # What is mounted below comes along, and each mount has flags of its own.
    for path in (source, *_mounted_below(source)):
        place = target + path.removeprefix(source)
        yield f"mount -o {_options(path, access)} {shlex.quote(place)}"


def _mount_point(source: str, target: str) -> Iterator[str]:
    if Path(source).is_dir():
        yield f"mkdir -p {shlex.quote(target)}"
    else:
        yield f"mkdir -p {shlex.quote(str(Path(target).parent))}"
        yield f"[ -e {shlex.quote(target)} ] || : > {shlex.quote(target)}"


def _options(path: str, access: str) -> str:
    """Name a bind's flags; a user namespace cannot take away those that the host set."""
    held = os.statvfs(path).f_flag
    access = "ro" if held & os.ST_RDONLY else access
    execution = ["noexec"] if held & os.ST_NOEXEC else []
    return ",".join(("remount", "bind", access, "nosuid", "nodev", *execution))


def _mounted_below(source: str) -> list[str]:
    real = os.path.realpath(source)
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4].encode().decode("unicode_escape")
        if point.startswith(f"{real}/"):
            points.append(source + point.removeprefix(real))
    return points


def _proc(target: str) -> Iterator[str]:
    yield f"mkdir {target}"
    yield f"mount -t proc -o nosuid,nodev,noexec session {target}"
    # The one that is left to make is the one that gives these powers up.
    yield f"echo 1 > {target}/sys/user/max_user_namespaces"
    for name in layout.PROC_READ_ONLY:
        yield f"[ ! -e {target}/{name} ] || mount -o bind,ro {target}/{name} {target}/{name}"
    for name in layout.PROC_MASKED:
        yield f"[ ! -e {target}/{name} ] || mount -o bind,ro /dev/null {target}/{name}"


def _scratch(mount: layout.Mount) -> str:
    return f"nosuid,nodev,mode=1777,size={mount.size_bytes}"


def _dev(target: str, mount: layout.Mount) -> Iterator[str]:
    yield f"mkdir {target}"
    yield f"mount -t tmpfs -o nosuid,mode=755 session {target}"
    yield f"mkdir {target}/pts {target}/shm"
    for name in layout.DEVICES:
        yield f": > {target}/{name}"
        yield f"mount --bind /dev/{name} {target}/{name}"
    yield f"mount -t devpts -o newinstance,nosuid,noexec,ptmxmode=666,mode=620 session {target}/pts"
    yield f"mount -t tmpfs -o {_scratch(mount)} session {target}/shm"
    yield f"ln -s pts/ptmx {target}/ptmx"
    yield f"ln -s /proc/self/fd {target}/fd"
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        yield f"ln -s fd/{number} {target}/{name}"
    yield f"mount -o remount,bind,ro,nosuid {target}"
