"""A call to the pool and its answer, free of HTTP's machinery, and which code answers which call.

The two generations of the API are tables of `Route`s; the server finds the route and carries bytes.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

from dynamic_sessions_kernel.localpool import errors

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from dynamic_sessions_kernel.api_versions import ApiVersion
    from dynamic_sessions_kernel.localpool.profiles import Profile
    from dynamic_sessions_kernel.localpool.sessions.session import Session
    from dynamic_sessions_kernel.localpool.sessions.store import SessionStore

    from .uploads import Received


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """What is asked.

    Attributes:
        store: the pool's sessions.
        url: the address that was called, without its query.
        version: the api-version.
        profile: the kind of pool that answers.
        query: the last value of each parameter.
        arguments: what the route's pattern found in the path, decoded.
        body: the bytes of a body that is no upload.
        files: those of an upload.
        operation_id: the caller's name for an execution; empty where there is none.
    """

    store: SessionStore
    url: str
    version: ApiVersion
    profile: Profile
    query: Mapping[str, str]
    arguments: Sequence[str]
    body: bytes = b""
    files: Sequence[Received] = ()
    operation_id: str = ""

    @property
    def identifier(self) -> str:
        """The session that is meant."""
        return self.query["identifier"]

    @property
    def folder(self) -> str:
        """The folder that is meant, as it was asked for."""
        return self.query.get("path", "")

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            Refusal: it is none.
        """
        try:
            body = json.loads(self.body)
        except (ValueError, RecursionError):
            raise errors.malformed("The body is not valid JSON.") from None
        if not isinstance(body, dict):
            raise errors.malformed("The body is not a JSON object.")
        return body


@dataclass(frozen=True, slots=True)
class Download:
    """An open file that is to be sent.

    Attributes:
        file: its descriptor, closed by whoever sends it.
        size: how much of it, in bytes.
    """

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class PlainText:
    """A body that is text and no JSON."""

    text: str


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """What is answered.

    Attributes:
        body: JSON, a file, plain text, or None for nothing.
        ran: whether code ran for it, so that it can be lost like an execution's.
    """

    status: int
    body: Any | Download | PlainText = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ran: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One call of the API.

    Attributes:
        path: of the address below the pool's, each group of which is an argument.
        takes: what its body is; nothing at all where the call has none.
        names_session: whether it needs an identifier.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: re.Pattern[str]
    act: Callable[[ApiRequest], Awaitable[ApiResponse]]
    takes: Literal["nothing", "json", "upload"] = "nothing"
    names_session: bool = True


def find_route(routes: Sequence[Route], method: str, path: str) -> tuple[Route, list[str]]:
    """Find who answers, and the arguments in the path.

    Args:
        routes: of an api-version.
        method: of HTTP.
        path: below the pool's address, still quoted.

    Raises:
        Refusal: nobody does.
    """
    known = False
    for route in routes:
        found = route.path.fullmatch(path)
        if found is None:
            continue
        known = True
        if route.method == method:
            try:
                return route, [unquote(group, errors="strict") for group in found.groups()]
            except UnicodeDecodeError:
                raise errors.bad_name("The name in the address is not UTF-8.") from None
    if known:
        raise errors.not_supported(f"{method} is not supported here.")
    raise errors.no_such_pool()


def paged(name: str, page: list[Any], link: str | None, profile: Profile) -> dict[str, Any]:
    """Return a page of a listing with the link to the next one, if there is one."""
    if link is None and not profile.null_next_link:
        return {name: page}
    return {name: page, "nextLink": link}


def operation_headers(operation_id: str = "") -> dict[str, str]:
    """Return the header that names an operation; only executions' answers have further ones."""
    return {"operation-id": operation_id or str(uuid.uuid4())}


def execution_headers(call: ApiRequest, session: Session, operation_id: str) -> dict[str, str]:
    """Return the headers that name an execution and, where the pool does, what answers."""
    headers = operation_headers(operation_id)
    if call.profile.describes_executions:
        headers["x-ms-session-guid"] = session.guid
    return headers
