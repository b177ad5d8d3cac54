"""A cell taken apart at its commands: what runs in the session, what runs here, in which order."""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.messages import Part

from .base import Cancelled, Command, Magic, ShowHelp, never
from .registry import MAGICS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .syntax import Found, Placed, Reading

#: How long a line is at most that a reader sees whole, and how much of a longer one is printed.
_SEEN_CHARS = 120
_SHOWN_CHARS = 2_000
#: A command at the beginning of its line, or the value of a short name.
_STARTS_PLAINLY = re.compile(r"%|[\w., ]{1,40}= ?%")


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a cell, in order.

    Attributes:
        steps: parts for the session and commands to be carried out here. The last step is a part
            with `last` set, or a command whose `run` returns one.
    """

    steps: tuple[Part | Command, ...]

    @property
    def commands(self) -> tuple[Command, ...]:
        """The commands alone."""
        return tuple(step for step in self.steps if isinstance(step, Command))

    def only_counts(self, part: Part) -> bool:
        """Whether a part runs nothing, and stands there so that the cell is counted and stored."""
        return bool(self.commands) and not _says_something(part.code.splitlines())

    def check(self, folder: Path, cancelled: Cancelled = never) -> None:
        """Check all commands; reads local files, sends nothing.

        Args:
            folder: the notebook's, which relative paths start from.
            cancelled: whether the person has interrupted the cell.

        Raises:
            CommandError: one of them cannot be carried out.
        """
        for command in self.commands:
            command.check(folder, cancelled)


def make_plan(cell: str) -> Plan:
    """Take a cell apart at its commands. Pure: it touches no file and sends nothing.

    A cell that is no Python is one part that carries out none of its commands, so that the
    session's interpreter says what is wrong with it.

    Raises:
        CommandError: a command stands where none can be, such as in a loop.
    """
    if not any(f"%{name}" in cell for name in MAGICS):
        return _whole(cell, cell)
    # Not before now: IPython takes long to import.
    from . import syntax

    try:
        reading = syntax.read(cell, MAGICS)
    except (*syntax.UNREADABLE, RuntimeError, IndexError):
        # IPython's transformers fail on it, in the session as here.
        return _whole(cell, cell)
    if not reading.found:
        return _whole(cell, cell)
    try:
        placed = syntax.place(reading)
    except syntax.UNREADABLE:
        return _whole(_without_commands(reading), cell)
    return Plan(tuple(_steps(cell, reading, placed)))


def contains_command(text: str) -> bool:
    """Return whether a text would hold a command if it were a cell; True in doubt.

    For text that comes from a session and would stand in the person's next cell.
    """
    # Compatibility forms, case and what is invisible could deceive an eye or a later reader.
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKC", text).casefold()
        if not character.isspace() and character != "\\" and character.isprintable()
    )
    return any(f"%{name}" in plain for name in MAGICS)


def _whole(code: str, cell: str) -> Plan:
    return Plan((Part(code=code, cell=cell),))


def _steps(cell: str, reading: Reading, placed: list[Placed]) -> list[Part | Command]:
    steps: list[Part | Command] = []
    end = 0
    for place in placed:
        if _says_something(reading.source[end : place.start]):
            code = _lines_alone(reading.source, end, place.start)
            steps.append(Part(code=code, cell=cell, last=False))
        end = place.end
        last = place is placed[-1] and not _says_something(reading.source[end:])
        bind = _binding(cell, reading, place, last=last) if place.assigns else None
        steps.append(Command(_action(place.found), bind, _hidden_line(cell, place.found)))
    if bind is None or not last:
        steps.append(Part(code=_lines_alone(reading.source, end, len(reading.source)), cell=cell))
    return steps


def _says_something(lines: list[str]) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _lines_alone(source: list[str], start: int, end: int) -> str:
    """Make all lines but `start` to `end` comments; empty ones would be stripped by IPython."""
    return "".join(
        line if start <= number < end else f"# {line}" for number, line in enumerate(source)
    )


def _hidden_line(cell: str, found: Found) -> str:
    """Return a command's line, to be printed where a reader of the cell may not see it.

    Seen is what begins its own short line of the cell, in characters that show as they are.
    """
    if found.arguments is None:
        return ""  # help acts on nothing
    lines = cell.split("\n")
    leading = next((n for n, line in enumerate(lines) if line.strip()), 0)
    at = leading + found.line
    line = lines[at].rstrip(" ") if at < len(lines) else ""
    plain = line.isprintable() and len(line) <= _SEEN_CHARS and "   " not in line
    words = " ".join(f"%{found.name} {found.arguments}".split())
    whole = " ".join(line.split()).removesuffix(";").rstrip().endswith(words)
    if plain and whole and found.end == found.line + 1 and _STARTS_PLAINLY.match(line):
        return ""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
    return shown if len(shown) <= _SHOWN_CHARS else shown[: _SHOWN_CHARS - 1] + "…"


def _action(found: Found) -> Magic:
    kind = MAGICS[found.name]
    return ShowHelp(kind.help) if found.arguments is None else kind(found.arguments)


def _binding(cell: str, reading: Reading, place: Placed, *, last: bool) -> Callable[[Any], Part]:
    """Make the maker of the part that assigns a command's value, as a literal."""

    def bind(value: Any) -> Part:
        lines = list(reading.source)
        lines[place.start : place.end] = reading.python[place.start : place.end]
        at = place.found.line
        lines[at] = lines[at].replace(place.found.marker, repr(value))
        return Part(_lines_alone(lines, place.start, place.end), cell, last)

    return bind


def _without_commands(reading: Reading) -> str:
    """Replace each command by what says, if Python comes that far, why it is not carried out."""
    lines = list(reading.source)
    for found in reading.found:
        reason = (
            f"%{found.name} was not carried out: Python {sys.version_info.major}."
            f"{sys.version_info.minor} on your machine cannot read this cell. If its syntax is "
            f"newer than that, put %{found.name} in a cell of its own."
        )
        refusal = f"exec({f'raise SyntaxError({reason!r})'!r})"
        lines[found.line : found.end] = reading.python[found.line : found.end]
        lines[found.line] = lines[found.line].replace(found.marker, refusal)
    return "".join(lines)
