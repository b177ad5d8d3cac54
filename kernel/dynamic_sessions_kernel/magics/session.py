"""`%session`: the kernel's session, looked at and changed by the person."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dynamic_sessions_kernel.errors import CommandError

from .base import Completion, Magic, complete_first_word
from .session_tables import listing, status_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from .base import Cancelled, Context
    from .session_protocol import SessionProtocol

_HELP = """\
%session                  show the session: pool, times, traffic, how outputs are treated
%session list             show the pool's living sessions
%session restart          start Python afresh: variables go, files stay
%session new              delete this kernel's session, start a fresh one: nothing stays
%session stop             delete the session; the next cell that runs code starts another
%session attach PREFIX    take over the session whose identifier begins so, variables included
%session delete PREFIX    delete another session of the pool, to make room; asks first
%session trust            let everything that this session outputs into the page

`attach` and `delete` take a beginning that only one session of `list` has. The kernel whose
session was attached elsewhere says so at its next cell. The session that you leave lives on
until it cools down, and `new` returns to one of your own.

`trust` lifts the isolation of outputs, for this session and until it is gone: scripts in
outputs then act in your notebook page as you, and can start programs on your machine. Trust a
session when you trust all code that has run in it. Widgets need it. It asks first; where a
front end cannot ask, only the setting `outputs = "trusted"` trusts.

The command stands at the beginning of a line of its own, not in a loop, function or other block.
"""


class SessionMagic(Magic):
    """`%session [WORD [PREFIX]]`; it has no value."""

    name = "session"
    help = _HELP
    needs_session = False

    def __init__(self, arguments: str) -> None:
        super().__init__(arguments)
        self._word, self._rest = "", ""

    def check(self, folder: Path, cancelled: Cancelled) -> None:  # noqa: ARG002 - contract
        """See that the words are known ones."""
        words = self.arguments.split()
        self._word, rest = (words[0], words[1:]) if words else ("status", [])
        if self._word not in self._words:
            known = ", ".join(self._words)
            raise CommandError(
                f"%session {self._word[:40]!r} is not known; it is one of {known}. "
                "%session? explains."
            )
        takes_prefix = self._word in {"attach", "delete"}
        if len(rest) != takes_prefix:
            needs = (
                "the beginning of one session's identifier; %session list shows them"
                if takes_prefix
                else "nothing behind it"
            )
            raise CommandError(f"%session {self._word} takes {needs}.")
        self._rest = "".join(rest)

    def run(self, context: Context) -> None:
        """Do it, and say in a line what happened and what was kept."""
        assert context.control is not None  # noqa: S101 - the kernel gives it
        self._words[self._word](self, context, context.control)

    @classmethod
    def complete(cls, arguments: str, folder: Path) -> Completion | None:  # noqa: ARG003 - contract
        """Complete the first word; identifiers are not asked for over the network."""
        return complete_first_word(cls._words, arguments)

    @property
    def _prefix(self) -> str:
        """The beginning of an identifier, also as `list` shows it."""
        return self._rest.rstrip("….")

    # -- the words --------------------------------------------------------------------------

    def _status(self, context: Context, control: SessionProtocol) -> None:
        context.display(status_table(control.status()))

    def _list(self, context: Context, control: SessionProtocol) -> None:
        sessions = control.sessions()
        if sessions:
            context.display(listing(sessions))
        else:
            context.write("The pool has no living session.\n")

    def _new(self, context: Context, control: SessionProtocol) -> None:
        change = control.new()
        said = f"A fresh session, {change.current}, is ready."
        if change.deleted == change.current:
            # The identifier is the kernel's own, and names the fresh session again.
            said = (
                f"The session {change.deleted} was deleted, variables and files, and starts anew "
                "under the same identifier."
            )
        elif change.deleted:
            said += f" The session {change.deleted} was deleted: nothing of it is kept."
        context.write(said + _left(change.left))

    def _stop(self, context: Context, control: SessionProtocol) -> None:
        change = control.stop()
        if change.deleted:
            said = f"The session {change.deleted} was deleted: variables and files are gone."
        else:
            said = "There was no session to stop."
        context.write(f"{said} The next cell that runs code starts a fresh one.\n")

    def _delete(self, context: Context, control: SessionProtocol) -> None:
        change = control.delete(self._prefix, context.consent.to_delete)
        context.write(f"The session {change.deleted} was deleted.\n")

    def _restart(self, context: Context, control: SessionProtocol) -> None:
        change = control.restart()
        context.write(
            f"Python was started afresh in session {change.current}: variables are gone, the "
            "files in /mnt/data are kept.\n"
        )

    def _attach(self, context: Context, control: SessionProtocol) -> None:
        change = control.attach(self._prefix)
        had = (
            "with its variables and files."
            if change.variables
            else "with its files; no notebook's variables were found in it."
        )
        context.write(f"Took over session {change.current} {had}{_left(change.left)}")

    def _trust(self, context: Context, control: SessionProtocol) -> None:
        if not control.trusted:
            context.consent.to_trust()
        if control.trust():
            context.write(
                "This session is trusted from now on, until it is gone: everything it outputs "
                "reaches the page and can act there as you. Widgets that waited are let through; "
                "run a cell again to show what was held back.\n"
            )
        else:
            context.write("This session is trusted already: everything it outputs is shown.\n")

    _words: ClassVar[Mapping[str, Callable[[SessionMagic, Context, SessionProtocol], None]]] = {
        "status": _status,
        "list": _list,
        "restart": _restart,
        "new": _new,
        "stop": _stop,
        "attach": _attach,
        "delete": _delete,
        "trust": _trust,
    }


def _left(identifier: str) -> str:
    if not identifier:
        return "\n"
    return (
        f" The session {identifier} lives on until it cools down; `%session attach "
        f"{identifier.rstrip('…')}` returns to it.\n"
    )
