"""Commands in cells: order, one count, line numbers, and nothing half-done."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from dynamic_sessions_kernel import SessionPool
from dynamic_sessions_kernel.jupyter.session_origin import session_identifier


@pytest.fixture(scope="module")
def notebook(local_pool, start_notebook, tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "a.csv").write_text("1,2\n")
    (folder / "b.csv").write_text("3,4\n")
    opened = start_notebook(
        {**local_pool.environment, "DYNAMIC_SESSIONS_RUNTIME": "direct"}, folder
    )
    yield opened
    opened.close()


def test_a_command_runs_at_its_place_in_the_cell(notebook) -> None:
    ran = notebook.run(
        "import os\nprint(os.path.exists('a.csv'))\n%upload a.csv\nopen('a.csv').read()"
    )
    assert ran.status == "ok"
    assert ran.stdout.startswith("False\n")
    assert "/mnt/data/a.csv" in ran.stdout
    assert ran.result == repr("1,2\n")


def test_the_cell_has_one_number_and_stands_whole_in_the_history(notebook) -> None:
    before = notebook.run("0").count
    cell = "first = 1\n%upload a.csv\nfirst + 1"
    ran = notebook.run(cell)
    assert (ran.result, ran.count) == ("2", before + 1)
    (announced,) = ran.all("execute_input")
    assert announced == {"code": cell, "execution_count": before + 1}
    assert notebook.run(f"Out[{ran.count}], _i{ran.count}").result == repr((2, cell))
    reply = notebook.ask("history", hist_access_type="tail", n=2, output=False, raw=True)
    assert reply["history"][0][2] == cell


def test_only_the_last_part_shows_its_value(notebook) -> None:
    ran = notebook.run("'not shown'\n%upload a.csv\n'shown'")
    assert ran.result == "'shown'"
    assert notebook.run("'not shown either'\n%upload a.csv").all("execute_result") == []


def test_a_traceback_behind_a_command_has_the_cells_own_line_numbers(notebook) -> None:
    ran = notebook.run("x = 0\n\n%upload a.csv\n\n1 / x")
    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(ran.reply["traceback"]))
    assert f"Cell In[{ran.count}], line 5" in text
    assert "----> 5 1 / x" in text


def test_after_a_part_that_failed_nothing_more_of_the_cell_runs(notebook) -> None:
    ran = notebook.run("1 / 0\n%upload b.csv\nran = True")
    assert ran.error == "ZeroDivisionError: division by zero"
    assert notebook.run("import os; os.path.exists('b.csv'), 'ran' in dir()").result == (
        "(False, False)"
    )


def test_a_command_that_cannot_be_carried_out_stops_the_cell_before_it_starts(notebook) -> None:
    ran = notebook.run("ran = True\n%upload a.csv missing.csv")
    assert ran.error.startswith("CommandError: ")
    assert "missing.csv" in ran.error
    assert notebook.run("'ran' in dir()").result == "False"


def test_a_wrong_command_alone_allocates_no_session(start_notebook, local_pool, tmp_path) -> None:
    opened = start_notebook(local_pool.environment, tmp_path)
    try:
        assert opened.run("%upload missing.csv").error.startswith("CommandError: ")
        identifier = session_identifier(opened.manager.session.key)
        assert identifier not in local_pool.identifiers()
    finally:
        opened.close()


def test_a_command_binds_its_value_in_the_session(notebook) -> None:
    ran = notebook.run("paths = %upload *.csv\npaths")
    assert ran.result == "['/mnt/data/a.csv', '/mnt/data/b.csv']"
    assert notebook.run("paths").result == ran.result


def test_help_is_printed_here(notebook) -> None:
    assert "%upload PATH" in notebook.run("%upload?").stdout


def test_tab_completes_local_paths_and_the_commands_name(notebook) -> None:
    assert notebook.ask("complete", "%upload a.c")["matches"] == ["a.csv"]
    assert "%upload" in notebook.ask("complete", "%uplo")["matches"]


def test_a_file_arrives_in_the_session_of_the_kernel(notebook, local_pool) -> None:
    notebook.run("%upload b.csv")
    with SessionPool(local_pool.endpoint, token=local_pool.token) as pool:
        session = pool.session(session_identifier(notebook.manager.session.key))
        assert session.file("b.csv").size == 4


def test_a_file_comes_back_beside_the_notebook_and_files_lists_it(notebook) -> None:
    ran = notebook.run(
        "open('made.csv', 'w').write('1,2')\n%files\npaths = %download made.csv\npaths"
    )
    assert "made.csv" in ran.all("display_data")[0]["data"]["text/plain"]
    (path,) = ast.literal_eval(ran.result)
    assert Path(path).read_text() == "1,2"
    assert (Path(path).parent / "a.csv").exists(), "the notebook's folder"


def test_tab_completes_the_sessions_paths_behind_download_and_files(notebook) -> None:
    notebook.run(
        "import os; os.makedirs('out', exist_ok=True)\n"
        "for name in 'out/tab one.csv', 'tab.csv', '.tab', 'other': open(name, 'w').close()"
    )
    for typed, matches in {
        "%download ta": ["tab.csv"],
        "%download tab.csv ou": ["out/"],
        "%download out/t": ["out/tab\\ one.csv"],
        "%download .t": [".tab"],
        "%files rm ta": ["tab.csv"],
        "%files ou": ["out/"],
        "%upload ta": [],
    }.items():
        reply = notebook.ask("complete", typed)
        assert reply["matches"] == matches
        assert typed[: reply["cursor_start"]] + typed[reply["cursor_start"] :].split()[-1] == typed


def test_a_name_that_python_would_run_needs_an_answer(notebook) -> None:
    notebook.run("open('numpy.py', 'w').close()")
    assert "cannot ask" in notebook.run("%download numpy.py").error
    ran = notebook.run_answering("%download numpy.py", "n")
    assert ran.error.startswith("CommandError: You did not agree to write '/")


@pytest.mark.parametrize("cell", ["%upload not-there.csv", "x = 1\n%session nonsense"])
def test_a_refused_command_takes_its_cells_number(notebook, cell) -> None:
    before = notebook.run("0").count
    refused = notebook.run(cell)
    assert (refused.status, refused.count) == ("error", before + 1)
    (announced,) = refused.all("execute_input")
    assert announced["execution_count"] == before + 1
    after = notebook.run(f"_i{before + 1} == {cell!r}")
    assert (after.count, after.result) == (before + 2, "True")
