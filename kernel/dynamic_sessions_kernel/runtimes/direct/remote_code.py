"""What is sent to the session and what comes back from the resident there."""

from __future__ import annotations

import base64
import json
import re
import zlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from dynamic_sessions_kernel.errors import UnexpectedAnswerError
from dynamic_sessions_kernel.runtimes.bridge import inside as bridge_inside

from . import inside
from .traceback import COLOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynamic_sessions_kernel.client.models import ExecutionResult
    from dynamic_sessions_kernel.messages import Request

#: The most that a value may be once it is decompressed.
MAX_VALUE_BYTES = 256 << 20
#: In the order in which they are loaded; the last one is called.
_MODULES = {"liveness": bridge_inside, "capture": inside, "resident": inside}
#: Requests that the session's own ipykernel answers, and the method's name there.
_QUESTIONS = {
    "complete_request": "complete",
    "inspect_request": "inspect",
    "history_request": "history",
    "is_complete_request": "is_complete",
}
_MAGIC = "%%dynamic_sessions_cell "
_NOT_THERE = re.compile(r"UsageError: Cell magic `%%dynamic_sessions_cell` not found")
_TAKEN_OVER = re.compile(
    r"UsageError: Line magic function `%dynamic_sessions_taken_over` not found"
)


_LOAD = """
def load(sources, build, argv):
    import sys, types
    package = "dynamic_sessions_resident"
    for name in ("", *sources):
        full = package + (name and "." + name)
        module = sys.modules[full] = types.ModuleType(full)
        module.__package__, module.__path__ = package, []
        exec(sources.get(name, ""), module.__dict__)
    return module.arrive(build=build, argv=argv)
"""

#: Ends the session's interpreter, which the service then starts anew.
END_INTERPRETER = "__import__('os')._exit(0)  # dynamic_sessions_resident"


def arrival(*, build: int = 0, arguments: Sequence[str] = ()) -> str:
    """Return the code that brings the resident into an interpreter, or finds it there.

    Args:
        build: the number of the last result that arrived, of the session's interpreter before.
        arguments: what follows the connection file in `sys.argv`.
    """
    sources = {
        name: files(package).joinpath(f"{name}.py").read_text(encoding="utf-8")
        for name, package in _MODULES.items()
    }
    return (
        "(lambda load, room, *sent: (exec(load, room), room['load'](*sent))[1])"
        f"({_LOAD!r}, {{}}, {sources!r}, {build}, {[*arguments]!r})"
    )


def cell(
    code: str,
    *,
    identity: str,
    boot: str,
    build: int,
    count: int,
    stores: bool,
    shows: bool,
    whole: str | None = None,
) -> str:
    """Return a cell as it is sent.

    Args:
        code: the source that runs.
        identity: of the request, by which its output is known.
        boot: the start of the interpreter that it is for; elsewhere it does not run.
        build: the number of the last result that arrived.
        count: its number, for `In`, `Out` and tracebacks.
        stores: whether it goes into `In` and the history.
        shows: whether its last value is displayed.
        whole: what is stored in its place; None where it is the code itself.
    """
    order = {"boot": boot, "count": count, "stores": stores, "shows": shows, "cell": whole}
    return f"{_MAGIC}{json.dumps({'id': identity, 'build': build, **order})}\n{code}"


def question(boot: str, build: int, kind: str, **content: Any) -> str:
    """Return code that asks the resident; its value is for `read_answer`."""
    order = {"boot": boot, "count": 0, "stores": False, "shows": True, "cell": None}
    resident = "__import__('IPython').get_ipython().dynamic_sessions_resident"
    asked = json.dumps({"kind": kind, **content})
    order |= {"id": None, "build": build}
    return f"{_MAGIC}{json.dumps(order)}\n{resident}.ask({asked!r})"


def question_of(request: Request) -> tuple[str, dict[str, Any]] | None:
    """Return what to ask the session's ipykernel for a front end: the kind, and its arguments.

    Returns:
        None where it is nothing to ask there.
    """
    kind = _QUESTIONS.get(request.msg_type)
    if kind is None:
        return None
    content = dict(request.content)
    if kind != "history":
        content = {name: content[name] for name in ("code", "cursor_pos") if name in content}
    if kind == "inspect":
        content["detail_level"] = request.content.get("detail_level", 0)
    return kind, content


def own_value(result: ExecutionResult) -> dict[str, Any] | None:
    """Return what the resident made the value of an execution; None where that is not its own.

    It is as hostile as everything from a session, and its length is bounded.
    """
    try:
        # Some builds of the service turn a text that is JSON into what it says.
        value = result.result
        answer = json.loads(unquote(value)) if isinstance(value, str) else value
        if isinstance(answer, dict) and isinstance(packed := answer.get("zlib"), str):
            inflater = zlib.decompressobj()
            text = inflater.decompress(base64.urlsafe_b64decode(packed), MAX_VALUE_BYTES)
            answer = json.loads(text)
    except (ValueError, RecursionError, zlib.error):
        return None
    return answer if result.succeeded and isinstance(answer, dict) else None


def read_answer(result: ExecutionResult) -> dict[str, Any]:
    """Return what the resident answered; it is as hostile as everything from a session.

    Raises:
        UnexpectedAnswerError: it is no answer of the resident's.
    """
    answer = own_value(result)
    if answer is None:
        raise UnexpectedAnswerError(
            "The session did not answer as its Python should. If this repeats, restart the kernel."
        )
    return answer


def nobody_there(result: ExecutionResult) -> bool:
    """Whether a cell did not run because the interpreter is another one than it was for."""
    return _NOT_THERE.match(COLOUR.sub("", result.stderr)) is not None


def taken_over(result: ExecutionResult) -> bool:
    """Whether a cell did not run because another kernel has taken the session over."""
    return _TAKEN_OVER.match(COLOUR.sub("", result.stderr)) is not None
