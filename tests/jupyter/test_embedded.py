"""A kernel without an endpoint: the person's own pool, started by the first cell."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from nbclient import NotebookClient


@pytest.fixture
def runtime_folder(tmp_path):
    """A Jupyter runtime folder of the test's own; the pool that is started there is ended."""
    yield tmp_path
    for file in tmp_path.glob("dynamic-sessions-pool-*.json"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(json.loads(file.read_text())["pid"], signal.SIGTERM)


@pytest.fixture
def personal(start_notebook, runtime_folder):
    started = []

    def start(runtime: str = "direct"):
        settings = {
            "JUPYTER_RUNTIME_DIR": str(runtime_folder),
            "DYNAMIC_SESSIONS_RUNTIME": runtime,
        }
        started.append(start_notebook(settings))
        return started[-1]

    yield start
    for notebook in started:
        notebook.close()


def pools(folder: Path) -> list[int]:
    files = folder.glob("dynamic-sessions-pool-*.json")
    return [json.loads(file.read_text())["pid"] for file in files]


def end_pool(folder: Path) -> None:
    """Kill the pool, and wait until it takes no connections."""
    (file,) = folder.glob("dynamic-sessions-pool-*.json")
    told = json.loads(file.read_text())
    where = urlsplit(told["endpoint"])
    os.kill(told["pid"], signal.SIGKILL)
    with contextlib.suppress(ConnectionError):
        while True:
            socket.create_connection((where.hostname, where.port), timeout=5).close()


def test_the_first_cell_starts_the_pool_and_says_so_once(personal, runtime_folder) -> None:
    first = personal()
    assert pools(runtime_folder) == []
    ran = first.run("1 + 1")
    assert ran.result == "2"
    (notice,) = ran.notices.splitlines()
    assert "embedded pool" in notice
    assert "sandbox" in notice
    assert first.run("1 + 1").notices == ""
    second = personal()
    assert second.run("2 + 2").notices == ""
    assert len(pools(runtime_folder)) == 1


@pytest.mark.parametrize("runtime", ["direct", "bridge"])
def test_a_pool_that_ended_is_told_and_the_next_cell_starts_another(
    personal, runtime_folder, runtime
) -> None:
    notebook = personal(runtime)
    notebook.run("x = 1")
    end_pool(runtime_folder)
    error = notebook.run("x = 2").error
    assert error.startswith("SessionLostError: ")
    assert notebook.run("'x' in dir()").result == "False"


def test_nbclient_executes_a_notebook(direct, local_pool, tmp_path) -> None:
    cells = ["x = 20", "print('said')\nx + 1", "raise ValueError('meant')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.cells[2].metadata["tags"] = ["raises-exception"]
    client = NotebookClient(notebook, km=direct.manager, timeout=60)
    client.kc = direct.client
    with client.setup_kernel():
        client.execute()
    said, shown = notebook.cells[1].outputs
    assert (said.text, shown.data["text/plain"]) == ("said\n", "21")
    (error,) = notebook.cells[2].outputs
    assert (error.ename, error.evalue) == ("ValueError", "meant")
