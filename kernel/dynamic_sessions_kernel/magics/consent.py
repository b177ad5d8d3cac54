"""What a command asks the person before it acts, and what needs no question.

A cell is taken for the person's, whoever wrote it. So a command asks before it trusts a session,
and before it reads or writes a file of this machine that is outside the notebook's folder, hidden,
or reached by a link that leads out of it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: How many paths one question names at most: nobody agrees to what they do not see.
MAX_PATHS = 50
#: How long a question is at most.
MAX_QUESTION_CHARS = 8_000

_NAMED_CHARS = 120
_YES = frozenset({"y", "yes"})


@dataclass(slots=True)
class Consent:
    """The person's answers, for one session.

    Attributes:
        ask: shows a question on stdin and returns what the person types; it blocks. None where the
            front end has no stdin.
        allowed: absolute folders and files of the setting `allow`, for which nothing is asked.
        agreed: the real paths that the person has agreed to send to this session.
    """

    ask: Callable[[str], str] | None = None
    allowed: tuple[str, ...] = ()
    agreed: set[str] = field(default_factory=set)

    def to_send(self, paths: Sequence[str], folder: Path) -> None:
        """Ask once for those of these files that need it.

        Args:
            paths: absolute paths as the person named them; links in them are followed.
            folder: the notebook's.

        Raises:
            CommandError: the person did not agree, or cannot be asked.
        """
        beyond = sorted({os.path.realpath(path) for path in paths if self._asks_for(path, folder)})
        if not beyond:
            return
        why = "outside the notebook's folder, hidden, or behind a link"
        question = _question(beyond)
        if self.ask is None:
            raise CommandError(
                f"{_named(beyond)} is {why}, which needs your consent, and this front end cannot "
                "ask for it. The setting `allow` (DYNAMIC_SESSIONS_ALLOW) names folders that need "
                "none. Nothing was sent."
            )
        if len(beyond) > MAX_PATHS or len(question) > MAX_QUESTION_CHARS:
            raise CommandError(
                f"{len(beyond):,} files are {why}: too many to show in one question. Name at most "
                f"{MAX_PATHS} at a time, or put their folder into the setting `allow` "
                "(DYNAMIC_SESSIONS_ALLOW). Nothing was sent."
            )
        if self.ask(question).strip() not in _YES:
            raise CommandError(f"You did not agree to send {_named(beyond)}. Nothing was sent.")
        self.agreed.update(beyond)

    def to_write(self, paths: Sequence[str], folder: Path) -> None:
        """Ask once for those of these places that need it, before anything is written there.

        Args:
            paths: absolute paths.
            folder: the notebook's.

        Raises:
            CommandError: the person did not agree, or cannot be asked.
        """
        beyond = sorted({path for path in paths if self._asks_for(path, folder, sending=False)})
        if not beyond:
            return
        if len(beyond) > MAX_PATHS:
            raise CommandError(
                f"{len(beyond):,} places are outside the notebook's folder, hidden, or behind a "
                f"link: too many to show in one question. Name at most {MAX_PATHS} at a time, or "
                "put their folder into the setting `allow` (DYNAMIC_SESSIONS_ALLOW). Nothing was "
                "written."
            )
        if len(beyond) == 1:
            question = f"Write {beyond[0]!r} with what the session sends? [y/N] "
        else:
            lines = "".join(f"  {path!r}\n" for path in beyond)
            question = (
                f"{lines}Write these {len(beyond):,} files with what the session sends? [y/N] "
            )
        self._agree_to_write(beyond, question)

    def to_write_what_runs(self, path: str) -> None:
        """Ask for a name that Python, Jupyter, a browser or a shell may run.

        Raises:
            CommandError: the person did not agree, or cannot be asked.
        """
        self._agree_to_write(
            [path],
            f"Python, Jupyter, a browser or a shell may run {path!r}, which the session sends. "
            "Write it? [y/N] ",
        )

    def _agree_to_write(self, paths: Sequence[str], question: str) -> None:
        self._agree(
            question,
            refused=f"You did not agree to write {_named(paths)}. Nothing was written.",
            cannot=f"To write {_named(paths)} needs your consent, and this front end cannot ask "
            "for it. `--to DIR` names another place; the setting `allow` (DYNAMIC_SESSIONS_ALLOW) "
            "names folders outside the notebook's that need none. Nothing was written.",
        )

    def _agree(self, question: str, *, refused: str, cannot: str) -> None:
        if self.ask is None:
            raise CommandError(cannot)
        if self.ask(question).strip() not in _YES:
            raise CommandError(refused)

    def to_take_from(self, hosts: Sequence[str]) -> None:
        """Ask whether packages of other indexes than the public one may go into the session.

        Args:
            hosts: of the indexes that the person's pip is set up with.

        Raises:
            CommandError: the person did not agree, or cannot be asked.
        """
        named = ", ".join(hosts)[:MAX_QUESTION_CHARS]
        if named in self.agreed:
            return
        source = f"Your pip takes packages from {named}, not from the public index alone."
        self._agree(
            f"{source} Send packages from there into the session? [y/N] ",
            refused="You did not agree. Nothing was installed.",
            cannot=f"{source} To send them into the session needs your consent, and this front "
            "end cannot ask for it. Nothing was installed.",
        )
        self.agreed.add(named)

    def to_trust(self) -> None:
        """Ask whether the session is to be trusted.

        Raises:
            CommandError: the person did not agree, or cannot be asked.
        """
        self._agree(
            "Trust this session? Its outputs can then act in your notebook page as you, and start "
            "programs on your machine. [y/N] ",
            refused="You did not agree. The session is not trusted.",
            cannot="Trust needs your consent, and this front end cannot ask for it. Only the "
            'setting `outputs = "trusted"` (DYNAMIC_SESSIONS_OUTPUTS) trusts without a question. '
            "The session is not trusted.",
        )

    def to_delete(self, identifier: str) -> None:
        """Ask whether a session is to be deleted that this kernel does not use.

        Args:
            identifier: what may be shown of its identifier.

        Raises:
            CommandError: the person did not agree, or cannot be asked.
        """
        self._agree(
            f"Delete session {identifier} with its variables and files? Another notebook, or "
            "another person, may be using it. [y/N] ",
            refused="You did not agree. Nothing was deleted.",
            cannot="Deleting another session needs your consent, and this front end cannot ask "
            "for it. Nothing was deleted.",
        )

    def _asks_for(self, path: str, folder: Path, *, sending: bool = True) -> bool:
        real = os.path.realpath(path)
        if (sending and real in self.agreed) or any(
            _plainly_inside(real, allowed) for allowed in self.allowed
        ):
            return False
        # A plain name can lead to a hidden file, and a hidden name to a plain file.
        home = os.path.realpath(folder)
        named = os.path.abspath(path)  # noqa: PTH100 - pathlib's keeps `..`
        hidden = _hidden_below(named, os.path.abspath(folder))  # noqa: PTH100 - as above
        return hidden or not _plainly_inside(real, home)


def _plainly_inside(path: str, folder: str) -> bool:
    """Return whether a real path is this folder or below it, with no hidden name in between."""
    inner = Path(os.path.normcase(path))
    outer = Path(os.path.normcase(os.path.realpath(folder)))
    return inner.is_relative_to(outer) and not _hidden(inner.relative_to(outer))


def _hidden_below(path: str, folder: str) -> bool:
    inner, outer = Path(os.path.normcase(path)), Path(os.path.normcase(folder))
    return inner.is_relative_to(outer) and _hidden(inner.relative_to(outer))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _question(paths: Sequence[str]) -> str:
    if len(paths) == 1:
        return f"Send {paths[0]!r} to the session? [y/N] "
    lines = "".join(f"  {path!r}\n" for path in paths)
    return f"{lines}Send these {len(paths):,} files to the session? [y/N] "


def _named(paths: Sequence[str]) -> str:
    first = paths[0] if len(paths[0]) <= _NAMED_CHARS else "…" + paths[0][-_NAMED_CHARS:]
    return repr(first) + (f" (with {len(paths) - 1:,} more)" if len(paths) > 1 else "")
