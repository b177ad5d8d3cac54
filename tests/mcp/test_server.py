"""The server as the SDK's own client meets it: a process, over stdio."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from mcp import Client, MCPError, StdioServerParameters

from dynamic_sessions_kernel.errors import CommandError
from dynamic_sessions_kernel.mcp.workspace import Workspace
from tests.support.pool import LocalPool

COMMAND = ["-m", "dynamic_sessions_kernel.mcp"]
PLOT = "import matplotlib.pyplot as plt; plt.plot([1, 4, 9]); plt.show()"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def connect(local_pool: LocalPool, tmp_path: Path):
    """Starts a server, as a client's configuration has it; its folder has a module in the way."""
    (tmp_path / "mcp.py").write_text("raise SystemExit('a file of the folder was imported')")

    @asynccontextmanager
    async def start(**settings: str):
        environment = {**os.environ, **local_pool.environment, **settings}
        parameters = StdioServerParameters(
            command=sys.executable, args=COMMAND, env=environment, cwd=tmp_path
        )
        async with Client(parameters, read_timeout_seconds=90) as client:
            yield client

    return start


def text(result) -> str:
    return result.content[0].text


async def run(client: Client, code: str) -> dict:
    return json.loads(text(await client.call_tool("run_python", {"code": code})))


pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_code_runs_in_a_session_of_the_client_s_own_that_ends_with_it(
    connect, local_pool: LocalPool
) -> None:
    before = local_pool.identifiers()
    async with connect() as client:
        offered = {tool.name for tool in (await client.list_tools()).tools}
        assert offered == {"run_python", "reset", "list_files", "upload", "download"}
        assert local_pool.identifiers() <= before  # nothing is started before it is wanted
        await run(client, "kept = 20")
        assert (await run(client, "kept + 1"))["result"] == 21
        async with connect() as other:
            assert (await run(other, "'kept' in globals()"))["result"] is False
        assert (await client.call_tool("reset")).is_error is not True
        assert (await run(client, "'kept' in globals()"))["result"] is False
        assert len(local_pool.identifiers() - before) == 1
    assert local_pool.identifiers() <= before


async def test_errors_and_images_are_the_protocol_s(connect) -> None:
    async with connect() as client:
        failed = await client.call_tool("run_python", {"code": "1 / 0"})
        assert failed.is_error
        assert json.loads(text(failed))["error"] == "ZeroDivisionError: division by zero"
        told, image = (await client.call_tool("run_python", {"code": PLOT})).content
        assert (image.type, image.mime_type) == ("image", "image/png")
        assert base64.b64decode(image.data).startswith(b"\x89PNG")
        assert image.data not in told.text


async def test_code_is_not_searched_for_commands(connect, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("mine")
    async with connect(DYNAMIC_SESSIONS_ALLOW=str(tmp_path)) as client:
        await run(client, f"%upload {tmp_path / 'secret.txt'}")
        assert "secret" not in text(await client.call_tool("list_files"))


async def test_files_go_and_come_by_path_within_what_is_allowed(connect, tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "in.csv").write_text("a,b\n1,2\n")
    async with connect(DYNAMIC_SESSIONS_ALLOW=str(allowed)) as client:
        sent = await client.call_tool("upload", {"local_path": str(allowed / "in.csv")})
        assert text(sent) == "It is /mnt/data/in.csv in the sandbox, 8 bytes."
        await run(client, "open('/mnt/data/out.txt', 'w').write(open('/mnt/data/in.csv').read())")
        assert "/mnt/data/out.txt 8" in text(await client.call_tool("list_files")).splitlines()
        target = str(allowed / "out.txt")
        paths = {"remote_path": "out.txt", "local_path": target}
        assert not (await client.call_tool("download", paths)).is_error
        assert (allowed / "out.txt").read_text() == "a,b\n1,2\n"
        again = await client.call_tool("download", paths)
        assert again.is_error
        assert "is there and was left alone" in text(again)
        missing = {"remote_path": "missing", "local_path": str(allowed / "missing")}
        assert (await client.call_tool("download", missing)).is_error
        assert sorted(file.name for file in allowed.iterdir()) == ["in.csv", "out.txt"]


async def test_a_call_that_takes_long_reports_progress_and_can_be_cancelled(connect) -> None:
    seen: list[float] = []
    reported = anyio.Event()

    async def progress(done: float, _total: float | None, _message: str | None) -> None:
        seen.append(done)
        reported.set()

    async with connect() as client:
        await run(client, "import time")
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:

                async def work() -> None:
                    await client.call_tool(
                        "run_python", {"code": "time.sleep(4); late = 1"},
                        progress_callback=progress,
                    )  # fmt: skip

                tasks.start_soon(work)
                await reported.wait()
                tasks.cancel_scope.cancel()
        assert seen[0] >= 2
        assert (await run(client, "late"))["result"] == 1  # it waited; nothing ran twice


async def test_a_pool_that_refuses_is_a_tool_s_error_without_the_token(connect) -> None:
    async with connect(DYNAMIC_SESSIONS_TOKEN="not-of-this-pool") as client:
        refused = await client.call_tool("run_python", {"code": "1"})
        assert refused.is_error
        assert "DYNAMIC_SESSIONS_TOKEN" in text(refused)
        assert "not-of-this-pool" not in text(refused)


async def test_a_setting_that_cannot_be_used_ends_the_server(connect) -> None:
    with pytest.raises((MCPError, ExceptionGroup)):
        async with connect(DYNAMIC_SESSIONS_RUNTIME="fast") as client:
            await client.list_tools()


def test_a_server_that_is_terminated_deletes_its_session(local_pool: LocalPool) -> None:
    before = local_pool.identifiers()
    told = {"name": "by hand", "version": "1"}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": told}
    call = {"name": "run_python", "arguments": {"code": "6 * 7"}}
    server = subprocess.Popen(
        [sys.executable, *COMMAND],
        env={**os.environ, **local_pool.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for message in (
        {"id": 1, "method": "initialize", "params": hello},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": call},
    ):
        server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        server.stdin.flush()
    answers = (json.loads(line) for line in server.stdout)
    answered = next(answer for answer in answers if answer.get("id") == 2)
    assert '"result": 42' in answered["result"]["content"][0]["text"]
    assert len(local_pool.identifiers() - before) == 1
    server.terminate()
    server.communicate(timeout=60)
    assert server.returncode == 128 + signal.SIGTERM
    assert local_pool.identifiers() <= before


def test_without_the_sdk_it_says_what_to_install() -> None:
    script = (
        "import runpy, sys; sys.modules['mcp'] = sys.modules['mcp.server.mcpserver'] = None\n"
        "sys.argv = ['mcp']; runpy.run_module('dynamic_sessions_kernel.mcp', run_name='__main__')"
    )
    ended = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "pip install 'dynamic-sessions-kernel[mcp]'" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One that allows a folder, and would fail loudly at a pool: nothing may be sent."""

    def unwanted():
        raise AssertionError("nothing is sent before a path is checked")

    (tmp_path / "allowed").mkdir()
    (tmp_path / "outside.txt").write_text("mine")
    (tmp_path / "allowed" / "link.txt").symlink_to(tmp_path / "outside.txt")
    (tmp_path / "allowed" / "linked").symlink_to(tmp_path)
    return Workspace(unwanted, [str(tmp_path / "allowed")])


@pytest.mark.parametrize(
    "path",
    [
        "outside.txt",
        "allowed/../outside.txt",
        "allowed/link.txt",
        "allowed/linked/outside.txt",
        "allowed-too/file.txt",
    ],
)
def test_no_path_leads_out_of_what_is_allowed(workspace, tmp_path: Path, path: str) -> None:
    for go in (lambda at: workspace.upload(at, ""), lambda at: workspace.download("a", at)):
        with pytest.raises(CommandError, match="outside of what is allowed"):
            go(f"{tmp_path}/{path}")
    assert (tmp_path / "outside.txt").read_text() == "mine"


@pytest.mark.parametrize("path", ["file.txt", "~/file.txt", "", "\0"])
def test_a_path_that_is_not_whole_is_refused(workspace, path: str) -> None:
    with pytest.raises(CommandError, match="whole path"):
        workspace.upload(path, "")


@pytest.mark.parametrize(
    "name",
    [
        ".bashrc",
        "run.sh",
        "sitecustomize.py",
        "Makefile",
        "a:b",
        ".ssh/authorized_keys",
        ".git/hook",
    ],
)
def test_what_this_machine_may_run_is_not_brought(workspace, tmp_path: Path, name: str) -> None:
    (tmp_path / "allowed" / name).parent.mkdir(exist_ok=True)
    with pytest.raises(CommandError, match="Choose another name"):
        workspace.download("a", str(tmp_path / "allowed" / name))
    assert not (tmp_path / "allowed" / name).exists()


def test_without_a_folder_that_is_allowed_nothing_goes_or_comes(tmp_path: Path) -> None:
    closed = Workspace(lambda: None, [])
    with pytest.raises(CommandError, match="DYNAMIC_SESSIONS_ALLOW"):
        closed.upload(str(tmp_path / "a"), "")
