"""What is sent to the session and what comes back from the resident there."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from dynamic_sessions_kernel.errors import UnexpectedAnswerError

from . import inside

if TYPE_CHECKING:
    from dynamic_sessions_kernel.client.models import ExecutionResult

_MAGIC = "%%dynamic_sessions_cell "
_NOT_THERE = re.compile(r"UsageError: Cell magic `%%dynamic_sessions_cell` not found")
_TAKEN_OVER = re.compile(
    r"UsageError: Line magic function `%dynamic_sessions_taken_over` not found"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def arrival(*, fresh: bool) -> str:
    """Return the code that brings the resident into an interpreter, or finds it there."""
    source = files(inside).joinpath("resident.py").read_text(encoding="utf-8")
    call = f"(exec(source, room), room['arrive'](fresh={fresh}))[1]"
    room = {"__name__": "dynamic_sessions_resident"}
    return f"(lambda source, room: {call})({source!r}, {room!r})"


def cell(
    code: str, *, boot: str, count: int, stores: bool, shows: bool, whole: str | None = None
) -> str:
    """Return a cell as it is sent.

    Args:
        code: the source that runs.
        boot: the start of the interpreter that it is for; elsewhere it does not run.
        count: its number, for `In`, `Out` and tracebacks.
        stores: whether it goes into `In` and the history.
        shows: whether its last value is displayed.
        whole: what is stored in its place; None where it is the code itself.
    """
    order = {"boot": boot, "count": count, "stores": stores, "shows": shows, "cell": whole}
    return f"{_MAGIC}{json.dumps(order)}\n{code}"


def question(boot: str, kind: str, **content: Any) -> str:
    """Return code that asks the resident; its value is for `read_answer`."""
    order = {"boot": boot, "count": 0, "stores": False, "shows": True, "cell": None}
    resident = "__import__('IPython').get_ipython().dynamic_sessions_resident"
    asked = json.dumps({"kind": kind, **content})
    return f"{_MAGIC}{json.dumps(order)}\n{resident}.ask({asked!r})"


def read_answer(result: ExecutionResult) -> dict[str, Any]:
    """Return what the resident answered; it is as hostile as everything from a session.

    Raises:
        UnexpectedAnswerError: it is no answer of the resident's.
    """
    try:
        # Some builds of the service turn a text that is JSON into what it says.
        value = result.result
        answer = json.loads(unquote(value)) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        answer = None
    if not result.succeeded or not isinstance(answer, dict):
        raise UnexpectedAnswerError(
            "The session did not answer as its Python should. If this repeats, restart the kernel."
        )
    return answer


def nobody_there(result: ExecutionResult) -> bool:
    """Whether a cell did not run because the interpreter is another one than it was for."""
    return _NOT_THERE.match(_COLOUR.sub("", result.stderr)) is not None


def taken_over(result: ExecutionResult) -> bool:
    """Whether a cell did not run because another kernel has taken the session over."""
    return _TAKEN_OVER.match(_COLOUR.sub("", result.stderr)) is not None
