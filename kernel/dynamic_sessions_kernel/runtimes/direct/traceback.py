"""Makes an error message of what a failed execution leaves in `stderr`.

The service puts what the code printed there and the traceback, with or without colours, into one
text, and cuts it. What is above the traceback was printed; the rest becomes `ename`, `evalue` and
lines that look as they do in a notebook.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_RED, _GREEN, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[39m"
#: A colour, as terminals read it.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NAME = r"([A-Za-z_][\w.]*)"
# What IPython writes above a traceback: a line of dashes and the exception's name. Chained
# exceptions have the line of dashes only once.
_DASHES = re.compile(rf"^-{{20,}}\n(?={_NAME} +Traceback \(most recent call last\)$)", re.MULTILINE)
_TITLE = re.compile(rf"^{_NAME} +Traceback \(most recent call last\)$", re.MULTILINE)
# Where code cannot be compiled, where IPython passes Python's own words on, and in groups.
_COMPILING = re.compile(r"^  (?:Cell In ?\[\d+\]|File .{1,400}?),? ?(?:line |:)\d+$", re.MULTILINE)
_PYTHONS_OWN = re.compile(
    r"^(?:  \+ Exception Group )?Traceback \(most recent call last\):$", re.MULTILINE
)
# An exception without a traceback, such as IPython's UsageError.
_BARE = re.compile(
    r"^(?:UsageError|SystemExit|\w+(?:Error|Exception|Interrupt))\b.*$", re.MULTILINE
)
_LAST = re.compile(rf"^(?:  \| )?{_NAME}(?:: ?(.*))?$", re.MULTILINE)
_ARROW = re.compile(r"^(-+> ?\d+ )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception as a notebook shows it.

    Attributes:
        ename, evalue: its type's name and its text.
        traceback: the lines, coloured.
        printed: what the code had written to stderr before.
    """

    ename: str
    evalue: str
    traceback: list[str]
    printed: str


def read_failure(stderr: str) -> Failure:
    """Take a failed execution's `stderr` apart."""
    coloured = stderr.rstrip("\n")
    plain = COLOUR.sub("", coloured)
    start, ename, evalue = _find(plain)
    at = _position(coloured, start)
    shown = coloured[at:]
    # Where there is no traceback, the exception's line may have been printed too.
    printed = coloured[:at].removesuffix(f"{shown}\n")
    if "\x1b[" not in shown:
        shown = _painted(shown, ename)
    return Failure(ename, evalue, shown.split("\n"), printed)


def _find(plain: str) -> tuple[int, str, str]:
    """Return where the exception begins, its name, and its text."""
    dashes = list(_DASHES.finditer(plain))
    if dashes:
        start = dashes[-1].start()
        ename = _TITLE.findall(plain, start)[-1]
        return start, ename, _text_after(plain[start:], ename)
    own = _PYTHONS_OWN.search(plain)
    compiling = list(_COMPILING.finditer(plain))
    if own or compiling:
        start = own.start() if own else compiling[-1].start()
        if last := _last_line(plain[start:], group=bool(own and "Group" in own[0])):
            return start, last[1], last[2] or ""
    if bare := list(_BARE.finditer(plain)):
        ename, _, evalue = bare[-1][0].partition(":")
        return bare[-1].start(), ename.strip(), evalue.strip()
    return 0, "Error", plain


def _text_after(text: str, ename: str) -> str:
    """Return what the last line that begins with the exception's name says, and all after it."""
    at = text.rfind(f"\n{ename}:")
    return text[at + len(ename) + 2 :].removeprefix(" ") if at >= 0 else ""


def _last_line(text: str, *, group: bool) -> re.Match[str] | None:
    lines = [match for match in _LAST.finditer(text) if match[0].startswith("  |") == group]
    return (lines[0] if group else lines[-1]) if lines else None


def _position(coloured: str, start: int) -> int:
    """Return where in the coloured text the character `start` of the plain one stands."""
    passed = 0
    for match in COLOUR.finditer(coloured):
        if match.start() - passed >= start:
            break
        passed += len(match[0])
    return start + passed


def _painted(text: str, ename: str) -> str:
    """Colour what came without colours, as IPython would the least."""
    text = _ARROW.sub(rf"{_GREEN}\1{_PLAIN}", text)
    text = re.sub(r"^-{20,}$", rf"{_RED}\g<0>{_PLAIN}", text, flags=re.MULTILINE)
    return re.sub(rf"^{re.escape(ename)}\b", f"{_RED}{ename}{_PLAIN}", text, flags=re.MULTILINE)
