"""What to do when an exchange fails: make it again, how soon, until when, and what to say."""

from __future__ import annotations

import math
import random
import threading
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

from .inside.envelope import EnvelopeError
from .responses import ServiceInterpreterError

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds between attempts, at first and at most.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
#: Answers in a row that may be none of the relay's before that is an error: enough for the budget
#: to shrink from its largest to its smallest.
NONSENSE_LIMIT = 16
OPENING_NONSENSE_LIMIT = 5
#: Trouble shorter than this is not worth a word; nor is a call that is this late yet trouble.
TOLD_AFTER, _LATE_AFTER = 1.5, 2.0
#: The longest wish of the service's, to be left alone for so many seconds, that is granted.
_LONGEST_WISH = 30.0

#: How long opening a connection is tried: where the service cannot be reached, where its pool is
#: full, and otherwise. The last is long, since a machine under load takes its time to start what a
#: session needs, and whoever runs a notebook unattended would rather wait than lose the run.
OPENING_UNREACHABLE, OPENING_FULL, OPENING = 3.0, 60.0, 300.0

#: Failures that pass by themselves.
_PASSING = (NotSentError, AnswerLostError, UnavailableError, PoolFullError, ServiceInterpreterError)
_NONSENSE = (EnvelopeError, UnexpectedAnswerError)
_TOO_LARGE = frozenset({400, 413})
#: What holds for a cell whose exchanges were given up: messages that were not taken are discarded.
_RUNS_ON = (
    "If the cell had begun, it runs on in the session and its output arrives once the service "
    "answers; if not, it will not run."
)
_NOTHING_RAN = "Nothing ran; run the cell again to try once more."
_LARGE = 16 << 10


def is_too_large(error: Exception, sent: int) -> bool:
    """Whether the service may have refused a request of `sent` characters for its size."""
    return isinstance(error, ServiceError) and error.status in _TOO_LARGE and sent > _LARGE


class RetryPolicy:
    """The trouble that a link has with its exchanges, if any.

    Args:
        tell: shows a person what is the matter, and with None that it is over.
        unreachable: for how many seconds a service that cannot be reached is tried again.
    """

    def __init__(self, tell: Callable[[str | None], None], unreachable: float) -> None:
        self._tell = tell
        self._unreachable = unreachable
        self._told = False
        self._since: float | None = None
        self._late_at: float | None = None
        self._called = 0.0
        self._nonsense = 0
        # A call that hangs is told by another thread than the one that makes it.
        self._lock = threading.Lock()
        self.pause = 0.0

    @property
    def lasts(self) -> bool:
        """Whether an exchange failed and none succeeded since, or one hangs."""
        late = self._late_at is not None and time.monotonic() > self._late_at
        return late or self._since is not None

    def calling(self, hold: float) -> None:
        """Note that an exchange begins, which is held for so many seconds."""
        with self._lock:
            self._called = time.monotonic()
            self._late_at = self._called + hold + _LATE_AFTER

    def look(self) -> None:
        """Tell if an exchange hangs; to be called now and then while somebody waits."""
        with self._lock:
            now = time.monotonic()
            if self._late_at is not None and now > self._late_at:
                self._told = True
                self._tell(_sentence("It does not answer.", now - (self._since or self._called)))

    def over(self) -> None:
        """Note that an exchange succeeded."""
        with self._lock:
            self._since = self._late_at = None
            self._nonsense, self.pause = 0, 0.0
            if self._told:
                self._told = False
                self._tell(None)

    def met(self, error: Exception, *, waiting: bool, opening: bool) -> None:
        """Note a failure that may pass, and decide on the pause; tell it if somebody waits.

        Args:
            error: the failure.
            waiting: whether somebody waits for an answer.
            opening: whether there is no connection yet: then an error loses nothing.

        Raises:
            DynamicSessionsError: it does not pass.
        """
        with self._lock:
            self._met(error, waiting=waiting, opening=opening)

    def _met(self, error: Exception, *, waiting: bool, opening: bool) -> None:
        self._late_at = None
        now = time.monotonic()
        if self._since is None:
            self._since = now
        if isinstance(error, _NONSENSE):
            self._nonsense += 1
            if self._nonsense >= (OPENING_NONSENSE_LIMIT if opening else NONSENSE_LIMIT):
                self._nonsense = 0
                raise UnexpectedAnswerError(
                    f"What the session answers is not its relay's protocol. {_words(error)} "
                    f"{_NOTHING_RAN if opening else _RUNS_ON}"
                ) from None
        elif waiting and (
            not isinstance(error, _PASSING)
            or now - self._since >= self._patience(error, opening=opening)
        ):
            if not opening:
                error.args = (f"{error} {_RUNS_ON}",)
            raise error
        first = self.pause == 0.0
        self.pause = FIRST_PAUSE if first else min(LONGEST_PAUSE, self.pause * 2)
        self.pause *= random.uniform(0.7, 1.0)  # noqa: S311 - spreads kernels, hides nothing
        wish = error.retry_after if isinstance(error, ServiceError) else None
        self.pause = max(self.pause, min(wish or 0.0, _LONGEST_WISH))
        if waiting and now - self._since > TOLD_AFTER:
            self._told = True
            self._tell(_sentence(_words(error), now - self._since))

    def _patience(self, error: Exception, *, opening: bool) -> float:
        unreachable = isinstance(error, NotSentError)
        if not opening:
            return self._unreachable if unreachable else math.inf
        if unreachable:
            return min(self._unreachable, OPENING_UNREACHABLE)
        return OPENING_FULL if isinstance(error, PoolFullError) else OPENING


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, DynamicSessionsError) else "Its answers come damaged."


def _sentence(what: str, seconds: float) -> str:
    return (
        f"The session cannot be reached since {seconds:.0f} s, trying again. {what} "
        "Nothing is lost meanwhile; interrupt to stop waiting."
    )
