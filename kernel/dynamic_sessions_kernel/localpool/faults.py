"""The service's faults, turned up on request so that clients can be tried with them.

Each fault draws from a generator of its own, so that turning one up leaves the others' course as
it was.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FaultRates:
    """How often things go wrong; all 0 is the pool at its best.

    Attributes:
        lose_tail: probability that a run loses its last write to stdout (the service: 0.016 to
            0.04, measured).
        error_rate: probability of a 503 instead of whatever was asked, which is then not done.
        drop_rate: probability that the connection is closed after an execution, unanswered.
        cancel_rate: probability that an execution ends as `Canceled` before its code runs.
        latency: seconds by which each answer is late.
        seed: of the generators; None for a different course each time.
    """

    lose_tail: float = 0
    error_rate: float = 0
    drop_rate: float = 0
    cancel_rate: float = 0
    latency: float = 0
    seed: int | None = None


class FaultInjector:
    """Decides for each call what goes wrong."""

    def __init__(self, rates: FaultRates) -> None:
        self._rates = rates
        seed = rates.seed
        names = ("tail", "error", "drop", "cancel")
        self._random = {
            name: random.Random(None if seed is None else f"{name} {seed}")  # noqa: S311 - dice
            for name in names
        }

    def errs(self) -> bool:
        """Whether this call gets a 503."""
        return self._random["error"].random() < self._rates.error_rate

    def drops(self) -> bool:
        """Whether this execution's answer is lost with its connection."""
        return self._random["drop"].random() < self._rates.drop_rate

    def cancels(self) -> bool:
        """Whether this execution is cancelled before its code runs."""
        return self._random["cancel"].random() < self._rates.cancel_rate

    def without_tail(self, stdout: str) -> str:
        """Return what is left of a run's stdout: all of it, or all but its last line."""
        if self._random["tail"].random() >= self._rates.lose_tail:
            return stdout
        return stdout[: stdout.rstrip("\n").rfind("\n") + 1]

    async def delay(self) -> None:
        """Wait as long as an answer is late."""
        if self._rates.latency:
            await asyncio.sleep(self._rates.latency)
