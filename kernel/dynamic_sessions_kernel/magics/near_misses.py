"""Lines that nearly are a command, such as `%Upload` and `!upload`.

Such a cell runs as it stands; behind it, the person reads which command there is.
"""

from __future__ import annotations

import re

from .registry import MAGICS

_LINE = re.compile(r"[ \t]*(?P<sign>%%?|!)(?P<gap>[ \t]*)(?P<name>\w+)")


def near_miss(cell: str) -> str | None:
    """Return a sentence about the first line that nearly is a command; None where there is none.

    Args:
        cell: as the person typed it. A line of a string counts too, so that the sentence is for
            cells that failed, or that the shell was asked to run.
    """
    for line in cell.splitlines():
        found = _LINE.match(line)
        if found is None or (name := found["name"].lower()) not in MAGICS:
            continue
        typed = f"{found['sign']}{found['gap']}{found['name']}"
        if typed == f"%{name}":
            continue
        if found["sign"] == "!":
            return (
                f"`{typed}` runs a program of the session. The command is `%{name}`; `%{name}?` "
                "explains it."
            )
        return f"`{typed}` is no command; `%{name}` is, written like that. `%{name}?` explains it."
    return None


def asks_the_shell(cell: str) -> bool:
    """Whether a line asks the shell for a program that has a command's name."""
    lines = filter(None, map(_LINE.match, cell.splitlines()))
    return any(line["sign"] == "!" and line["name"].lower() in MAGICS for line in lines)
