"""Completion of a local path while it is typed, with a shell's quoting."""

from __future__ import annotations

import os
import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from .base import Completion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

#: How many matches are offered, and how many entries of a folder are looked at.
MAX_MATCHES = 200
MAX_ENTRIES = 10_000

_SPECIAL = re.compile(r"""([\s'"\\])""")


class _Word(NamedTuple):
    """The word that ends at the cursor: its start, its value, and the quote that is open."""

    start: int
    value: str
    quote: str


def complete_path(text: str, folder: Path, *, windows: bool = os.name == "nt") -> Completion:
    """Complete the path that `text` ends with.

    Hidden files are offered only to a name that begins with a dot, and folders with a slash.

    Args:
        text: what stands before the cursor, several words perhaps.
        folder: what a relative path starts from.
        windows: whether a backslash parts folders; else it escapes the next character.
    """
    if _last_word(text, windows=windows).value == "~":
        return Completion(("~/",), len(text) - 1, len(text))

    def names(head: str, beginning: str) -> Iterator[str]:
        return _names(folder / os.path.expanduser(head), beginning)  # noqa: PTH111 - see local_files

    return complete_word(text, names, windows=windows)


def complete_word(
    text: str,
    names: Callable[[str, str], Iterable[str]],
    *,
    windows: bool = os.name == "nt",
) -> Completion:
    """Complete the path that `text` ends with, from wherever its names come.

    Args:
        text: what stands before the cursor, several words perhaps.
        names: takes the path's folder, which ends with a slash or is empty, and the beginning of a
            name; returns the names that begin so, of folders with a slash.
        windows: as for `complete_path`.
    """
    word = _last_word(text, windows=windows)
    cut = max(word.value.rfind(mark) for mark in ("/\\" if windows else "/")) + 1
    head, beginning = word.value[:cut], word.value[cut:]
    found = sorted(names(head, beginning))
    matches = tuple(
        _quoted(head + name, word.quote, windows=windows) for name in found[:MAX_MATCHES]
    )
    return Completion(matches, word.start, len(text))


def _names(folder: Path, beginning: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, MAX_ENTRIES):
                hidden = entry.name.startswith(".") and not beginning.startswith(".")
                if hidden or not entry.name.startswith(beginning) or not entry.name.isprintable():
                    continue
                if entry.is_dir():
                    yield entry.name + "/"
                elif entry.is_file():
                    yield entry.name
    except (OSError, ValueError):
        return  # a folder that is not there, or not ours to read, has nothing to offer


def _last_word(text: str, *, windows: bool) -> _Word:
    start, value, quote = 0, "", ""
    characters = iter(enumerate(text))
    for position, character in characters:
        if character == "\\" and not windows and quote != "'":
            value += next(characters, (0, ""))[1]
        elif quote:
            value, quote = (value, "") if character == quote else (value + character, quote)
        elif character in "'\"":
            quote = character
        elif character.isspace():
            start, value = position + 1, ""
        else:
            value += character
    return _Word(start, value, quote)


def _quoted(path: str, quote: str, *, windows: bool) -> str:
    if not quote and not windows:
        return _SPECIAL.sub(r"\\\1", path)
    if not quote and not re.search(r"\s", path):
        return path
    quote = quote or '"'
    # An open quote lets the person go on into the folder.
    return f"{quote}{path}" if path.endswith("/") else f"{quote}{path}{quote}"
