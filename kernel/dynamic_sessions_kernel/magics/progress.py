"""How far a transfer is, shown in one line that is written over.

A carriage return does that in notebooks and in the console; updates of a display do not in the
latter. Redrawing goes by bytes, so that the number of messages is bounded whatever the speed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WIDTH_CHARS = 20
_SMALLEST_STEP_BYTES = 1 << 20
_NAME_CHARS = 24
#: Before that, a rate is a guess.
_PACE_AFTER_SECONDS = 2.0


class ProgressLine:
    """A line for one file; files that are sent in one step show its end alone.

    Args:
        name: the file's.
        write: prints on the cell's standard output.
        clock: returns seconds, of whatever beginning.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name if len(name) <= _NAME_CHARS else name[: _NAME_CHARS - 1] + "…"
        self._write = write
        self._clock = clock
        self._began = clock()
        self._steps = 0
        self._counted = 0
        self._length = 0

    def update(self, done: int, total: int | None) -> None:
        """Draw the line anew if it is worth it.

        Args:
            done: bytes moved so far; starts over in another attempt.
            total: bytes in all; None where that is unknown.
        """
        if not total:
            self._count(done)
            return
        step = max(_SMALLEST_STEP_BYTES, total // _WIDTH_CHARS)
        if done // step == self._steps:
            return
        self._steps = done // step
        share = done / total
        bar = "=" * int(share * _WIDTH_CHARS)
        size = readable_size(total)
        pace = self._pace(done, total)
        self._draw(f"{self._name} [{bar:<{_WIDTH_CHARS}}] {share:4.0%} of {size}{pace}")

    def _pace(self, done: int, total: int) -> str:
        """Return the rate and the time left, once the transfer lasts long enough to know them."""
        seconds = self._clock() - self._began
        if seconds < _PACE_AFTER_SECONDS or not done:
            return ""
        rate = done / seconds
        left = max(0.0, (total - done) / rate)
        return f", {readable_size(int(rate))}/s, {readable_duration(left)} left"

    def _count(self, done: int) -> None:
        """Show how much there is; steps grow with it, so that there are few whatever comes."""
        if abs(done - self._counted) < max(_SMALLEST_STEP_BYTES, self._counted // _WIDTH_CHARS):
            return
        self._counted = done
        self._draw(f"{self._name} {readable_size(done)}")

    def finish(self, text: str) -> None:
        """Replace the line by its final text and end it."""
        self._draw(text, end="\n")

    def abandon(self) -> None:
        """End the line as it is, so that what follows stands on its own."""
        if self._length:
            self._write("\n")

    def _draw(self, text: str, end: str = "") -> None:
        # Front ends write over character by character, so what is longer must be blanked out.
        start = "\r" if self._length else ""
        self._write(f"{start}{text:<{self._length}}{end}")
        self._length = len(text)


def readable_duration(seconds: float) -> str:
    """Return a time as people read it, such as `3 min 20 s`."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def readable_size(size: int) -> str:
    """Return a number of bytes as people read it, such as `1.4 MB`."""
    if size < 1 << 10:
        return f"{size} B"
    if size < 1 << 20:
        return f"{size / (1 << 10):.1f} KB"
    return f"{size / (1 << 20):.1f} MB"
