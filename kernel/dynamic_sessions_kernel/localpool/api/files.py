"""Files of a session, as both generations of the API handle them; blocking work goes to threads."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.localpool import errors
from dynamic_sessions_kernel.localpool.errors import Refusal
from dynamic_sessions_kernel.localpool.sessions.remote_paths import file_path

from .routes import ApiResponse, Download, operation_headers

if TYPE_CHECKING:
    from dynamic_sessions_kernel.localpool.sessions.files import Entry

    from .routes import ApiRequest
    from .uploads import Received


def joined(folder: str, name: str) -> tuple[tuple[str, ...], str]:
    """Take apart the path that a folder and a name make.

    Raises:
        Refusal: the service takes no such names.
    """
    return file_path(f"{folder.rstrip('/')}/{name}" if folder else name)


async def keep(call: ApiRequest, received: Received, folder: str) -> tuple[Entry, dict[str, str]]:
    """Move a file that arrived into the session.

    Raises:
        Refusal: the session has something else in its place, or takes no such name.
    """
    folders, name = joined(folder, received.name)
    async with call.store.using(call.identifier) as session:
        entry = await asyncio.to_thread(session.tree.place, received.path, folders, name)
        return entry, operation_headers()


async def send(call: ApiRequest, folder: str, path: str) -> ApiResponse:
    """Answer with the content of a file."""
    folders, name = joined(folder, path)
    async with call.store.using(call.identifier) as session:
        file, entry = await asyncio.to_thread(session.tree.open_file, folders, name)
        return ApiResponse(200, Download(file, entry.size), operation_headers())


async def remove(call: ApiRequest, folder: str, path: str, status: int) -> ApiResponse:
    """Delete a file and answer `status`."""
    folders, name = joined(folder, path)
    async with call.store.using(call.identifier) as session:
        try:
            await asyncio.to_thread(session.tree.delete, folders, name)
        except Refusal as refusal:
            if refusal.code != errors.NO_SUCH_FILE:
                raise
            raise errors.not_deleted(str(refusal)) from None
        return ApiResponse(status, None, operation_headers())


def moment(seconds: float) -> str:
    """Return a time as the service writes it: UTC, with seven digits of a second."""
    written = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"{written}0Z"
