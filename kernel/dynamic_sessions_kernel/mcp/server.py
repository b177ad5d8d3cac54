"""The protocol's tools, each a call of the workspace in a thread, with progress meanwhile."""

from __future__ import annotations

import base64
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Context, MCPServer
from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent, ToolAnnotations

from dynamic_sessions_kernel._version import __version__
from dynamic_sessions_kernel.errors import DynamicSessionsError
from dynamic_sessions_kernel.tools.python import DESCRIPTION, as_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from .workspace import Workspace

    T = TypeVar("T")

_PROGRESS_SECONDS = 2.0
_MOST_FILES = 200
_INSTRUCTIONS = (
    "A Python sandbox in the cloud, of this client's own. Variables and files live on between "
    "calls, until it was idle for long; a result says when they are gone."
)


def make_server(workspace: Workspace) -> MCPServer[None]:
    """Return the server; at its end the workspace's session ends.

    Args:
        workspace: of the one client.
    """

    @asynccontextmanager
    async def lifespan(_server: MCPServer[None]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(workspace.close)

    server = MCPServer[None](
        "dynamic-sessions",
        title="Dynamic Sessions (Python)",
        instructions=_INSTRUCTIONS,
        version=__version__,
        lifespan=lifespan,
        log_level="WARNING",
    )
    _add_python(server, workspace)
    _add_files(server, workspace)
    return server


def _add_python(server: MCPServer[None], workspace: Workspace) -> None:
    @server.tool(description=DESCRIPTION, annotations=ToolAnnotations(open_world_hint=False))
    async def run_python(code: str, context: Context[Any, Any]) -> CallToolResult:
        try:
            told, image = await _in_thread(context, lambda: workspace.run(code))
        except DynamicSessionsError as error:
            return _failed(error)
        content: list[ContentBlock] = [TextContent(type="text", text=as_text(told))]
        if image is not None:
            data = base64.b64encode(image.data).decode()
            content.append(ImageContent(type="image", data=data, mime_type=image.mime_type))
        return CallToolResult(content=content, is_error=bool(told["error"]))

    @server.tool(annotations=ToolAnnotations(destructive_hint=True, open_world_hint=False))
    async def reset(context: Context[Any, Any]) -> CallToolResult:
        """End the sandbox with its variables and files; the next call starts a fresh one."""
        return await _said(context, workspace.reset, lambda _: "The sandbox is gone.")


def _add_files(server: MCPServer[None], workspace: Workspace) -> None:
    @server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    async def list_files(context: Context[Any, Any], folder: str = "") -> CallToolResult:
        """List a folder of the sandbox, by default /mnt/data, with sizes in bytes."""

        def told(found: list[Any]) -> str:
            rows = [
                f"{file.full_path}{'/' if file.is_directory else f' {file.size}'}" for file in found
            ]
            more = [f"and {len(rows) - _MOST_FILES} more"] if len(rows) > _MOST_FILES else []
            return "\n".join(rows[:_MOST_FILES] + more) or "There are no files."

        return await _said(context, lambda: workspace.files(folder), told)

    @server.tool(annotations=ToolAnnotations(open_world_hint=False))
    async def upload(
        context: Context[Any, Any], local_path: str, remote_path: str = ""
    ) -> CallToolResult:
        """Send a file of the person's machine into the sandbox.

        local_path is absolute, within a folder that the person allows; remote_path is relative to
        /mnt/data, by default the file's own name.
        """
        return await _said(
            context,
            lambda: workspace.upload(local_path, remote_path),
            lambda file: f"It is {file.full_path} in the sandbox, {file.size} bytes.",
        )

    @server.tool(annotations=ToolAnnotations(open_world_hint=False))
    async def download(
        context: Context[Any, Any], remote_path: str, local_path: str
    ) -> CallToolResult:
        """Bring a file of the sandbox to the person's machine; no file there is replaced.

        remote_path is relative to /mnt/data; local_path is the whole path of the new file, within a
        folder that the person allows.
        """
        return await _said(
            context,
            lambda: workspace.download(remote_path, local_path),
            lambda path: f"It is {path} on the person's machine.",
        )


async def _said(
    context: Context[Any, Any], work: Callable[[], T], sentence: Callable[[T], str]
) -> CallToolResult:
    """Return what came of a piece of work, as text."""
    try:
        done = await _in_thread(context, work)
    except (DynamicSessionsError, OSError) as error:
        return _failed(error)
    return CallToolResult(content=[TextContent(type="text", text=sentence(done))])


def _failed(error: Exception) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=str(error))], is_error=True)


async def _in_thread(context: Context[Any, Any], work: Callable[[], T]) -> T:
    """Do blocking work in a thread, and report the seconds that it has taken.

    A client that cancels is free at once. The service ends no execution for that: the code goes on
    to its end in the session, and the next call waits for it.
    """
    started = time.monotonic()
    done: list[T] = []
    failed: list[DynamicSessionsError | OSError] = []
    async with anyio.create_task_group() as tasks:

        async def report() -> None:
            while True:
                await anyio.sleep(_PROGRESS_SECONDS)
                await context.report_progress(round(time.monotonic() - started, 1))

        tasks.start_soon(report)
        try:
            done.append(await anyio.to_thread.run_sync(work, abandon_on_cancel=True))
        except (DynamicSessionsError, OSError) as error:
            failed.append(error)  # a group of tasks would wrap it
        tasks.cancel_scope.cancel()
    if failed:
        raise failed[0]
    return done[0]
