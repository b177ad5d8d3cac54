"""`%download`: files of the session, copied to this machine."""

from __future__ import annotations

import filecmp
import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.client.remote_paths import printable
from dynamic_sessions_kernel.errors import CommandError, DynamicSessionsError

from . import incoming
from .base import CommandInterruptedError, Completion, Magic
from .local_files import split_words
from .path_completion import complete_path
from .progress import ProgressLine, readable_size
from .remote_files import Wanted, find_wanted, remote_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dynamic_sessions_kernel.client.session import Session

    from .base import Cancelled, Context

#: Where what patterns and folders name goes, below the notebook's folder.
DOWNLOADS = "downloads"
#: How many names a list or an error shows.
_LISTED = 20

_HELP = """\
%download PATH [PATH ...] [--to DIR] [--force]

Copy files of the session to your machine. Paths are relative to /mnt/data.

    %download model.pkl
    %download results/*.csv charts
    %download results --to ~/data

A file that you name goes beside the notebook. What a pattern (*, ?, [...], **) or a folder names
goes to the folder downloads there, with its folders, and is listed before it comes; hidden files
are left out. --to DIR names another place. A different file that is there already is kept, unless
you say --force; one that is the same is left alone.

The session chooses its files' names. So a place outside the notebook's folder, hidden or behind a
link is asked for first, and so is each name that Python, Jupyter, a browser or a shell may run.
No file arrives as a program. `paths = %download ...` makes a list of the paths in the session.

The command stands at the beginning of a line of its own, not in a loop, function or other block.
"""


class Download(Magic):
    """`%download PATH [PATH …] [--to DIR] [--force]`; its value is the list of local paths."""

    name = "download"
    help = _HELP
    takes_remote_paths = True

    def __init__(self, arguments: str) -> None:
        super().__init__(arguments)
        self._words: list[str] = []
        self._folder = Path()
        self._to: Path | None = None
        self._force = False

    def check(self, folder: Path, cancelled: Cancelled) -> None:  # noqa: ARG002 - contract
        """See that each word is a path of the session's or an option."""
        self._folder = folder.absolute()
        words = iter(split_words(self.arguments, nothing="Nothing was written."))
        for word in words:
            if word == "--force":
                self._force = True
            elif word == "--to":
                named = next(words, "")
                if not named:
                    raise CommandError("--to needs a folder. Nothing was written.")
                self._to = self._folder / os.path.expanduser(named)  # noqa: PTH111 - see local_files
            elif word.startswith("--"):
                raise CommandError(
                    f"%download has no option {printable(word)}; it has --to DIR and --force. "
                    "Nothing was written."
                )
            else:
                self._words.append(word)
                remote_path(word)
        if not self._words:
            raise CommandError(
                "%download needs the path of a file in the session, or several. %files shows "
                "them, %download? explains."
            )

    def run(self, context: Context) -> list[str]:
        """Fetch the files, one after the other, and print where they are."""
        assert context.session is not None  # noqa: S101 - this command needs one
        wanted, hidden = find_wanted(self._words, context.session)
        if hidden:
            context.write(f"Hidden, left out: {_listed(hidden)}\n")
        files = [(file, self._place(file)) for file in wanted]
        self._announce(wanted, context)
        self._ask(files, context)
        done: list[Path] = []
        for file, place in files:
            try:
                _fetch(file, place, context.session, context, force=self._force)
            except (DynamicSessionsError, OSError) as error:
                raise _stopped(error, [path for _, path in files], len(done)) from error
            done.append(place)
        return [str(path) for path in done]

    def _place(self, file: Wanted) -> Path:
        """Return where a file goes, with the links of folders that are there already followed."""
        folder = self._to or (self._folder if file.named else self._folder / DOWNLOADS)
        place = Path(folder, *file.path.split("/"))
        if place.is_symlink():
            raise CommandError(
                f"{printable(str(place))} is a link and is left alone. Nothing was written."
            )
        if place.exists() and not place.is_file():
            raise CommandError(
                f"{printable(str(place))} is there and is no file. Nothing was written."
            )
        return Path(os.path.realpath(place.parent), place.name)

    def _announce(self, wanted: Sequence[Wanted], context: Context) -> None:
        """List what a pattern or a folder brings, before it comes."""
        unnamed = [file for file in wanted if not file.named]
        if not unnamed:
            return
        size = readable_size(sum(file.remote.size for file in unnamed))
        names = _listed([file.path for file in unnamed])
        target = printable(str(self._to or DOWNLOADS))
        context.write(f"{len(unnamed):,} files, {size}, go to {target}: {names}\n")

    def _ask(self, files: Sequence[tuple[Wanted, Path]], context: Context) -> None:
        context.consent.to_write([str(place) for _, place in files], self._folder)
        for file, place in files:
            if incoming.may_be_run(file.path):
                context.consent.to_write_what_runs(str(place))

    @classmethod
    def complete(cls, arguments: str, folder: Path) -> Completion | None:
        """Complete the folder behind `--to`; what the session has is not asked for here."""
        before = arguments.split()
        behind = before[-1:] == ["--to"] if arguments[-1:].isspace() else before[-2:-1] == ["--to"]
        return complete_path(arguments, folder) if behind else None


def _fetch(file: Wanted, place: Path, session: Session, context: Context, *, force: bool) -> None:
    """Fetch one file whole, or leave what was there as it was."""
    line = ProgressLine(ascii(file.remote.name)[1:-1], context.write)

    def progress(done: int, total: int | None) -> None:
        if context.cancelled():
            raise CommandInterruptedError("Interrupted.")
        if done > file.remote.size:
            raise CommandError(
                f"More arrived than the {file.remote.size:,} bytes that were listed."
            )
        line.update(done, total or file.remote.size)

    if context.cancelled():
        raise CommandInterruptedError("Interrupted.")
    _make_folder(place.parent)
    try:
        with _part(place) as part:
            session.download(file.remote.path, part, progress=progress)
            size = part.stat().st_size
            if size != file.remote.size:
                raise CommandError(
                    f"{file.remote.size:,} bytes were listed, and {size:,} arrived: it was cut, or "
                    "something writes to it."
                )
            note = _keep(part, place, force=force)
    except (DynamicSessionsError, OSError):
        line.abandon()
        raise
    line.finish(
        f"{printable(file.remote.path)}  {readable_size(size)}  {printable(str(place))}{note}"
    )


@contextmanager
def _part(place: Path) -> Iterator[Path]:
    """Yield a name beside the place for what has arrived, which leaves no trace."""
    part = place.with_name(f".{secrets.token_hex(8)}.download")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if Path(os.path.realpath(folder)) != folder:
        raise CommandError(
            f"{printable(str(folder))} leads somewhere else than it did when it was checked."
        )


def _keep(part: Path, place: Path, *, force: bool) -> str:
    """Give what has arrived its name; returns what else to say of it."""
    if place.is_symlink():
        raise CommandError(f"{printable(str(place))} is a link and is left alone.")
    if place.exists():
        if filecmp.cmp(part, place, shallow=False):
            return "  (the same as before)"
        if not force:
            raise CommandError(
                f"{printable(str(place))} is there and is different; it was kept. `--force` "
                "replaces it, `--to DIR` names another place."
            )
    part.replace(place)
    return ""


def _stopped(error: Exception, places: Sequence[Path], done: int) -> CommandError:
    """Make the error for a download that ended early: why, what is here, and what is not."""
    kind = type(error) if isinstance(error, CommandInterruptedError) else CommandError
    words = f"{error.strerror}." if isinstance(error, OSError) else str(error)
    names = [str(place) for place in places]
    complete = f"Downloaded completely: {_listed(names[:done])}. " if done else ""
    return kind(f"{words} {complete}Not downloaded: {_listed(names[done:])}.")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_LISTED])
    return f"{shown} and {len(names) - _LISTED:,} more" if len(names) > _LISTED else shown
