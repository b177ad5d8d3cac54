"""The legacy generation of the API: `/code/execute`, bodies under `properties`, `$id`s."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.localpool import errors
from dynamic_sessions_kernel.localpool.sessions.results import CAP_CHARS

from . import executions, files
from .routes import ApiRequest, ApiResponse, Route, operation_headers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamic_sessions_kernel.localpool.sessions.files import Entry


async def _execute(call: ApiRequest) -> ApiResponse:
    executions.refuse_other_pools(call.profile)
    body = call.json().get("properties")
    if not isinstance(body, dict):
        raise errors.properties_missing("The body has no properties.")
    code, seconds = executions.code_of(body), executions.seconds_of(body)
    if executions.is_asynchronous(body):
        raise errors.invalid("executionType must be synchronous.")
    clock = executions.Clock()
    async with call.store.using(call.identifier) as session:
        clock.allocated(session)
        execution = executions.run(call, session, code, seconds)
        result = await execution.over()
        properties = {
            "$id": "2",
            "status": "Success" if result.succeeded else "Failure",
            "stdout": result.stdout[:CAP_CHARS],
            "stderr": result.stderr[:CAP_CHARS],
            "result": "" if result.value is None else result.value,
            "executionTimeInMilliseconds": result.milliseconds,
        }
        described = {"$id": "1", "properties": properties}
        return ApiResponse(
            200, described, clock.headers(call, session, execution, result), ran=True
        )


async def _upload(call: ApiRequest) -> ApiResponse:
    entries = []
    headers: dict[str, str] = {}
    for received in call.files:
        entry, headers = await files.keep(call, received, "")
        entries.append(entry)
    return ApiResponse(200, _listing(entries), headers)


async def _list(call: ApiRequest) -> ApiResponse:
    async with call.store.using(call.identifier) as session:
        entries = await asyncio.to_thread(session.tree.entries, (), recursive=True)
        found = (entry for entry in entries if not entry.is_folder)
        return ApiResponse(200, _listing(found), operation_headers())


async def _download(call: ApiRequest) -> ApiResponse:
    return await files.send(call, "", call.arguments[0])


async def _delete(call: ApiRequest) -> ApiResponse:
    return await files.remove(call, "", call.arguments[0], 200)


def _listing(entries: Iterable[Entry]) -> dict[str, Any]:
    ids = (str(number) for number in itertools.count(1))
    return {
        "$id": next(ids),
        "value": [
            {
                "$id": next(ids),
                "properties": {
                    "$id": next(ids),
                    "filename": "/".join((*entry.folders, entry.name)),
                    "size": entry.size,
                    "lastModifiedTime": files.moment(entry.modified),
                },
            }
            for entry in entries
        ],
    }


ROUTES = (
    Route("POST", re.compile("code/execute"), _execute, "json"),
    Route("POST", re.compile("files/upload"), _upload, "upload"),
    Route("GET", re.compile("files"), _list),
    Route("GET", re.compile("files/content/(.+)"), _download),
    Route("DELETE", re.compile("files/(.+)"), _delete),
)
