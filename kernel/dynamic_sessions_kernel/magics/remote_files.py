"""The files of a session that a person names: by path, by pattern, or by folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.client.remote_paths import clean_folder, printable
from dynamic_sessions_kernel.errors import (
    CommandError,
    FileNameError,
    RemoteFileNotFoundError,
    SessionNotFoundError,
)

from . import incoming
from .patterns import is_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dynamic_sessions_kernel.client.models import RemoteFile
    from dynamic_sessions_kernel.client.session import Session

#: How many files one command takes at most.
MAX_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is to come.

    Attributes:
        remote: the file in the session.
        path: what it is to be called here, relative to the target, between slashes.
        named: whether the person named this very file; else a pattern or a folder did.
    """

    remote: RemoteFile
    path: str
    named: bool


def remote_path(word: str) -> str:
    """Return a path or pattern relative to `/mnt/data`.

    Raises:
        CommandError: it is none.
    """
    try:
        return clean_folder(word)
    except FileNameError as error:
        raise CommandError(f"{error} Nothing was written.") from None


def list_all(session: Session, folder: str = "", *, recursive: bool = True) -> list[RemoteFile]:
    """Return what is below a folder of the session; nothing where there is no session yet."""
    try:
        return session.list_files(folder, recursive=recursive)
    except SessionNotFoundError:
        return []


def find_wanted(words: Sequence[str], session: Session) -> tuple[list[Wanted], list[str]]:
    """Find the files that paths, patterns and folders name, each once, in order.

    Returns:
        The files, and the names of hidden ones that patterns and folders leave out.

    Raises:
        CommandError: one names nothing, or names what may not be a file's name here.
    """
    there = [file for file in list_all(session) if not file.is_directory]
    found: dict[str, Wanted] = {}
    hidden: list[str] = []
    for word in words:
        for wanted in _named_by(word, there, session):
            if not wanted.named and incoming.is_hidden(wanted.path):
                hidden.append(wanted.path)
                continue
            if why := incoming.refusal(wanted.path):
                raise CommandError(
                    f"The session's file {printable(wanted.path)} {why}. Rename it in the session. "
                    "Nothing was written."
                )
            other = found.setdefault(wanted.path, wanted)
            if other.remote.path != wanted.remote.path:
                raise CommandError(
                    f"{printable(other.remote.path)} and {printable(wanted.remote.path)} would "
                    f"both be {printable(wanted.path)} here. Download one, rename it, then the "
                    "other. Nothing was written."
                )
    if len(found) > MAX_FILES:
        raise CommandError(
            f"{len(found):,} files are more than the {MAX_FILES:,} that one command takes. Pack "
            "them into an archive in the session. Nothing was written."
        )
    incoming.check_distinct(found)
    return list(found.values()), hidden


def _named_by(word: str, there: Sequence[RemoteFile], session: Session) -> Iterator[Wanted]:
    path = remote_path(word)
    exact = [file for file in there if file.path == path]
    if not exact and path and not is_pattern(path):
        # The legacy generation lists no folders inside, yet describes what is in them.
        exact = _described(session, path)
    if exact:
        yield Wanted(exact[0], exact[0].name, named=True)
        return
    matches = _pattern(path) if is_pattern(path) else None
    inside = [
        file
        for file in there
        if (matches.fullmatch(file.path) if matches else _is_below(file.path, path))
    ]
    if not inside:
        raise CommandError(
            f"The session has no file {printable(word)}; %files shows what it has. Nothing was "
            "written."
        )
    yield from (Wanted(file, file.path, named=False) for file in inside)


def _described(session: Session, path: str) -> list[RemoteFile]:
    try:
        file = session.file(path)
    except (RemoteFileNotFoundError, SessionNotFoundError):
        return []
    return [] if file.is_directory else [file]


def _is_below(path: str, folder: str) -> bool:
    return not folder or PurePosixPath(path).is_relative_to(folder)


def _pattern(text: str) -> re.Pattern[str]:
    """Translate a pattern: `*`, `?` and `[…]` stay within a folder, `**` is any number of them."""
    translated = ""
    for piece in re.findall(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", text, re.DOTALL):
        if piece == "**/":
            translated += r"(?:[^/]+/)*"
        elif piece == "**":
            translated += r".*"
        elif piece == "*":
            translated += r"[^/]*"
        elif piece == "?":
            translated += r"[^/]"
        elif piece.startswith("[") and len(piece) > 1:
            inner = piece[1:-1].removeprefix("!")
            negated = "^" if piece.startswith("[!") else ""
            translated += f"(?!/)[{negated}{_in_class(inner)}]"
        else:
            translated += re.escape(piece)
    return re.compile(translated, re.DOTALL)


def _in_class(text: str) -> str:
    """Escape what acts in a class of characters, but for the hyphen of a range."""
    return re.sub(r"([\\\[\]^&~|])", r"\\\1", text)
