"""A restart brings back a clean IPython, whatever a cell had done to the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.pool import running_pool
from tests.support.spoiling import SPOILING

if TYPE_CHECKING:
    from tests.support.notebook import Notebook

#: What a session's Python can answer nothing after.
MUTE = "get_ipython().kernel.session = None"


@pytest.mark.parametrize("name", SPOILING)
def test_after_a_restart_cells_run_as_in_a_fresh_session(direct: Notebook, name: str) -> None:
    direct.run("open('kept.txt', 'w').write('kept'); kept = 1")
    direct.run(SPOILING[name])
    assert direct.run("%session restart").status == "ok"
    ran = direct.run("import os; print('printed')\nopen('kept.txt').read(), os.getcwd(), len('12')")
    assert (ran.result, ran.stdout) == ("('kept', '/mnt/data', 2)", "printed\n")
    assert "NameError" in direct.run("kept").error


@pytest.mark.parametrize("taken", ["del builtins.str, builtins.len", "builtins.isinstance = 5"])
def test_names_of_python_that_a_cell_took_away_are_put_back_and_that_is_said(
    direct: Notebook, taken: str
) -> None:
    direct.run("import builtins; kept = 1")
    ran = direct.run(taken)
    assert "They were put back." in ran.stderr
    assert direct.run("kept, len('ab'), isinstance('a', str)").result == "(1, 2, True)"


def test_a_name_of_python_may_become_another_function(direct: Notebook) -> None:
    direct.run("import builtins\n_abs = builtins.abs\nbuiltins.abs = lambda *_: 'mine'")
    assert direct.run("abs(1)").result == "'mine'"
    assert direct.run("builtins.abs = _abs").stderr == ""


def test_a_restart_repairs_a_session_whose_python_never_answers(start_notebook) -> None:
    with running_pool("--time-limit", "2") as pool:
        notebook = start_notebook({**pool.environment, "DYNAMIC_SESSIONS_RUNTIME": "direct"})
        try:
            notebook.run("open('kept.txt', 'w').write('kept'); kept = 1")
            cell = notebook.send(MUTE)
            notebook.until(cell, "execute_input")
            notebook.restart()
            assert notebook.run("open('kept.txt').read()").result == "'kept'"
            assert notebook.wait(notebook.send("kept")).error.startswith("NameError")
        finally:
            notebook.close()
