"""What a command is, apart from how it is found: the step of a plan, and the action behind it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from dynamic_sessions_kernel.errors import CommandError

from .consent import Consent

if TYPE_CHECKING:
    from pathlib import Path

    from dynamic_sessions_kernel.client.session import Session
    from dynamic_sessions_kernel.messages import Content, Part

    from .session_protocol import SessionProtocol

_SPACES = re.compile(r"\s+")
#: Whether the person has interrupted the cell; called often, from the command's thread.
Cancelled = Callable[[], bool]


def never() -> bool:
    """Say that nobody has interrupted."""
    return False


def _nowhere(code: str, expression: str) -> str:  # noqa: ARG001 - stands for no session
    raise CommandError("There is no session to ask. Nothing was done.")


class CommandInterruptedError(CommandError):
    """The person interrupted a command; the message says what was done until then."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a command may use while it runs.

    Attributes:
        session: the session that the cell runs in; None for commands that need none.
        show: takes the type and content of an iopub message of the cell: `stream`, or
            `display_data`, which passes no filter.
        cancelled: whether the person has interrupted the cell.
        control: acts on the kernel's session.
        consent: asks the person for what reaches beyond the notebook's folder.
        evaluate: runs code in the session's interpreter, unseen, and returns the value of an
            expression as Python writes it; it raises `CommandError` where that fails.
        packages: the names that this kernel has added with `%packages`, in order.
    """

    session: Session | None
    show: Callable[[str, Content], None]
    cancelled: Cancelled = never
    control: SessionProtocol | None = None
    consent: Consent = field(default_factory=Consent)
    evaluate: Callable[[str, str], str] = _nowhere
    packages: dict[str, None] = field(default_factory=dict)

    def write(self, text: str) -> None:
        """Print on the cell's standard output; a carriage return starts the line anew."""
        self.show("stream", {"name": "stdout", "text": text})

    def display(self, data: dict[str, str]) -> None:
        """Show a MIME bundle that was made here; what is foreign in it must be escaped."""
        self.show("display_data", {"data": data, "metadata": {}, "transient": {}})


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer to Tab, in the terms of `complete_reply`.

    Attributes:
        matches: the texts that can stand in place of what is between `start` and `end`.
        start, end: positions in the cell, in characters.
    """

    matches: tuple[str, ...]
    start: int
    end: int


def complete_first_word(words: Iterable[str], arguments: str) -> Completion | None:
    """Complete the first of a command's words from those that it knows; None behind it."""
    *before, typed = _SPACES.split(arguments)
    if any(before):
        return None
    matches = tuple(word for word in words if word.startswith(typed))
    return Completion(matches, len(arguments) - len(typed), len(arguments))


class Magic(ABC):
    """What a command does; one subclass for each command.

    Args:
        arguments: the rest of the command's line, as the person typed it.
    """

    #: The word after the percent sign.
    name: ClassVar[str]
    #: What `%name?` prints.
    help: ClassVar[str]
    #: Whether its words are paths of the session's files, which Tab completes.
    takes_remote_paths: ClassVar[bool] = False
    #: Whether a session must be there before it runs.
    needs_session: ClassVar[bool] = True

    def __init__(self, arguments: str) -> None:
        self.arguments = arguments

    @abstractmethod
    def check(self, folder: Path, cancelled: Cancelled) -> None:
        """Find all that can be found wrong before anything is sent.

        Args:
            folder: the notebook's, which relative paths start from.
            cancelled: whether the person has interrupted the cell.

        Raises:
            CommandError: this command cannot be carried out.
        """

    @abstractmethod
    def run(self, context: Context) -> Any:
        """Carry the command out; called once, after `check`.

        Returns:
            What `name = %command` binds, made of strings, numbers, lists and None.

        Raises:
            DynamicSessionsError: it failed, and what of it was done.
            CommandInterruptedError: the person interrupted it.
        """

    @classmethod
    @abstractmethod
    def complete(cls, arguments: str, folder: Path) -> Completion | None:
        """Complete the end of `arguments`, with positions counted from its beginning."""


class ShowHelp(Magic):
    """`%name?`: print what the command is for."""

    name = "help"
    needs_session = False

    def check(self, folder: Path, cancelled: Cancelled) -> None:
        """Nothing can be wrong."""

    def run(self, context: Context) -> None:
        """Print the help, whose text is `arguments`."""
        context.write(self.arguments)

    @classmethod
    def complete(cls, arguments: str, folder: Path) -> Completion | None:  # noqa: ARG003 - contract
        """There is nothing to complete."""
        return None


@dataclass(frozen=True, slots=True)
class Command:
    """A step of a cell that is carried out here.

    Attributes:
        action: what it does.
        bind: makes the part that gives its value a name in the session; None where the cell
            asks for none.
        hidden_line: what is printed before it acts, where a reader may not see it in the cell.
    """

    action: Magic
    bind: Callable[[Any], Part] | None = None
    hidden_line: str = ""

    def check(self, folder: Path, cancelled: Cancelled = never) -> None:
        """Raise `CommandError` for what can be found wrong before anything is sent."""
        self.action.check(folder, cancelled)

    def run(self, context: Context) -> Part | None:
        """Carry it out; returns the part that binds its value in the session, if there is one."""
        if self.hidden_line:
            context.write(f"This cell runs {self.hidden_line}\n")
        value = self.action.run(context)
        return self.bind(value) if self.bind is not None else None
