"""What the person reads when something of an output does not reach the page as it came."""

from __future__ import annotations

from dataclasses import dataclass

from . import ansi

_LIFT = "Outputs are isolated from this page; `%session trust` lifts that for this session."


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to say, once in the life of a session.

    Attributes:
        key: what distinguishes it from others.
        text: one or two sentences without a line break at the end.
        of_one_type: whether it is about one of the forms that an output came in.
    """

    key: str
    text: str
    of_one_type: bool = False


WIDGETS = Notice(
    "widgets",
    "Widgets and other live connections between this page and the session wait: they act on the"
    " page. `%session trust` lets them through; then run the cell again.",
)
REMOTE_IMAGES = Notice(
    "remote-images",
    "Images that an output would load from another address were left out. " + _LIFT,
)
COMMANDS = Notice(
    "commands",
    "The session proposed a cell with a command of this kernel in it; it was refused, since only"
    " the person may give those. Type it, or paste it from its source.",
)


def unknown_type(mime: str) -> Notice:
    """Say that an output is of a type that nothing is known of."""
    name = ansi.harmless(mime[:100]).strip()
    return Notice(f"type:{name}", f"An output of type {name} was left out. {_LIFT}", True)


def malformed(mime: str) -> Notice:
    """Say that an output is not what its type says, or is too large."""
    name = ansi.harmless(mime[:100]).strip()
    return Notice(
        f"malformed:{name}",
        f"An output of type {name} was left out: it is too large, or not what its type says.",
        True,
    )
