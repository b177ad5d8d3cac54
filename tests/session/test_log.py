"""The kernel's log: each exchange in a line, and nothing of what was exchanged."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from dynamic_sessions_kernel.jupyter.session_origin import session_identifier
from dynamic_sessions_kernel.settings import all_settings

CODE, OUTPUT = "code_7c1f", "output 9d42"
EXCHANGE = re.compile(r"POST executions: 200 in \d+ ms, \d+ bytes sent, \d+ received$")


@pytest.mark.parametrize("how", ["--debug", "DYNAMIC_SESSIONS_LOG"])
def test_a_full_run_is_logged_without_content_and_secrets(
    start_notebook, local_pool, runtime, tmp_path, how
) -> None:
    (tmp_path / "private-name.txt").write_text("private content")
    settings = {**local_pool.environment, "DYNAMIC_SESSIONS_RUNTIME": runtime}
    options = {"extra_arguments": ["--debug"]} if how == "--debug" else {}
    if not options:
        settings[how] = "debug"
    with (tmp_path / "log").open("wb") as log:
        notebook = start_notebook(settings, tmp_path, stderr=log, **options)
        cells = [
            f"{CODE} = ''.join(['output ', '9d42']); print({CODE})",
            f"%upload private-name.txt\n{CODE}",
            "%session",
            f"%session attach {CODE}",
            f"raise ValueError({CODE})",
            "%session restart",
        ]
        assert OUTPUT in notebook.run(cells[0]).stdout
        for cell in cells[1:]:
            notebook.run(cell)
        notebook.ask("inspect", CODE)
        key = notebook.manager.session.key
        notebook.restart()
        notebook.run("1")
        notebook.close()
    written = (tmp_path / "log").read_text()
    assert len([line for line in written.splitlines() if EXCHANGE.search(line)]) >= len(cells)
    for secret in (
        local_pool.token,
        session_identifier(key),
        key.decode(),
        CODE,
        OUTPUT,
        "private-name",
        "private content",
    ):
        assert secret not in written


def test_without_being_asked_nothing_is_logged(start_notebook, local_pool, tmp_path) -> None:
    with (tmp_path / "log").open("wb") as log:
        notebook = start_notebook(local_pool.environment, tmp_path, stderr=log)
        notebook.run("1")
        notebook.close()
    ours = [line for line in (tmp_path / "log").read_text().splitlines() if "executions" in line]
    assert ours == []


def test_help_names_every_setting() -> None:
    command = [sys.executable, "-m", "dynamic_sessions_kernel", "--help-all"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name in all_settings():
        assert f"--DynamicSessionsKernel.{name}=" in told
