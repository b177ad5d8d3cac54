"""Tab completion of commands, answered here: the session knows neither them nor local files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .base import Completion
from .registry import MAGICS

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"(?:^|=)\s*(?P<name>%\w+)$")
_COMMAND = re.compile(r"(?:^|=)\s*%(?P<name>\w+)\s+(?P<arguments>.*)$")


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


def complete_name(code: str, cursor: int) -> Completion | None:
    """Complete a command's own name, such as `%upl`; to be merged with the session's magics."""
    found = _NAME.search(_line_before(code, cursor))
    if found is None:
        return None
    matches = tuple(f"%{name}" for name in MAGICS if f"%{name}".startswith(found["name"]))
    return Completion(matches, cursor - len(found["name"]), cursor) if matches else None


def _line_before(code: str, cursor: int) -> str:
    return code[:cursor].rpartition("\n")[2]
