"""`%files`: what a session has in `/mnt/data`, and deleting of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamic_sessions_kernel.client.remote_paths import printable
from dynamic_sessions_kernel.errors import CommandError, DynamicSessionsError

from .base import CommandInterruptedError, Completion, Magic
from .local_files import split_words
from .patterns import is_pattern
from .remote_files import list_all, remote_path
from .session_tables import file_table

if TYPE_CHECKING:
    from pathlib import Path

    from dynamic_sessions_kernel.client.session import Session

    from .base import Cancelled, Context

_HELP = """\
%files [DIR]              list the session's files: all of /mnt/data, or one folder of it
%files rm PATH [PATH ...]  delete files of the session

Paths are relative to /mnt/data. %download brings files to your machine, %upload sends them.
The command stands at the beginning of a line of its own, not in a loop, function or other block.
"""
_REMOVE = "rm"


class Files(Magic):
    """`%files [DIR]` and `%files rm PATH [PATH …]`; the value of the first is a list of paths."""

    name = "files"
    help = _HELP
    takes_remote_paths = True

    def __init__(self, arguments: str) -> None:
        super().__init__(arguments)
        self._paths: list[str] = []
        self._removes = False

    def check(self, folder: Path, cancelled: Cancelled) -> None:  # noqa: ARG002 - contract
        """See that the words are paths of the session's."""
        words = split_words(self.arguments, nothing="Nothing was done.")
        self._removes = words[:1] == [_REMOVE]
        if self._removes:
            words = words[1:]
            if not words or any(map(is_pattern, words)):
                raise CommandError("%files rm takes the path of a file, or several, each in full.")
        elif len(words) > 1:
            raise CommandError("%files takes one folder, or `rm` and paths. %files? explains.")
        self._paths = [remote_path(word) for word in words]

    def run(self, context: Context) -> list[str] | None:
        """Show the table, or delete."""
        assert context.session is not None  # noqa: S101 - this command needs one
        if self._removes:
            self._remove(context.session, context)
            return None
        folder = self._paths[0] if self._paths else ""
        files = sorted(list_all(context.session, folder), key=lambda file: file.path)
        if files:
            context.display(file_table(files))
        else:
            context.write(f"There is no file in {printable(f'/mnt/data/{folder}'.rstrip('/'))}.\n")
        return [file.full_path for file in files if not file.is_directory]

    def _remove(self, session: Session, context: Context) -> None:
        for number, path in enumerate(self._paths):
            try:
                if context.cancelled():
                    raise CommandInterruptedError("Interrupted.")
                session.delete_file(path)
            except DynamicSessionsError as error:
                kind = type(error) if isinstance(error, CommandInterruptedError) else CommandError
                left = ", ".join(map(printable, self._paths[number:]))
                raise kind(f"{error} Not deleted: {left}.") from error
            context.write(f"Deleted {printable(f'/mnt/data/{path}')}\n")

    @classmethod
    def complete(cls, arguments: str, folder: Path) -> Completion | None:  # noqa: ARG003 - contract
        """Complete `rm`; what the session has is not asked for here."""
        if not arguments or not _REMOVE.startswith(arguments):
            return None
        return Completion((_REMOVE,), 0, len(arguments))
