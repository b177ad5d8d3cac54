"""What the person reads when something of an output does not reach the page as it came.

Each thing is said once in the life of a session. What there is to say in one cell is one output
with one sentence, which grows in its place.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.messages import Message

from . import ansi

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamic_sessions_kernel.messages import Content

_LIFT = "Outputs are isolated from this page; `%session trust` lifts that for this session."
_LIFT_AND_REPEAT = "`%session trust` lets them through; then run the cell again."
_MAX_NAME_CHARS = 100
#: How many notices a session may cause.
_MAX_NOTICES = 200


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of notice.

    Attributes:
        one: a clause about one thing, with `{}` for its name if it has one.
        several: likewise about several.
        advice: a sentence about what to do; empty for none.
    """

    one: str
    several: str
    advice: str


_WIDGETS = _Kind(
    "widgets and other live connections between this page and the session wait: they act on the"
    " page",
    "",
    _LIFT_AND_REPEAT,
)
_REMOTE_IMAGES = _Kind(
    "images that an output would load from another address were left out", "", _LIFT
)
_COMMANDS = _Kind(
    "the session proposed a cell with a command of this kernel in it, and it was refused, since"
    " only the person may give those",
    "",
    "Type it, or paste it from its source.",
)
_UNKNOWN = _Kind(
    "an output of type {} was left out", "outputs of the types {} were left out", _LIFT
)
_MALFORMED = _Kind(
    "an output of type {} was left out: it is too large, or not what its type says",
    "outputs of the types {} were left out: they are too large, or not what their types say",
    "",
)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to say.

    Attributes:
        kind: how it is said.
        name: of what it is about, if it is about one of several.
        of_one_type: whether it is about one of the forms that an output came in.
    """

    kind: _Kind
    name: str = ""
    of_one_type: bool = False


WIDGETS = Notice(_WIDGETS)
#: A widget that an output shows, maybe beside another form of itself.
WIDGET_VIEW = Notice(_WIDGETS, of_one_type=True)
REMOTE_IMAGES = Notice(_REMOTE_IMAGES)
COMMANDS = Notice(_COMMANDS)


def unknown_type(mime: str) -> Notice:
    """Say that an output is of a type that nothing is known of."""
    return Notice(_UNKNOWN, _harmless(mime), of_one_type=True)


def malformed(mime: str) -> Notice:
    """Say that an output is not what its type says, or is too large."""
    return Notice(_MALFORMED, _harmless(mime), of_one_type=True)


def _harmless(mime: str) -> str:
    return ansi.harmless(mime[:_MAX_NAME_CHARS]).strip()


@dataclass(slots=True)
class Notices:
    """What was said of one session; not thread-safe.

    Attributes:
        said: all of it.
        parent: the request in whose cell the last was said.
        display_id: of the output that says it there; empty where there is none.
        here: what that output says.
    """

    said: set[tuple[_Kind, str]] = field(default_factory=set)
    parent: str | None = None
    display_id: str = ""
    here: list[Notice] = field(default_factory=list)

    def messages(
        self, due: Iterable[Notice], parent: str | None, *, isolated: bool
    ) -> list[Message]:
        """Return what shows, in the cell of a request, the notices that were not said before."""
        new = []
        for notice in due:
            key = notice.kind, notice.name
            if key not in self.said and len(self.said) < _MAX_NOTICES:
                self.said.add(key)
                new.append(notice)
        if not new:
            return []
        shown = bool(self.display_id) and self.parent == parent
        if not shown:
            self.parent, self.here = parent, []
            self.display_id = f"dynamic-sessions-{uuid.uuid4().hex}"
        self.here += new
        # No stream: what is no mistake of the cell's stands in no red box.
        content: Content = {
            "data": {"text/plain": f"{'[isolated] ' if isolated else ''}{_text(self.here)}"},
            "metadata": {},
            "transient": {"display_id": self.display_id},
        }
        return [Message("update_display_data" if shown else "display_data", content, parent)]

    def cleared(self) -> None:
        """Say what comes next in an output of its own, since the last may be gone."""
        self.display_id = ""


def _text(notices: list[Notice]) -> str:
    """Return one sentence about all of them, and what to do."""
    names: dict[_Kind, list[str]] = {}
    for notice in notices:
        names.setdefault(notice.kind, []).append(notice.name)
    facts = "; ".join(_clause(kind, of) for kind, of in names.items())
    advice = dict.fromkeys(kind.advice for kind in names if kind.advice)
    if _LIFT_AND_REPEAT in advice:
        advice.pop(_LIFT, None)
    return " ".join([f"{facts[0].upper()}{facts[1:]}.", *advice])


def _clause(kind: _Kind, names: list[str]) -> str:
    if len(names) == 1:
        return kind.one.format(names[0])
    return kind.several.format(f"{', '.join(names[:-1])} and {names[-1]}")
