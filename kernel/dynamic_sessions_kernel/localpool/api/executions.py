"""Executions as both generations of the API ask for them: rules of the bodies, and headers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.localpool import errors
from dynamic_sessions_kernel.localpool.sessions.results import CAP_CHARS

from .routes import execution_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamic_sessions_kernel.localpool.profiles import Profile
    from dynamic_sessions_kernel.localpool.sessions.results import Result
    from dynamic_sessions_kernel.localpool.sessions.session import Execution, Kind, Session

    from .routes import ApiRequest

#: The most that can be asked for (docs/service.md, "API generations"), and the default.
LONGEST_SECONDS = 220
USUAL_SECONDS = 60
#: What a Node pool says of Python (C: no recorded answer is known).
NO_JAVASCRIPT = "SyntaxError: the code is not JavaScript"


def code_of(body: Mapping[str, Any]) -> str:
    """Return the code of an execution.

    Raises:
        Refusal: there is none, or it comes in a way that is unknown.
    """
    kind, code = body.get("codeInputType", "inline"), body.get("code")
    if not isinstance(kind, str) or kind.lower() != "inline":
        raise errors.invalid("codeInputType must be Inline.")
    if not isinstance(code, str):
        raise errors.invalid("code is required and must be a string.")
    return code


def refuse_other_pools(profile: Profile) -> None:
    """Refuse a body that this kind of pool does not take.

    Raises:
        Refusal: a Shell pool takes commands and no code (docs/service.md, "Pool types").
    """
    if profile.runs == "refused":
        raise errors.properties_missing("shellCommand or execCommandAndArgs is required.")


def run(
    call: ApiRequest,
    session: Session,
    code: str,
    seconds: int,
    *,
    cap: int = CAP_CHARS,
    kind: Kind = "Synchronous",
) -> Execution:
    """Start an execution as this kind of pool does, under the name that the caller gave it."""
    if call.profile.runs == "javascript":
        return session.fail(NO_JAVASCRIPT, execution_id=call.operation_id, kind=kind)
    return session.execute(code, seconds, cap, execution_id=call.operation_id, kind=kind)


def is_asynchronous(body: Mapping[str, Any]) -> bool:
    """Whether the answer is not to wait for the execution's end.

    Raises:
        Refusal: the type is unknown.
    """
    kind = body.get("executionType", "synchronous")
    if not isinstance(kind, str) or kind.lower() not in ("synchronous", "asynchronous"):
        raise errors.invalid("executionType must be Synchronous or Asynchronous.")
    return kind.lower() == "asynchronous"


def seconds_of(body: Mapping[str, Any]) -> int:
    """Return the time limit that is asked for.

    Raises:
        Refusal: it is out of bounds.
    """
    seconds = body.get("timeoutInSeconds")
    if seconds is None:
        return USUAL_SECONDS
    if (
        not isinstance(seconds, int)
        or isinstance(seconds, bool)
        or not 1 <= seconds <= LONGEST_SECONDS
    ):
        raise errors.invalid(f"timeoutInSeconds must be between 1 and {LONGEST_SECONDS}.")
    return seconds


class Clock:
    """Measures a call for the headers that its answer carries."""

    def __init__(self) -> None:
        self._began = self._allocated = time.monotonic()
        self._new = False

    def allocated(self, session: Session) -> None:
        """Note that the session is there, and whether this call is the first that uses it."""
        self._allocated = time.monotonic()
        self._new = session.uses == 1

    def headers(
        self,
        call: ApiRequest,
        session: Session,
        execution: Execution,
        result: Result | None = None,
    ) -> dict[str, str]:
        """Return the headers of an execution's answer; all times in milliseconds."""
        headers = execution_headers(call, session, execution.id)
        if not call.profile.describes_executions:
            return headers
        headers["X-Ms-New-Allocation"] = "true" if self._new else "false"
        headers["x-ms-allocation-time"] = _milliseconds(self._allocated - self._began)
        headers["x-ms-overall-execution-time"] = _milliseconds(time.monotonic() - self._began)
        if result is not None:
            headers["x-ms-container-execution-duration"] = str(result.milliseconds)
        return headers


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
