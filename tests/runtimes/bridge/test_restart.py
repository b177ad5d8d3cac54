"""A restart brings back a clean IPython, whatever a cell had done to the one before."""

from __future__ import annotations

from concurrent.futures import wait

import pytest

from tests.support.spoiling import SPOILING


@pytest.mark.parametrize("name", SPOILING)
def test_after_a_restart_cells_run_as_in_a_fresh_session(notebook, name):
    # Some of these never end: their Python can send nothing any more, so there is no event to wait
    # for but the question before.
    cell = notebook.start(f"input('Ready? ')\n{SPOILING[name]}")
    notebook.until(lambda message: message.channel == "stdin")
    notebook.tell("input_reply", value="yes")
    wait({cell}, timeout=1)
    notebook.wait_for(notebook.runtime.restart()).result(60)
    reply = notebook.run("print('printed'); len(str(12345))")
    assert (reply["status"], reply["execution_count"]) == ("ok", 1)
    assert notebook.text() == "printed\n"
    assert notebook.value() == "5"


def test_a_cell_at_input_ends_with_a_restart(notebook):
    cell = notebook.start("input('Who? ')")
    notebook.until(lambda message: message.channel == "stdin")
    notebook.wait_for(notebook.runtime.restart()).result(60)
    with pytest.raises(Exception, match="restarted"):
        cell.result(10)
    assert notebook.run("1")["execution_count"] == 1
