"""`%upload`: files of this machine, copied into the session."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.client.remote_paths import printable
from dynamic_sessions_kernel.errors import (
    CommandError,
    DynamicSessionsError,
    NotSentError,
    RemoteFileNotFoundError,
    ServiceError,
)

from .base import CommandInterruptedError, Completion, Magic
from .local_files import LocalFile, find_files, open_agreed, split_words
from .path_completion import complete_path
from .progress import ProgressLine, readable_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamic_sessions_kernel.client.models import RemoteFile
    from dynamic_sessions_kernel.client.session import Session

    from .base import Cancelled, Context

#: How many names an error lists.
_LISTED = 10

_HELP = """\
%upload PATH [PATH ...]

Copy files of your machine into the session's folder /mnt/data, where code opens them.

    %upload sales.csv "my notes.txt" ~/data/2025-*.csv
    paths = %upload *.csv

Paths are relative to the notebook's folder. ~ is your home folder; *, ?, [...] and ** match
several files, and hidden ones only when the pattern begins with a dot. Put names with spaces
into quotes. What is outside the notebook's folder, hidden, or behind a link out of it is asked
for first. `paths = %upload ...` makes a list of the paths in the session.

A command acts on your machine, so the session has no say in it: it stands at the beginning of
a line of its own, not in a loop, function or other block, and variables ($name, {name}) are
not put in. All commands of a cell are checked before any of it runs. A file holds up to 128 MB;
one of the same name in the session is replaced. Folders are not copied: pack them first.
"""


class Upload(Magic):
    """`%upload PATH [PATH …]`; its value is the list of paths in the session."""

    name = "upload"
    help = _HELP

    def __init__(self, arguments: str) -> None:
        super().__init__(arguments)
        self._files: list[LocalFile] = []
        self._folder = Path()

    def check(self, folder: Path, cancelled: Cancelled) -> None:
        """Find the files and see that each can be sent."""
        words = split_words(self.arguments)
        if not words:
            raise CommandError("%upload needs the path of a file, or several. %upload? explains.")
        self._folder = folder.absolute()
        self._files = find_files(words, self._folder, cancelled)

    def run(self, context: Context) -> list[str]:
        """Send the files that `check` found, one after the other, and print where they are."""
        assert context.session is not None  # noqa: S101 - this command needs one
        context.consent.to_send([str(file.path) for file in self._files], self._folder)
        before = _files_there(context.session)
        there: list[RemoteFile] = []
        for file in self._files:
            try:
                there.append(_send(file, context.session, context, before.get(file.name)))
            except DynamicSessionsError as error:
                names = [other.name for other in self._files]
                raise _stopped(error, names, len(there)) from error
        return [file.full_path for file in there]

    @classmethod
    def complete(cls, arguments: str, folder: Path) -> Completion | None:
        """Complete the path at the end of the arguments from local files."""
        return complete_path(arguments, folder)


def _send(
    file: LocalFile, session: Session, context: Context, before: RemoteFile | None
) -> RemoteFile:
    """Send one file; if that fails half-way, remove what may have arrived of it."""
    line = ProgressLine(file.name, context.write)
    sent = 0

    def progress(done: int, total: int | None) -> None:
        nonlocal sent
        sent = done
        if context.cancelled():
            raise CommandInterruptedError("Interrupted.")
        line.update(done, total)

    try:
        if context.cancelled():
            raise CommandInterruptedError("Interrupted.")
        remote = _send_unchanged(file, session, progress)
    except DynamicSessionsError as error:
        line.abandon()
        if not sent or isinstance(error, NotSentError):
            raise
        left = _remove_part(file, session, before)
        kind = type(error) if isinstance(error, CommandInterruptedError) else CommandError
        raise kind(f"{error} {left}".strip()) from error
    line.finish(f"{_shown(remote.name)}  {readable_size(remote.size)}  {_shown(remote.full_path)}")
    return remote


def _send_unchanged(
    file: LocalFile, session: Session, progress: Callable[[int, int | None], None]
) -> RemoteFile:
    with open_agreed(file) as stream:
        status = os.fstat(stream.fileno())
        try:
            remote = session.upload(stream, file.name, progress=progress)
        except OSError as error:
            raise CommandError(
                f"{printable(str(file.path))} could not be read to its end ({error.strerror})."
            ) from None
        now = os.fstat(stream.fileno())
    if (status.st_size, status.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
        raise CommandError(
            f"{printable(str(file.path))} changed while it was being uploaded. Upload it again "
            "when nothing writes to it."
        )
    if remote.size != status.st_size:
        raise CommandError(
            f"{printable(file.name)} has {status.st_size:,} bytes, and {remote.size:,} arrived. "
            "Upload it again."
        )
    return remote


def _files_there(session: Session) -> dict[str, RemoteFile]:
    try:
        return {file.name: file for file in session.list_files()}
    except ServiceError:
        # A session that nothing has used yet has no list; what else is wrong, sending will say.
        return {}


def _remove_part(file: LocalFile, session: Session, before: RemoteFile | None) -> str:
    """Remove what arrived of a file; returns what to say of it.

    A file of that name from earlier, which the failed transfer did not touch, is kept.
    """
    try:
        now = session.file(file.name)
        if before and (now.size, now.modified) == (before.size, before.modified):
            return f"The {printable(file.name)} that was in the session before is unchanged."
        session.delete_file(file.name)
    except RemoteFileNotFoundError:
        return ""
    except DynamicSessionsError:
        return f"A part of {printable(file.name)} may be left in the session."
    return f"What had arrived of {printable(file.name)} was removed from the session."


def _stopped(error: DynamicSessionsError, names: list[str], done: int) -> CommandError:
    """Make the error for an upload that ended early: why, what is there, and what is not."""
    kind = type(error) if isinstance(error, CommandInterruptedError) else CommandError
    complete = f"Uploaded completely: {_listed(names[:done])}. " if done else ""
    return kind(f"{error} {complete}Not uploaded: {_listed(names[done:])}.")


def _listed(names: list[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_LISTED])
    return f"{shown} and {len(names) - _LISTED} more" if len(names) > _LISTED else shown


def _shown(text: str) -> str:
    """Take from a name of the service's what would act on a terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
