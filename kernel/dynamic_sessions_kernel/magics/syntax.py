"""Where commands stand in a cell, judged by IPython's own reading of it.

The lines go through IPython's transformers one at a time, as in `TransformerManager`, with one of
ours among them that replaces a command by a name. Python's parser then shows where those names
stand. So strings, comments, continued lines and other magics are what they are to IPython.
"""

# IPython's transformers are only partly annotated.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import ast
import io
import re
import warnings
from dataclasses import dataclass
from tokenize import DEDENT, INDENT, TokenInfo
from typing import TYPE_CHECKING, cast

from IPython.core.inputtransformer2 import (
    TRANSFORM_LOOP_LIMIT,
    EscapedCommand,
    MagicAssign,
    TokenTransformBase,
    TransformerManager,
    assemble_continued_line,
    find_end_of_continued_line,
    make_tokens_by_line,
)

from dynamic_sessions_kernel.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

#: What Python raises for a source that it cannot compile.
UNREADABLE = (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError)

_CALL = re.compile(r"(?P<escape>%%?)(?P<name>\w+)(?P<arguments>\s.*|\?{1,2})?$", re.DOTALL)
_ASKS_BEFORE = re.compile(r"\?{1,2}\s*%%?(?P<name>\w+)\s*$")
_CELL_MAGIC = re.compile(r"%%(?!\w+\?)")


@dataclass(frozen=True, slots=True)
class Found:
    """A command as it stands in a cell.

    Attributes:
        name: without the percent sign.
        arguments: the rest of its line, continued lines joined; None for `%name?`.
        line: where the percent sign stands, counted from 0.
        end: the line after its last.
        marker: the Python name that replaces it.
    """

    name: str
    arguments: str | None
    line: int
    end: int
    marker: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A command at the top level of a cell, with the lines of its statement.

    Attributes:
        found: the command.
        start, end: the first line of its statement, and the line after its last, from 0.
        assigns: whether its value is assigned.
    """

    found: Found
    start: int
    end: int
    assigns: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A cell as IPython reads it.

    Attributes:
        source: its lines without what IPython takes off (leading empty lines, prompts, common
            indentation).
        python: as many lines of plain Python, each command replaced by its marker.
        found: the commands, in order.
    """

    source: list[str]
    python: list[str]
    found: list[Found]


def read(cell: str, names: Collection[str]) -> Reading:
    """Read a cell and find the commands of these names in it, wherever they stand.

    Raises:
        SyntaxError, RuntimeError: IPython cannot transform the cell.
    """
    lines = _lines(cell)
    cleaners = cast(
        "list[Callable[[list[str]], list[str]]]", TransformerManager().cleanup_transforms
    )
    for clean in cleaners:
        lines = clean(lines)
    # IPython's own lines also end at characters where Python's do not.
    lines = _lines("".join(lines))
    finder = _Finder(names, cell)
    source = list(lines)
    if lines and _CELL_MAGIC.match(lines[0]):
        finder.parse(lines[0].rstrip())
        return Reading(source, lines, [])
    for _ in range(TRANSFORM_LOOP_LIMIT):
        changed = _transform_first(lines, finder)
        if changed is None:
            return Reading(source, lines, finder.found)
        lines = changed
    raise RuntimeError("too many magics in one cell")


def place(reading: Reading) -> list[Placed]:
    """Return the statements of a cell's commands.

    Raises:
        CommandError: a command does not stand at the top level, on lines of its own.
        SyntaxError and its like (`UNREADABLE`): the cell is no Python.
    """
    text = "".join(reading.python)
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = compile(text, "<cell>", "exec", flags, dont_inherit=True)
        # What the parser lets through and the compiler does not, such as a `return` outside.
        compile(text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    statements = dict(_marked(tree))
    return [_place(found, statements.get(found.marker)) for found in reading.found]


def _marked(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    for statement in tree.body:
        if isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign):
            value = statement.value
            if isinstance(value, ast.Name) and statement.col_offset == 0:
                yield value.id, statement


def _place(found: Found, statement: ast.stmt | None) -> Placed:
    if statement is None:
        raise CommandError(
            f"%{found.name} on line {found.line + 1} stands in a block (a loop, function, class, "
            "if, with or try) or beside another statement. It acts on this machine, so the cell "
            "that you typed must say what it does, not code that runs in the session: put it at "
            "the beginning of a line of its own. Nothing of this cell was run."
        )
    assigns = not isinstance(statement, ast.Expr)
    return Placed(found, statement.lineno - 1, found.end, assigns)


def _lines(text: str) -> list[str]:
    """Split a text where Python does, every line ending in a newline."""
    lines = list(io.StringIO(text, newline=None))
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return lines


class _Finder:
    """Finds commands among IPython's transformers, and keeps what it found."""

    def __init__(self, names: Collection[str], cell: str) -> None:
        self._names = names
        self._prefix = "command_"
        while self._prefix in cell:
            self._prefix += "_"
        self.found: list[Found] = []

    def find(self, tokens: list[list[TokenInfo]], lines: list[str]) -> _Match | None:
        """Find the first command of these lines."""
        for line in tokens:
            magic = EscapedCommand.find([line]) or MagicAssign.find([line])
            if magic is None:
                continue
            position = (magic.start_line, magic.start_col)
            end = find_end_of_continued_line(lines, magic.start_line)
            call = self.parse(assemble_continued_line(lines, position, end))
            if call is not None:
                first = next(token for token in line if token.type not in {INDENT, DEDENT})
                end = min(end + 1, len(lines))
                return _Match(first.start, position, end, call, self)
        return None

    def parse(self, text: str) -> tuple[str, str | None] | None:
        """Take a command's line apart: its name and arguments, None for help.

        Returns None for other magics.
        """
        if asks := _ASKS_BEFORE.match(text):
            return (asks["name"], None) if asks["name"] in self._names else None
        call = _CALL.match(text)
        if call is None or call["name"] not in self._names:
            return None
        arguments = (call["arguments"] or "").strip()
        if arguments in {"?", "??"}:
            return call["name"], None
        if call["escape"] == "%%":
            raise CommandError(
                f"%{call['name']} is a command of one line: write it with one percent sign. "
                "Nothing of this cell was run."
            )
        return call["name"], arguments

    def take(self, line: int, end: int, call: tuple[str, str | None]) -> str:
        """Keep a command and return the marker that replaces it."""
        marker = f"{self._prefix}{len(self.found)}_"
        self.found.append(Found(*call, line=line, end=end, marker=marker))
        return marker


class _Match(TokenTransformBase):
    """A command in the place where it was found; goes before what IPython finds there."""

    priority = 0

    def __init__(
        self,
        statement: tuple[int, int],
        position: tuple[int, int],
        end: int,
        call: tuple[str, str | None],
        finder: _Finder,
    ) -> None:
        super().__init__(statement)
        self._line, self._column = position
        self._end = end
        self._call = call
        self._finder = finder

    def transform(self, lines: list[str]) -> list[str]:
        """Replace the command by its marker; what of it was continued becomes empty lines."""
        marker = self._finder.take(self._line, self._end, self._call)
        # Help has no value that could be assigned, so of what stands before it the indent remains.
        column = self.start_col if self._call[1] is None else self._column
        before = lines[self._line][:column]
        padding = ["\n"] * (self._end - self._line - 1)
        return [*lines[: self._line], f"{before}{marker}\n", *padding, *lines[self._end :]]


def _transform_first(lines: list[str], finder: _Finder) -> list[str] | None:
    """Apply the transformer that matches first, keeping the number of lines; None if none does."""
    tokens = make_tokens_by_line(lines)
    kinds: list[type[TokenTransformBase]] = TransformerManager().token_transformers
    matches = [kind.find(tokens) for kind in kinds]
    matches.append(finder.find(tokens, lines))
    for match in sorted(filter(None, matches), key=TokenTransformBase.sortby):
        try:
            changed = match.transform(lines)
        except SyntaxError:
            continue
        after = match.start_line + 1
        padding = ["\n"] * (len(lines) - len(changed))
        return [*changed[:after], *padding, *changed[after:]]
    return None
