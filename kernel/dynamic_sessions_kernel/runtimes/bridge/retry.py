"""What to do when an exchange fails: make it again, how soon, until when, and what to say.

Used on the event loop alone.
"""

from __future__ import annotations

import copy
import math
import random
import time
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import (
    AnswerLostError,
    DynamicSessionsError,
    NotSentError,
    PoolFullError,
    ServiceError,
    UnavailableError,
    UnexpectedAnswerError,
)

from .exchanges import DamagedError
from .responses import ServiceInterpreterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .times import BridgeTimes

#: Damaged responses in a row, after which that is an error: enough for the budget to shrink from
#: its largest to its smallest.
_DAMAGED_LIMIT, _OPENING_DAMAGED_LIMIT = 16, 5

#: Failures that pass by themselves.
_PASSING = (NotSentError, AnswerLostError, UnavailableError, PoolFullError, ServiceInterpreterError)
_DAMAGED = (DamagedError, UnexpectedAnswerError)
_TOO_LARGE = frozenset({400, 413})
#: What holds for a cell whose exchanges were given up: messages that were not taken are discarded.
_RUNS_ON = (
    "If the cell had begun, it runs on in the session and its output arrives once the service "
    "answers; if not, it will not run."
)
_NOTHING_RAN = "Nothing ran; run the cell again to try once more."
_MAKING_ROOM = (
    "Interrupt to stop waiting; then `%session list` shows the pool's sessions, and `%session "
    "delete PREFIX` deletes one of them."
)
_LARGE_CHARS = 16 << 10


def is_too_large(error: Exception, sent: int) -> bool:
    """Whether the service may have refused a request of `sent` characters for its size."""
    return isinstance(error, ServiceError) and error.status in _TOO_LARGE and sent > _LARGE_CHARS


class RetryPolicy:
    """The trouble that a connection has with its exchanges, if any.

    Args:
        show: shows a person what is the matter, and with None that it is over.
        unreachable: for how many seconds a service that cannot be reached is tried again.
        times: how long to wait.
    """

    def __init__(
        self, show: Callable[[str | None], None], unreachable: float, times: BridgeTimes
    ) -> None:
        self._show = show
        self._unreachable = unreachable
        self._times = times
        self._shown = False
        self._since: float | None = None
        self._late_at: float | None = None
        self._called = 0.0
        self._damaged = 0
        self.pause = 0.0

    @property
    def lasts(self) -> bool:
        """Whether an exchange failed and none succeeded since, or one hangs."""
        late = self._late_at is not None and time.monotonic() >= self._late_at
        return late or self._since is not None

    def calling(self, hold: float) -> None:
        """Note that an exchange begins, which is held for so many seconds."""
        self._called = time.monotonic()
        self._late_at = self._called + hold + self._times.late_after

    def show_lateness(self) -> None:
        """Show that an exchange hangs, if it does."""
        now = time.monotonic()
        if self._late_at is not None and now >= self._late_at:
            self._shown = True
            self._show(_sentence("It does not answer.", now - (self._since or self._called)))

    def over(self) -> None:
        """Note that an exchange succeeded."""
        self._since = self._late_at = None
        self._damaged, self.pause = 0, 0.0
        if self._shown:
            self._shown = False
            self._show(None)

    def met(self, error: Exception, *, waiting: bool, opening: bool) -> None:
        """Note a failure that may pass, and decide on the pause; show it if somebody waits.

        Args:
            error: the failure.
            waiting: whether somebody waits for an answer.
            opening: whether there is no connection yet: then an error loses nothing.

        Raises:
            DynamicSessionsError: it does not pass.
        """
        self._late_at = None
        now = time.monotonic()
        if self._since is None:
            self._since = now
        if isinstance(error, _DAMAGED):
            self._count_damage(error, opening=opening)
        elif waiting and (
            not isinstance(error, _PASSING)
            or now - self._since >= self._patience(error, opening=opening)
        ):
            raise error if opening else _saying_that_it_runs_on(error) from None
        self._lengthen_pause(error)
        if waiting and now - self._since > self._times.shown_after:
            self._shown = True
            self._show(self._trouble(error, now - self._since))

    def _trouble(self, error: Exception, seconds: float) -> str:
        if not isinstance(error, PoolFullError):
            return _sentence(_words(error), seconds)
        return (
            f"The pool is full since {seconds:.0f} s; the cell runs when there is room, and gives "
            f"up after {self._times.opening_full:.0f} s. {error} {_MAKING_ROOM}"
        )

    def _count_damage(self, error: Exception, *, opening: bool) -> None:
        self._damaged += 1
        if self._damaged >= (_OPENING_DAMAGED_LIMIT if opening else _DAMAGED_LIMIT):
            self._damaged = 0
            raise UnexpectedAnswerError(
                f"What the session answers is not its relay's protocol. {_words(error)} "
                f"{_NOTHING_RAN if opening else _RUNS_ON}"
            ) from None

    def _lengthen_pause(self, error: Exception) -> None:
        times = self._times
        first = self.pause == 0.0
        self.pause = times.first_pause if first else min(times.longest_pause, self.pause * 2)
        self.pause *= random.uniform(0.7, 1.0)  # noqa: S311 - spreads kernels, hides nothing
        wish = error.retry_after if isinstance(error, ServiceError) else None
        self.pause = max(self.pause, min(wish or 0.0, times.longest_wish))

    def _patience(self, error: Exception, *, opening: bool) -> float:
        unreachable = isinstance(error, NotSentError)
        if not opening:
            return self._unreachable if unreachable else math.inf
        if unreachable:
            return min(self._unreachable, self._times.opening_unreachable)
        full = isinstance(error, PoolFullError)
        return self._times.opening_full if full else self._times.opening


def _saying_that_it_runs_on(error: Exception) -> Exception:
    # A copy: whoever else holds the error goes on to read what it said.
    extended = copy.copy(error)
    extended.args = (f"{error} {_RUNS_ON}",)
    return extended


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, DynamicSessionsError) else "Its answers come damaged."


def _sentence(what: str, seconds: float) -> str:
    return (
        f"The session cannot be reached since {seconds:.0f} s, trying again. {what} "
        "Nothing is lost meanwhile; interrupt to stop waiting."
    )
