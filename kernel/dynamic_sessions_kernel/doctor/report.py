"""What the doctor found, as a person reads it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

State = Literal["ok", "note", "failed", "not tried"]

_STATE_CHARS, _STEP_CHARS = 11, 13
_SENTENCE_CHARS = 76


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one step.

    Attributes:
        step: what was tried, in a word or two.
        state: `note` is worth reading and stops nothing.
        sentence: what was seen; where it failed, also what to do.
    """

    step: str
    state: State
    sentence: str


class Report:
    """Shows each finding as soon as it is there, since some take a while.

    Args:
        write: takes lines, without their ends.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self.failed: list[str] = []

    def add(self, step: str, state: State, sentence: str) -> None:
        """Show a finding, and remember whether it is a failure."""
        if state == "failed":
            self.failed.append(step)
        word = state.upper() if state == "failed" else state
        head = f"{word:<{_STATE_CHARS}}{step:<{_STEP_CHARS}}"
        lines = textwrap.wrap(
            sentence, _SENTENCE_CHARS, break_long_words=False, break_on_hyphens=False
        )
        for line in lines:
            self._write(f"{head}{line}")
            head = " " * len(head)

    def end(self) -> int:
        """Show what it comes to; returns the exit status."""
        if self.failed:
            self._write(f"\nNot all is well: {', '.join(self.failed)}. Do what stands there.")
            return 1
        self._write("\nAll is well: a cell of this kernel runs.")
        return 0
