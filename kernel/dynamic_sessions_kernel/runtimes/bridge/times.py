"""How long the bridge waits for what, in one place and as one argument."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BridgeTimes:
    """The bridge's waits, all in seconds.

    Attributes:
        first_hold, longest_hold: how long an exchange is held in the session while a cell runs. A
            held call cannot be woken, so an interrupt waits for its end.
        execution_limit: how long the service may let an exchange run.
        response_limit: how long its response may take beyond the hold.
        shortest_poll, longest_poll: pauses between exchanges when nothing runs.
        first_pause, longest_pause: pauses before an exchange is made again.
        longest_wish: the longest `Retry-After` of the service that is honoured.
        shown_after: trouble shorter than this is not shown to the person.
        late_after: a response that is this late, beyond its hold, counts as trouble.
        late_check: how often the notice of a late response is brought up to date.
        opening: how long opening a connection is tried. This is long: a machine under load takes
            its time to start what a session needs, and an unattended notebook should wait.
        opening_unreachable, opening_full: the same where the service cannot be reached, and where
            its pool is full.
        restart_limit: how long a restart may take.
        clear_limit: the same on the kernel's way out.
        completion_turn: how long a completion waits for the one before.
    """

    first_hold: float = 0.3
    longest_hold: float = 1.0
    execution_limit: float = 30.0
    response_limit: float = 20.0
    shortest_poll: float = 0.3
    longest_poll: float = 30.0
    first_pause: float = 0.1
    longest_pause: float = 5.0
    longest_wish: float = 30.0
    shown_after: float = 1.5
    late_after: float = 2.0
    late_check: float = 0.5
    opening: float = 300.0
    opening_unreachable: float = 3.0
    opening_full: float = 60.0
    restart_limit: float = 20.0
    clear_limit: float = 1.2
    completion_turn: float = 1.0
