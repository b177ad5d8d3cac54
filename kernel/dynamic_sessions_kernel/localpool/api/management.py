"""Calls about sessions and the pool themselves, which api-versions have from 2025-02-02 on.

Pools of code interpreters have them at `/session` and `/listSessions`, custom-container pools at
`/.management` (docs/service.md, "Pool types").
"""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dynamic_sessions_kernel.localpool import errors

from .files import moment
from .routes import ApiRequest, ApiResponse, PlainText, Route, paged

if TYPE_CHECKING:
    from dynamic_sessions_kernel.localpool.profiles import Profile
    from dynamic_sessions_kernel.localpool.sandbox.python import SessionPython
    from dynamic_sessions_kernel.localpool.sessions.session import Session

#: Sessions on one page of a listing.
PAGE = 50
_POOL_NAME = "local"
#: The same at `/.management/listSessions`.
_MANAGEMENT_PAGE = 300


async def _describe(call: ApiRequest) -> ApiResponse:
    return ApiResponse(200, _session(call, _found(call)))


async def _end(call: ApiRequest) -> ApiResponse:
    if not call.store.end(call.identifier):
        raise errors.no_session("SessionWithIdentifierNotFound")
    return ApiResponse(204)


async def _list(call: ApiRequest) -> ApiResponse:
    page, link = _page(call, PAGE)
    return ApiResponse(200, paged("sessions", page, link, call.profile))


async def _metadata(call: ApiRequest) -> ApiResponse:
    profile, python = call.profile, call.store.python
    is_python = profile.runtime == "Python"
    started = moment(call.store.started)
    kernel = profile.kernel
    described = {
        "runtimes": [{"name": profile.runtime, "version": python.version if is_python else ""}],
        "preInstalledPackages": await asyncio.to_thread(_packages, python) if is_python else [],
        "createdAt": started,
        "lastUpdatedAt": started,
        "jupyterKernel": {
            "name": kernel.name,
            "version": kernel.version or importlib.metadata.version(kernel.name),
            "projectUrl": kernel.url,
            "description": kernel.description,
        },
        # Not the service's: what this machine keeps sessions apart with.
        "sandbox": call.store.sandbox_name,
    }
    return ApiResponse(200, described)


async def _manage_description(call: ApiRequest) -> ApiResponse:
    return ApiResponse(200, _managed(_session(call, _found(call))))


async def _manage_end(call: ApiRequest) -> ApiResponse:
    if not call.store.end(call.identifier):
        raise errors.no_session("SessionWithIdentifierNotFound")
    words = f"Session {call.identifier} in session pool {_POOL_NAME} stopped."
    return ApiResponse(200, PlainText(words))


async def _manage_list(call: ApiRequest) -> ApiResponse:
    page, link = _page(call, _MANAGEMENT_PAGE)
    sessions = [_managed(session) for session in page]
    return ApiResponse(200, {"value": sessions, "count": len(sessions), "nextLink": link})


def routes(profile: Profile) -> tuple[Route, ...]:
    """Return the calls about sessions that this kind of pool has."""
    return _MANAGEMENT_ROUTES if profile.sessions == "management" else _SESSION_ROUTES


def _found(call: ApiRequest) -> Session:
    session = call.store.find(call.identifier)
    if session is None:
        raise errors.no_session("NoSessionFoundError")
    return session


def _page(call: ApiRequest, size: int) -> tuple[list[dict[str, Any]], str | None]:
    """Return the sessions after the first `skip`, and the link to those behind them."""
    skip = call.query.get("skip", "0")
    if not re.fullmatch(r"\d{1,9}", skip, re.ASCII):
        raise errors.invalid("skip must be a number.")
    living, end = call.store.living(), int(skip) + size
    link = f"{call.url}?{urlencode({**call.query, 'skip': end})}" if end < len(living) else None
    return [_session(call, session) for session in living[int(skip) : end]], link


def _session(call: ApiRequest, session: Session) -> dict[str, Any]:
    return {
        "identifier": session.identifier,
        "etag": session.etag,
        "createdAt": moment(session.created),
        "lastAccessedAt": moment(session.accessed),
        "expireAt": moment(call.store.expires(session)),
    }


def _managed(session: dict[str, Any]) -> dict[str, Any]:
    """Return a session as `/.management` writes it: with `expiresAt`."""
    managed = dict(session)
    managed["expiresAt"] = managed.pop("expireAt")
    return managed


@functools.cache
def _packages(python: SessionPython) -> list[dict[str, str]]:
    """Return what the sessions' interpreter has."""
    versions: dict[str, str] = {}
    for distribution in importlib.metadata.distributions(path=list(python.packages)):
        name = distribution.metadata["Name"]
        # Of several of one name, the first on the path is the one that is imported.
        if name:
            versions.setdefault(name, distribution.version)
    return [{"name": name, "version": versions[name]} for name in sorted(versions, key=str.lower)]


_STOP = Route("POST", re.compile(r"\.management/stopSession"), _manage_end)

_SESSION_ROUTES = (
    Route("GET", re.compile("session"), _describe),
    Route("DELETE", re.compile("session"), _end),
    Route("GET", re.compile("listSessions"), _list, names_session=False),
    Route("GET", re.compile("metadata"), _metadata, names_session=False),
    # The published definitions have this one beside `DELETE /session`.
    _STOP,
)
_MANAGEMENT_ROUTES = (
    _STOP,
    Route("POST", re.compile(r"\.management/getSession"), _manage_description),
    Route("POST", re.compile(r"\.management/listSessions"), _manage_list, names_session=False),
)
