"""What the kernel itself has to say to the person, and the cell in which it stands.

Front ends run code by themselves, whose output nobody sees. What comes up there waits for a cell of
the person's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamic_sessions_kernel.messages import Message

if TYPE_CHECKING:
    from dynamic_sessions_kernel.messages import Emit


class Sentences:
    """Shows sentences. The event loop owns it.

    Args:
        show: takes what was made here for the page, which passes no filter.

    Attributes:
        cell: the one that runs, or ran last; None before the first.
        seen: whether a person sees what is said in it.
    """

    def __init__(self, show: Emit) -> None:
        self.cell: str | None = None
        self.seen = False
        self._show = show
        self._unsaid: list[str] = []

    def enter(self, cell: str, *, seen: bool) -> None:
        """Note which cell runs; say what waits for one."""
        self.cell, self.seen = cell, seen
        self.say_waiting()

    def show(self, text: str) -> None:
        """Show a sentence at once: in the cell that ran last, else wherever a front end logs."""
        data = {"text/plain": text}
        content = {"data": data, "metadata": {}, "transient": {}}
        self._show(Message("display_data", content, self.cell))

    def say(self, text: str) -> None:
        """Show a sentence in the cell that runs, or the first that a person sees."""
        if self.seen:
            self.show(text)
        else:
            self.say_later(text)

    def say_later(self, text: str) -> None:
        """Have a sentence wait until `say_waiting`."""
        self._unsaid.append(text)

    def say_waiting(self) -> None:
        """Say what waits to be said, if a person sees the cell that runs."""
        if self.seen:
            unsaid, self._unsaid = self._unsaid, []
            for text in unsaid:
                self.show(text)
