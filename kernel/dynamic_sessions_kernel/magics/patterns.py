"""Finding local files by pattern, one folder at a time, so that an interrupt is served at once.

`glob` follows links to folders below `**`, and links that lead in circles make it nearly endless.
Here `**` follows none, as in a shell; a link that the pattern names is followed.
"""

from __future__ import annotations

import fnmatch
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from .base import CommandInterruptedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import Cancelled

_GLOB = frozenset("*?[")
_ANY_DEPTH = "**"


def is_pattern(text: str) -> bool:
    """Return whether a text holds what patterns are made of."""
    return not _GLOB.isdisjoint(text)


def matching_files(pattern: str, folder: Path, cancelled: Cancelled) -> Iterator[Path]:
    """Yield the regular files that a pattern matches, each once, in no order.

    Args:
        pattern: parts between slashes, with `*`, `?` and `[…]`; `**` is any number of folders.
            Hidden names match only a part that begins with a dot.
        folder: what a relative pattern starts from.
        cancelled: whether the person has interrupted the cell.

    Raises:
        CommandInterruptedError: the person has.
    """
    typed = Path(pattern)
    parts = typed.parts[1:] if typed.anchor else typed.parts
    if parts and parts[-1] == _ANY_DEPTH:
        parts = (*parts, "*")
    waiting = [(Path(typed.anchor) if typed.anchor else folder, 0)]
    seen = set(waiting)
    while waiting:
        here, index = waiting.pop()
        for path, following in _step(here, parts, index, cancelled):
            if (path, following) in seen:
                continue
            seen.add((path, following))
            if following < len(parts):
                waiting.append((path, following))
            elif path.is_file():
                yield path


def _step(
    here: Path, parts: tuple[str, ...], index: int, cancelled: Cancelled
) -> Iterator[tuple[Path, int]]:
    """Yield what one part leads to: paths, and the index of the part that goes on from there."""
    part = parts[index]
    if part == _ANY_DEPTH:
        yield here, index + 1
        for entry in _entries(here, cancelled):
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                yield Path(entry.path), index
    elif not is_pattern(part):
        if os.path.lexists(here / part):
            yield here / part, index + 1
    else:
        matches = re.compile(fnmatch.translate(os.path.normcase(part))).match
        for entry in _entries(here, cancelled):
            shown = part.startswith(".") or not entry.name.startswith(".")
            if shown and matches(os.path.normcase(entry.name)):
                yield Path(entry.path), index + 1


def _entries(folder: Path, cancelled: Cancelled) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if cancelled():
                    raise CommandInterruptedError(
                        "Interrupted while looking for files. Nothing was sent."
                    )
                yield entry
    except (OSError, ValueError):
        return  # a folder that is no folder, or not ours to read, matches nothing
