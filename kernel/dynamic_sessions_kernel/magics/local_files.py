"""The files of this machine that a person names, and whether they can be sent.

All that can be wrong is found here, before anything is sent. Nothing blocks: what is not a regular
file, such as a named pipe, is refused before it is opened.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import unicodedata
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dynamic_sessions_kernel.client.remote_paths import check_upload, printable
from dynamic_sessions_kernel.client.upload import MAX_UPLOAD_BYTES, too_large
from dynamic_sessions_kernel.errors import CommandError, DynamicSessionsError

from .patterns import is_pattern, matching_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import Cancelled

#: How many files one command sends at most: a forgotten `~/**` is stopped early.
MAX_FILES = 10_000

_NON_BLOCKING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_BINARY = getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A regular file that can be read and has a name that the service takes.

    Attributes:
        path: absolute, as the person named it.
        real: where it leads, without links; the file that is read.
        name: what it is called in the session, in Unicode's composed form.
    """

    path: Path
    real: Path
    name: str


def split_words(
    text: str, *, windows: bool = os.name == "nt", nothing: str = "Nothing was sent."
) -> list[str]:
    """Split a command's arguments as a shell does: at spaces, with quotes.

    Args:
        text: the arguments.
        windows: whether a backslash parts folders; else it escapes the next character.
        nothing: what an error says of what was done.

    Raises:
        CommandError: a quote is not closed, or a backslash escapes nothing.
    """
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    if windows:
        lexer.escape = ""
    try:
        return list(lexer)
    except ValueError:
        raise CommandError(
            f"A quote is not closed, or a backslash stands at the end: {printable(text)}. Put "
            f"names with spaces or quotes into quotes. {nothing}"
        ) from None


def find_files(words: list[str], folder: Path, cancelled: Cancelled) -> list[LocalFile]:
    """Find the files that paths and patterns name, each once, in the order of the words.

    Args:
        words: paths or patterns (`*`, `**`, `?`, `[…]`), with `~` for the home folder.
        folder: what relative ones start from.
        cancelled: whether the person has interrupted the cell.

    Raises:
        CommandError: one names nothing, or names what cannot be sent, and why.
    """
    files: dict[str, LocalFile] = {}
    for word in words:
        for path in _paths(word, folder, cancelled):
            file = _checked(path, word)
            other = files.setdefault(file.name, file)
            if not _same(other.path, path):
                raise CommandError(
                    f"{printable(str(other.path))} and {printable(str(path))} would both be "
                    f"{printable(file.name)} in the session. Upload one, rename it there, then "
                    "the other. Nothing was sent."
                )
            if len(files) > MAX_FILES:
                raise CommandError(
                    f"{printable(word)} and what stands before it name over {MAX_FILES:,} files. "
                    "Pack them into an archive, or name fewer. Nothing was sent."
                )
    return list(files.values())


def open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading, without ever waiting for one that is none.

    Raises:
        CommandError: it is gone, cannot be read, is too large, or is no regular file.
    """
    try:
        status = path.stat()
        _check_kind(path, status.st_mode)
        stream = os.fdopen(os.open(path, os.O_RDONLY | _NON_BLOCKING | _BINARY), "rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such path"
        raise CommandError(
            f"{printable(str(path))} cannot be read ({reason}). Nothing of it was sent."
        ) from None
    try:
        status = os.fstat(stream.fileno())
        _check_kind(path, status.st_mode)
        _check_size(path, status.st_size)
    except CommandError:
        stream.close()
        raise
    return stream


def open_agreed(file: LocalFile) -> BinaryIO:
    """Open the file that was checked, and no other that its name leads to by now.

    Raises:
        CommandError: as `open_file`, and where its name leads elsewhere.
    """
    if Path(os.path.realpath(file.path)) != file.real:
        raise CommandError(
            f"{printable(str(file.path))} leads to another file than it did when it was checked. "
            "Nothing of it was sent."
        )
    return open_file(file.real)


def _paths(word: str, folder: Path, cancelled: Cancelled) -> Iterator[Path]:
    """Yield the files that a word names: itself if there is such a file, else its matches."""
    typed = os.path.expanduser(word)  # noqa: PTH111 - pathlib raises where there is no such user
    path = folder / typed
    if os.path.lexists(path) or not is_pattern(typed):
        yield path
        return
    matches = list(islice(matching_files(typed, folder, cancelled), MAX_FILES + 1))
    if not matches:
        raise CommandError(
            f"{printable(word)} matches no file in {printable(str(folder))}.{_hint(word)} "
            "Nothing was sent."
        )
    yield from sorted(matches)


def _checked(path: Path, word: str) -> LocalFile:
    if not os.path.lexists(path):
        raise CommandError(
            f"There is no file {printable(word)} in {printable(str(path.parent))}.{_hint(word)} "
            "Nothing was sent."
        )
    open_file(path).close()
    name = unicodedata.normalize("NFC", path.name)
    try:
        check_upload(name)
    except DynamicSessionsError as error:
        raise CommandError(f"{error} Nothing was sent.") from None
    return LocalFile(path, Path(os.path.realpath(path)), name)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False  # one of them vanished just now


def _check_kind(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise CommandError(
            f"{printable(str(path))} is a folder, and %upload sends files. Name its files, as in "
            f"{printable(path.name + '/*')}, or pack it into an archive. Nothing of it was sent."
        )
    if not stat.S_ISREG(mode):
        raise CommandError(
            f"{printable(str(path))} is no regular file but a pipe, socket or device. Nothing of "
            "it was sent."
        )


def _check_size(path: Path, size: int) -> None:
    if size > MAX_UPLOAD_BYTES:
        raise CommandError(f"{printable(str(path))}: {too_large(size)}")


def _hint(word: str) -> str:
    if word.startswith("#"):
        return " A comment cannot stand on the line of a command."
    if word.startswith("-"):
        return " %upload has no options; %upload? explains it."
    if re.match(r"\w+://", word):
        return (
            " %upload sends files of this machine, not of an address: download it first, then "
            "%upload the file."
        )
    if "$" in word or "{" in word:
        return " Variables are not put in: it is taken as it stands, by this machine."
    return ""
