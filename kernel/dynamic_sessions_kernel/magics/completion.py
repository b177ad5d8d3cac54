"""Tab completion of commands, answered here: the session knows neither them nor local files."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import TYPE_CHECKING

from .base import Completion
from .path_completion import complete_word
from .registry import MAGICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from dynamic_sessions_kernel.client.models import RemoteFile

_NAME = re.compile(r"(?:^|=)\s*(?P<name>%\w+)$")
_COMMAND = re.compile(r"(?:^|=)\s*%(?P<name>\w+)\s+(?P<arguments>.*)$")
#: A word that is no attribute, and stands in no string or comment.
_WORD = re.compile(r"^[^'\"#]*?(?<![\w.%!])(?P<name>[A-Za-z_]\w*)$")
_CALLED = re.compile(r"\s*(?:[\w, ]+=\s*)?%(?P<name>\w+)")


def complete(code: str, cursor: int, folder: Path) -> Completion | None:
    """Complete what follows a command, such as a local path after `%upload`.

    It reads folders of this machine and nothing else.

    Args:
        code: the cell.
        cursor: the cursor's position in it, in characters.
        folder: the notebook's folder, which relative paths start from.

    Returns:
        The whole answer, possibly without matches; None when the cursor is not in a command.
    """
    line = _line_before(code, cursor)
    found = _COMMAND.search(line)
    if found is None or found["name"] not in MAGICS:
        return None
    inner = MAGICS[found["name"]].complete(found["arguments"], folder)
    if inner is None:
        return Completion((), cursor, cursor)
    offset = cursor - len(found["arguments"])
    return Completion(inner.matches, offset + inner.start, offset + inner.end)


def complete_remote(
    code: str, cursor: int, folder: Path, list_folder: Callable[[str], Iterable[RemoteFile]]
) -> Completion | None:
    """Complete a path of the session's files, as behind `%download`; it may block.

    Args:
        code: the cell.
        cursor: as for `complete`.
        folder: the notebook's, where a place on this machine is completed.
        list_folder: returns what is in a folder of the session, by its path.

    Returns:
        None where no such path stands at the cursor.
    """
    found = _COMMAND.search(_line_before(code, cursor))
    action = None if found is None else MAGICS.get(found["name"])
    if found is None or action is None or not action.takes_remote_paths:
        return None
    if action.complete(found["arguments"], folder) is not None:
        return None  # a word of its own, or a place on this machine

    def names(head: str, beginning: str) -> Iterator[str]:
        for file in list_folder(head):
            hidden = file.name.startswith(".") and not beginning.startswith(".")
            if file.name.startswith(beginning) and file.name.isprintable() and not hidden:
                yield file.name + "/" * file.is_directory

    inner = complete_word(found["arguments"], names, windows=False)
    offset = cursor - len(found["arguments"])
    return Completion(inner.matches, offset + inner.start, offset + inner.end)


def complete_name(code: str, cursor: int) -> Completion | None:
    """Complete a command's own name, such as `%upl`; to be merged with the session's magics."""
    found = _NAME.search(_line_before(code, cursor))
    if found is None:
        return None
    matches = tuple(f"%{name}" for name in MAGICS if f"%{name}".startswith(found["name"]))
    return Completion(matches, cursor - len(found["name"]), cursor) if matches else None


def complete_python(code: str, cursor: int) -> Completion | None:
    """Complete what every Python knows: keywords and built-in names.

    Attributes and strings are left alone: what they hold is known to a session alone.
    """
    found = _WORD.search(_line_before(code, cursor))
    if found is None:
        return None
    typed = found["name"]
    names = sorted({*keyword.kwlist, *(name for name in dir(builtins) if name[0] != "_")})
    matches = tuple(name for name in names if name.startswith(typed))
    return Completion(matches, cursor - len(typed), cursor) if matches else None


def help_at(code: str, cursor: int) -> str | None:
    """Return the help of the command in whose line the cursor stands; None where there is none."""
    start = code.rfind("\n", 0, cursor) + 1
    line = code[start:].partition("\n")[0]
    found = _CALLED.match(line)
    return MAGICS[found["name"]].help if found and found["name"] in MAGICS else None


def _line_before(code: str, cursor: int) -> str:
    return code[:cursor].rpartition("\n")[2]
