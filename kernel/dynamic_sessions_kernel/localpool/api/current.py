"""The current generation of the API: `/executions`, flat bodies, folders."""

from __future__ import annotations

import asyncio
import mimetypes
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dynamic_sessions_kernel.localpool import errors
from dynamic_sessions_kernel.localpool.sessions.remote_paths import folder_parts
from dynamic_sessions_kernel.localpool.sessions.results import CAP_CHARS

from . import executions, files
from .routes import ApiRequest, ApiResponse, Route, execution_headers, operation_headers, paged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamic_sessions_kernel.api_versions import ApiVersion
    from dynamic_sessions_kernel.localpool.profiles import Profile
    from dynamic_sessions_kernel.localpool.sessions.files import Entry
    from dynamic_sessions_kernel.localpool.sessions.results import Result
    from dynamic_sessions_kernel.localpool.sessions.session import Execution, Kind

#: Files on one page of a listing.
PAGE = 1000


async def _execute(call: ApiRequest) -> ApiResponse:
    executions.refuse_other_pools(call.profile)
    body = call.json()
    if "properties" in body:
        raise errors.properties_missing("The body of this api-version has no properties.")
    code, seconds, cap = (
        executions.code_of(body),
        executions.seconds_of(body),
        _cap(body, call.version),
    )
    kind: Kind = "Asynchronous" if executions.is_asynchronous(body) else "Synchronous"
    clock = executions.Clock()
    async with call.store.using(call.identifier) as session:
        clock.allocated(session)
        execution = executions.run(call, session, code, seconds, cap=cap, kind=kind)
        if kind == "Asynchronous":
            described = _execution(call, execution)
            return ApiResponse(202, described, clock.headers(call, session, execution))
        result = await execution.over()
        status = 202 if call.version.accepts_synchronous else 200
        described = _execution(call, execution)
        return ApiResponse(
            status, described, clock.headers(call, session, execution, result), ran=True
        )


async def _poll(call: ApiRequest) -> ApiResponse:
    async with call.store.using(call.identifier) as session:
        execution = session.execution(call.arguments[0])
        if execution is None:
            raise errors.Refusal(
                404, "ExecutionNotFound", "The session knows no execution of this id."
            )
        return ApiResponse(
            200, _execution(call, execution), execution_headers(call, session, execution.id)
        )


async def _upload(call: ApiRequest) -> ApiResponse:
    if len(call.files) > 1:
        raise errors.invalid("An upload holds one file.")
    entry, headers = await files.keep(call, call.files[0], call.folder)
    described = _file(entry, call.profile)
    if not call.profile.describes_uploads:
        described |= {"contentType": "", "type": ""}
    return ApiResponse(200, [described] if call.profile.bare_arrays else described, headers)


async def _list(call: ApiRequest) -> ApiResponse:
    folders = folder_parts(call.folder)
    recursive = call.version.lists_recursively and call.query.get("recursive", "").lower() == "true"
    start = call.query.get("skip", "0")
    if not re.fullmatch(r"\d{1,9}", start, re.ASCII):
        raise errors.invalid("skip must be a number.")
    async with call.store.using(call.identifier) as session:
        entries = await asyncio.to_thread(session.tree.entries, folders, recursive=recursive)
        end = int(start) + PAGE
        above = len(folders) if recursive and call.profile.from_listed_folder else 0
        if call.profile.bare_arrays:
            # An array has no room for a link to a next page, so all of it is on this one.
            end = len(entries)
        page = [_file(entry, call.profile, above) for entry in entries[int(start) : end]]
        link = (
            f"{call.url}?{urlencode({**call.query, 'skip': end})}" if end < len(entries) else None
        )
        described: Any = (
            page if call.profile.bare_arrays else paged("value", page, link, call.profile)
        )
        return ApiResponse(200, described, operation_headers())


async def _describe(call: ApiRequest) -> ApiResponse:
    folders, name = files.joined(call.folder, _name(call))
    async with call.store.using(call.identifier) as session:
        entry = await asyncio.to_thread(session.tree.entry, folders, name)
        return ApiResponse(200, _file(entry, call.profile), operation_headers())


async def _download(call: ApiRequest) -> ApiResponse:
    return await files.send(call, call.folder, _name(call))


async def _delete(call: ApiRequest) -> ApiResponse:
    return await files.remove(call, call.folder, _name(call), 204)


def _name(call: ApiRequest) -> str:
    name = call.arguments[0]
    if "/" in name:
        raise errors.bad_name("The file name is invalid: its folder goes into `path`.")
    return name


def _cap(body: Mapping[str, Any], version: ApiVersion) -> int:
    cap = body.get("outputStreamsMaxLength") if version.limits_output else None
    if cap is None:
        return CAP_CHARS
    if not isinstance(cap, int) or isinstance(cap, bool) or cap < 1:
        raise errors.invalid("outputStreamsMaxLength must be a positive number.")
    return cap


def _execution(call: ApiRequest, execution: Execution) -> dict[str, Any]:
    described: dict[str, Any] = {
        "id": execution.id,
        "identifier": call.identifier,
        "executionType": execution.kind,
        "status": execution.state,
    }
    result = execution.result
    if result is not None:
        described["status"] = result.status
        described["result"] = _result(result, execution.cap, call.version)
    return described


def _result(result: Result, cap: int, version: ApiVersion) -> dict[str, Any]:
    nothing = "" if version.accepts_synchronous else None
    return {
        "stdout": result.stdout[:cap],
        "stderr": result.stderr[:cap],
        "executionResult": nothing if result.value is None else result.value,
        "executionTimeInMilliseconds": result.milliseconds,
    }


def _file(entry: Entry, profile: Profile, above: int = 0) -> dict[str, Any]:
    """Return an entry; `above` folders of its path are left out of its `directory`."""
    guess = "" if entry.is_folder else mimetypes.guess_type(entry.name)[0]
    return {
        "name": entry.name,
        "sizeInBytes": entry.size,
        "lastModifiedAt": files.moment(entry.modified),
        "contentType": "application/octet-stream" if guess is None else guess,
        "type": profile.folder_type if entry.is_folder else profile.file_type,
        "directory": "/".join(entry.folders[above:]) or profile.top,
    }


ROUTES = (
    Route("POST", re.compile("executions"), _execute, "json"),
    Route("GET", re.compile("executions/([^/]+)"), _poll),
    Route("POST", re.compile("files"), _upload, "upload"),
    Route("GET", re.compile("files"), _list),
    Route("GET", re.compile("files/(.+)/content"), _download),
    Route("GET", re.compile("files/(.+)"), _describe),
    Route("DELETE", re.compile("files/(.+)"), _delete),
)
