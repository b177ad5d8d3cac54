"""`%packages`: packages for a session that has no network, brought from this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import CommandError, DynamicSessionsError

from . import session_packages, wheels
from .base import CommandInterruptedError, Completion, Magic, complete_first_word
from .local_files import split_words
from .progress import ProgressLine, readable_size

if TYPE_CHECKING:
    from .base import Cancelled, Context

_HELP = """\
%packages                     list what was added to this session
%packages install NAME ...    add packages, with what they need
%packages restore             add once more what this kernel has added, such as after %session new

For sessions without network: wheels for the session's own Python are fetched here, as your pip is
set up, sent there and installed into a folder of the session. They can be imported in the next
line. Where the session has a network, %pip works as well.

NAME is a package's name, with extras and versions at most, such as "httpx[http2]>=0.27".
Packages of which there is no wheel, and what conflicts with an installed package, are refused.
"""
_WORDS = ("install", "restore")


class Packages(Magic):
    """`%packages [install NAME … | restore]`; it has no value."""

    name = "packages"
    help = _HELP

    def __init__(self, arguments: str) -> None:
        super().__init__(arguments)
        self._word = ""
        self._names: list[str] = []

    def check(self, folder: Path, cancelled: Cancelled) -> None:  # noqa: ARG002 - contract
        """See that what is asked for are names."""
        words = split_words(self.arguments)
        self._word, rest = (words[0], words[1:]) if words else ("", [])
        if self._word not in ("", *_WORDS):
            raise CommandError(
                f"%packages {self._word[:40]!r} is not known; it is one of {', '.join(_WORDS)}. "
                "%packages? explains."
            )
        if (self._word == "install") != bool(rest):
            needs = "needs the names of packages" if not rest else "takes nothing behind it"
            raise CommandError(f"%packages {self._word} {needs}. %packages? explains.")
        self._names = [wheels.check_name(word) for word in rest]

    def run(self, context: Context) -> None:
        """Do it, and say what was added."""
        if self._word == "":
            _list(context)
            return
        names = self._names if self._word == "install" else list(context.packages)
        if not names:
            context.write("This kernel has added no packages.\n")
            return
        _install(names, context)
        context.packages.update(dict.fromkeys(names))

    @classmethod
    def complete(cls, arguments: str, folder: Path) -> Completion | None:  # noqa: ARG003 - contract
        """Complete the first word; names would be asked for over the network."""
        return complete_first_word(_WORDS, arguments)


def _list(context: Context) -> None:
    found = session_packages.added(context.evaluate)
    lines = [f"{name} {version}\n" for name, version in sorted(found.items())]
    context.write("".join(lines) or "No packages were added to this session.\n")


def _install(names: list[str], context: Context) -> None:
    others = wheels.other_indexes()
    if others:
        context.consent.to_take_from(others)
    python = session_packages.describe(context.evaluate)
    if python.online:
        context.write("This session reaches the package index: `%pip install` works in it, too.\n")
    with tempfile.TemporaryDirectory(prefix="wheels-", ignore_cleanup_errors=True) as folder:
        found = wheels.fetch(names, python, Path(folder), context.cancelled)
        if not found:
            context.write(f"{', '.join(names)}: the session has all of it already.\n")
            return
        _send_and_install(found, context)
    context.write(f"Installed {', '.join(_shown(wheel) for wheel in found)}.\n")


def _send_and_install(found: list[Path], context: Context) -> None:
    """Send the wheels, install them, and take them away again, whatever happens."""
    session = context.session
    assert session is not None  # noqa: S101 - this command needs one
    sent: list[str] = []
    line = ProgressLine("packages", context.write)
    total = sum(wheel.stat().st_size for wheel in found)
    done = 0

    def progress(now: int, _: int | None) -> None:
        if context.cancelled():
            raise CommandInterruptedError(
                "Interrupted while packages were sent. Nothing was installed."
            )
        line.update(done + now, total)

    try:
        for wheel in found:
            sent.append(wheel.name)
            session.upload(wheel, progress=progress)
            done += wheel.stat().st_size
        line.finish(f"{len(found)} wheels, {readable_size(total)}")
        session_packages.install(context.evaluate, sent)
    except DynamicSessionsError:
        line.abandon()
        raise
    finally:
        for name in sent:
            _remove(name, context)


def _remove(name: str, context: Context) -> None:
    try:
        if context.session is not None:
            context.session.delete_file(name)
    except DynamicSessionsError:
        context.write(f"The wheel {name} may be left in the session's /mnt/data.\n")


def _shown(wheel: Path) -> str:
    name, version, *_ = wheel.name.split("-")
    return f"{name} {version}"
