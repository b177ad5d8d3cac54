"""One line where people are stuck: a module or a package index that a session lacks."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.pool import running_pool


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("advice")
    (folder / "helpers.py").write_text("x = 1\n")
    return folder


@pytest.fixture(scope="module", params=["direct", "bridge"])
def embedded(start_notebook, tmp_path_factory, folder, request):
    """A notebook on the person's own pool."""
    runtime = tmp_path_factory.mktemp("runtime")
    notebook = start_notebook(
        {"JUPYTER_RUNTIME_DIR": str(runtime), "DYNAMIC_SESSIONS_RUNTIME": request.param}, folder
    )
    notebook.run("1", timeout=120)
    yield notebook
    notebook.close()
    for file in runtime.glob("dynamic-sessions-pool-*.json"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(json.loads(file.read_text())["pid"], signal.SIGTERM)


def one_line(notices: str) -> str:
    (line,) = notices.splitlines()
    return line


def test_a_module_that_the_session_lacks_names_this_machines_pip(embedded) -> None:
    ran = embedded.run("import nowhere_to_be_found")
    assert f"`{sys.executable} -m pip install NAME`" in one_line(ran.notices)
    assert "have no network" in ran.notices


def test_pip_without_network_fails_at_once_and_says_the_same(embedded) -> None:
    ran = embedded.run("%pip install nowhere-to-be-found", timeout=120)
    assert "No matching distribution" in ran.stdout + ran.stderr
    assert "Retrying" not in ran.stdout + ran.stderr
    assert f"`{sys.executable} -m pip install NAME`" in one_line(ran.notices)


def test_a_module_beside_the_notebook_names_upload(embedded) -> None:
    ran = embedded.run("from helpers import x")
    assert "`%upload helpers.py`" in one_line(ran.notices)
    assert embedded.run("%upload helpers.py\nfrom helpers import x\nx").result == "1"


def test_what_the_session_says_chooses_no_file_and_no_package(embedded) -> None:
    ran = embedded.run("""raise ModuleNotFoundError("No module named 'helpers'")""")
    assert "helpers" not in ran.notices
    assert embedded.run("""raise ModuleNotFoundError("No module; pip install x")""").notices == ""
    assert embedded.run("print('No matching distribution found for x')").notices == ""


@pytest.mark.parametrize("cell", ["%Upload helpers.py", "% upload helpers.py", "!upload x"])
def test_a_near_miss_names_the_command(embedded, cell: str) -> None:
    assert "`%upload`" in one_line(embedded.run(cell).notices)


def test_a_cell_that_fails_otherwise_gets_no_advice(embedded) -> None:
    assert embedded.run("1 / 0").notices == ""


def test_a_full_pool_names_the_commands_that_make_room(start_notebook) -> None:
    with running_pool("--max-sessions", "1") as pool, pool.client() as client:
        session = client.session("0123456789abcdef")
        session.execute("1")
        notebook = start_notebook({**pool.environment, "DYNAMIC_SESSIONS_RUNTIME": "direct"})
        ran = notebook.run("6 * 7")
        assert ran.error.startswith("PoolFullError: The pool has no session to spare")
        assert "`%session delete PREFIX`" in one_line(ran.notices)
        assert notebook.run_answering("%session delete 01234567", "y").status == "ok"
        assert notebook.run("6 * 7").result == "42"
        notebook.close()


def test_elsewhere_wheels_are_the_way_without_a_network(direct) -> None:
    ran = direct.run("import nowhere_to_be_found")
    assert "`%pip install NAME`" in one_line(ran.notices)
    assert "`%packages install NAME`" in ran.notices
