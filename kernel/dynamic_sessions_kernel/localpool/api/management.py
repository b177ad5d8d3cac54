"""Calls about sessions and the pool themselves, which api-versions have from 2025-02-02 on."""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import platform
import re
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.localpool import errors

from .files import moment
from .routes import ApiRequest, ApiResponse, Route

if TYPE_CHECKING:
    from dynamic_sessions_kernel.localpool.sessions.session import Session
    from dynamic_sessions_kernel.localpool.sessions.store import SessionStore

#: Sessions on one page of a listing.
PAGE = 50


async def _describe(call: ApiRequest) -> ApiResponse:
    session = call.store.find(call.identifier)
    if session is None:
        raise errors.no_session("NoSessionFoundError")
    return ApiResponse(200, _session(call.store, session))


async def _end(call: ApiRequest) -> ApiResponse:
    if not call.store.end(call.identifier):
        raise errors.no_session("SessionWithIdentifierNotFound")
    return ApiResponse(204)


async def _list(call: ApiRequest) -> ApiResponse:
    skip = call.query.get("skip", "0")
    if not re.fullmatch(r"\d{1,9}", skip, re.ASCII):
        raise errors.invalid("skip must be a number.")
    page = call.store.living()[int(skip) : int(skip) + PAGE]
    return ApiResponse(200, {"value": [_session(call.store, session) for session in page]})


async def _metadata(call: ApiRequest) -> ApiResponse:
    packages = await asyncio.to_thread(_packages)
    told = {
        "runtimes": [{"name": "Python", "version": platform.python_version()}],
        "preInstalledPackages": packages,
        # Not the service's: what this machine keeps sessions apart with.
        "sandbox": call.store.sandbox_name,
    }
    return ApiResponse(200, told)


def _session(store: SessionStore, session: Session) -> dict[str, Any]:
    return {
        "identifier": session.identifier,
        "etag": session.etag,
        "createdAt": moment(session.created),
        "lastAccessedAt": moment(session.accessed),
        "expireAt": moment(store.expires(session)),
    }


@functools.cache
def _packages() -> list[dict[str, str]]:
    """Return what the pool's own interpreter has, which is the sessions' too."""
    versions: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        # Of several of one name, the first on the path is the one that is imported.
        if name:
            versions.setdefault(name, distribution.version)
    return [{"name": name, "version": versions[name]} for name in sorted(versions, key=str.lower)]


ROUTES = (
    Route("GET", re.compile("session"), _describe),
    Route("DELETE", re.compile("session"), _end),
    Route("GET", re.compile("listSessions"), _list, names_session=False),
    Route("GET", re.compile("metadata"), _metadata, names_session=False),
)
