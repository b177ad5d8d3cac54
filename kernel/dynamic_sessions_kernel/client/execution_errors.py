"""Failures of the service itself, distinguished from exceptions of the code that ran.

The service reports both alike, as a failed run with a text in `stderr`; its own are known by how
that text begins (seen in its answers).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import (
    ExecutionAbortedError,
    InterpreterRestartedError,
    RuntimeFailure,
    TimeLimitError,
)

if TYPE_CHECKING:
    from .models import ExecutionResult

_TEXTS: dict[str, tuple[type[RuntimeFailure], str]] = {
    "Request timed out waiting for code execution to complete": (
        TimeLimitError,
        (
            "The code ran longer than the service allows one execution (220 s at most) and was "
            "stopped. What it printed is lost; variables and files that it made are kept. Split "
            "the work into shorter runs."
        ),
    ),
    "Execution aborted": (
        ExecutionAbortedError,
        (
            "The service gave this execution up: the session ran out of memory, or the execution "
            "waited behind one that ran out of time. Whether it changed anything is unknown: check "
            "the variables, then run it again, with less data at once if memory was short."
        ),
    ),
    "Kernel restarted": (
        InterpreterRestartedError,
        (
            "The session's Python died and was started anew, often for lack of memory: all "
            "variables are gone, the files in /mnt/data are kept. Run the cells again that made "
            "the variables."
        ),
    ),
}
_CANCELED = (
    "The service cancelled this execution. Whether it changed anything is unknown: check the "
    "variables, then run it again."
)
# The service's texts stand alone; a traceback beside one means that the code only printed it.
_TRACEBACK = "Traceback (most recent call last)"


def service_failure(result: ExecutionResult) -> RuntimeFailure | None:
    """Return the service's own failure that a result reports; None where the code itself ended it.

    Args:
        result: of an execution.

    Returns:
        An error to raise or show, with what happened, what was kept, and what to do.
    """
    if result.status == "Canceled":
        return ExecutionAbortedError(_CANCELED)
    if result.status != "Failed" or _TRACEBACK in result.stderr:
        return None
    for text, (kind, sentence) in _TEXTS.items():
        if result.stderr.startswith(text):
            return kind(sentence)
    return None
