"""What an execution's result says went wrong: variables or a session lost, or a failed service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamic_sessions_kernel.client.execution_errors import service_failure
from dynamic_sessions_kernel.errors import (
    DynamicSessionsError,
    InterpreterRestartedError,
    SessionLostError,
    TimeLimitError,
)

from . import remote_code

if TYPE_CHECKING:
    from dynamic_sessions_kernel.client.models import ExecutionResult

#: After these the session's variables are not those of the cells before.
LOSSES = (SessionLostError, InterpreterRestartedError)

_TAKEN_OVER = (
    "Another kernel has taken this session over, and may have cleared its variables; files are "
    "kept. Nothing of this cell ran. Run it again to take the session back, or give each kernel an "
    "identifier of its own (DYNAMIC_SESSIONS_IDENTIFIER)."
)
_AGAIN = "Nothing of this cell ran in it. Run the cells again that made what you need."
_TIME_LIMIT = (
    "The code ran longer than the service allows one execution (220 s at most) and was stopped; "
    "variables and files that it made are kept, and what it printed is shown with the next cell. "
    "Split the work into shorter runs, or use the bridge runtime, whose cells have no such limit."
)


def failure_of(result: ExecutionResult, container: str) -> DynamicSessionsError | None:
    """Return why a cell did not run, or how the service ended it; None where it ran.

    Args:
        result: of the cell's execution.
        container: the one that the session had when it was connected; empty where that is unknown.

    Returns:
        One of `LOSSES`, where variables are gone or another kernel's; else what the service says.
    """
    if remote_code.taken_over(result):
        return SessionLostError(_TAKEN_OVER)
    if remote_code.nobody_there(result):
        return _gone(result, container)
    failure = service_failure(result)
    return TimeLimitError(_TIME_LIMIT) if isinstance(failure, TimeLimitError) else failure


def _gone(result: ExecutionResult, container: str) -> DynamicSessionsError:
    if not result.container and result.new_allocation is None:
        return SessionLostError(
            "The session's Python is a fresh one since the last cell, and the service does not "
            "say whether the session is, too: all variables are gone, and the files in "
            f"/mnt/data are if it is. {_AGAIN}"
        )
    if result.container == container and not result.new_allocation:
        return InterpreterRestartedError(
            "The session's Python is a fresh one since the last cell: all variables are gone, "
            f"the files in /mnt/data are kept. {_AGAIN}"
        )
    return SessionLostError(
        "The service replaced the session by a fresh one since the last cell, as it does after "
        f"its cool-down: variables and files are gone. {_AGAIN}"
    )
