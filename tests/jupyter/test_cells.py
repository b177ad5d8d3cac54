"""Cells over Jupyter's protocol, on the direct runtime."""

from __future__ import annotations

import base64
import io
import re
import time

import pytest
from PIL import Image


def plain(lines: list[str]) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))


def test_what_a_cell_prints_is_a_stream(direct) -> None:
    ran = direct.run("import sys\nprint('out')\nprint('err', file=sys.stderr)")
    assert (ran.status, ran.stdout, ran.stderr) == ("ok", "out\n", "err\n")


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("6 * 7", "42"),
        ("'abc'", "'abc'"),
        ("True", "True"),
        ("1.5", "1.5"),
        ("[1, 'a']", "[1, 'a']"),
        ("{'a': None}", "{'a': None}"),
        ("float('nan')", "nan"),
        ("10 ** 20", "100000000000000000000"),
        ("'äöü €'", "'äöü €'"),
    ],
)
def test_the_last_value_is_a_result_as_ipython_shows_it(direct, code, shown) -> None:
    assert direct.run(code).result == shown


@pytest.mark.parametrize("code", ["None", "1;", "x = 1", "# a comment", "", "  \n "])
def test_a_cell_without_a_value_shows_nothing(direct, code) -> None:
    ran = direct.run(code)
    assert ran.status == "ok"
    assert {message["msg_type"] for message in ran.messages} == {"status", "execute_input"}


def test_each_figure_is_a_picture_with_its_text_beside_it(direct) -> None:
    figure = "plt.plot([1, 2])\nplt.show()\n"
    ran = direct.run(f"import matplotlib.pyplot as plt\n{figure}{figure}", timeout=120)
    content, other = ran.all("display_data")
    assert set(other["data"]) == {"image/png", "text/plain"}
    assert set(content["data"]) == {"image/png", "text/plain"}
    picture = Image.open(io.BytesIO(base64.b64decode(content["data"]["image/png"])))
    assert picture.format == "PNG"
    assert content["data"]["text/plain"] == "<Figure size 640x480 with 1 Axes>"


def test_an_exception_is_an_error_with_a_coloured_traceback(direct) -> None:
    ran = direct.run("def f():\n    return 1 / 0\n\nf()")
    assert ran.error == "ZeroDivisionError: division by zero"
    (content,) = ran.all("error")
    assert "\x1b[" in "\n".join(content["traceback"])
    text = plain(content["traceback"])
    assert f"Cell In[{ran.count}], line 4" in text
    assert f"Cell In[{ran.count}], line 2" in text
    assert ran.reply["traceback"] == content["traceback"]


def test_a_traceback_through_an_earlier_cell_names_that_cell(direct) -> None:
    defined = direct.run("def divide(a):\n    return a / 0")
    ran = direct.run("divide(2)")
    text = plain(ran.reply["traceback"])
    assert f"In[{defined.count}], line 2" in text
    assert f"In[{ran.count}], line 1" in text


def test_what_was_printed_before_an_exception_is_kept_apart(direct) -> None:
    ran = direct.run("import sys\nprint('a')\nprint('b', file=sys.stderr)\nraise ValueError('c')")
    assert (ran.stdout, ran.stderr, ran.error) == ("a\n", "b\n", "ValueError: c")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("x =", "SyntaxError: invalid syntax"),
        ("if True:\nx = 1", "IndentationError: expected an indented block"),
        ("raise KeyError", "KeyError: "),
        ("raise ValueError('two\\nlines')", "ValueError: two\nlines"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("exec('x =')", "SyntaxError: invalid syntax"),
    ],
)
def test_each_kind_of_exception_is_named(direct, code, error) -> None:
    assert direct.run(code).error.startswith(error)


@pytest.mark.parametrize(
    ("code", "ename", "evalue"),
    [
        ("%no_such_magic", "UsageError", "Line magic function `%no_such_magic` not found."),
        ("%%no_such_magic\n1", "UsageError", "Cell magic `%%no_such_magic` not found."),
        ("raise ExceptionGroup('g', [ValueError(1)])", "ExceptionGroup", "g (1 sub-exception)"),
    ],
)
def test_what_ipython_prints_instead_of_an_error_is_an_error_of_the_reply(
    direct, code, ename, evalue
) -> None:
    ran = direct.run(code)
    assert (ran.status, ran.reply["ename"], ran.reply["evalue"]) == ("error", ename, evalue)
    assert evalue in ran.stderr + ran.stdout
    assert ran.all("error") == []


def test_magics_work(direct) -> None:
    ran = direct.run("!echo shell\n%pwd")
    assert (ran.stdout.split(), ran.result) == (["shell"], "'/mnt/data'")
    assert direct.run("%%bash\necho cell magic").stdout == "cell magic\n"


def test_cells_wait_for_top_level_await(direct) -> None:
    assert direct.run("import asyncio\nawait asyncio.sleep(0, 'slept')").result == "'slept'"


def test_each_stored_cell_counts_by_one(direct) -> None:
    first = direct.run("1 + 1")
    second = direct.run("1 / 0")
    third = direct.run("In[-1], _")
    assert [second.count, third.count] == [first.count + 1, first.count + 2]
    (announced,) = third.all("execute_input")
    assert announced == {"code": "In[-1], _", "execution_count": third.count}
    assert third.all("execute_result")[0]["execution_count"] == third.count


def test_out_and_in_have_the_numbers_that_the_person_sees(direct) -> None:
    kept = direct.run("'kept'")
    direct.run("'passed over'", store_history=False)
    direct.ask("complete", "pri")
    assert direct.run(f"Out[{kept.count}], In[{kept.count}]").result == "('kept', \"'kept'\")"


def test_a_silent_cell_publishes_no_value_and_is_not_counted(direct) -> None:
    before = direct.run("1").count
    silent = direct.run("print('said'); 2", silent=True)
    assert (silent.status, silent.count) == ("ok", before)
    assert silent.all("execute_input") == silent.all("execute_result") == []
    assert direct.run("3").count == before + 1


def test_a_cell_that_is_not_stored_leaves_no_trace_in_history(direct) -> None:
    before = direct.run("1").count
    unstored = direct.run("secret = 5\nsecret", store_history=False)
    assert (unstored.result, unstored.count) == ("5", before)
    ran = direct.run("In[-2]")
    assert (ran.result, ran.count) == ("'1'", before + 1)


def test_user_expressions_are_evaluated_after_the_cell(direct) -> None:
    ran = direct.run("base = 20", user_expressions={"good": "base + 1", "bad": "nothing_here"})
    good, bad = ran.reply["user_expressions"]["good"], ran.reply["user_expressions"]["bad"]
    assert good["data"]["text/plain"] == "21"
    assert (bad["status"], bad["ename"]) == ("error", "NameError")
    assert direct.run("'20' in str(Out), '_' in Out").result == "(False, False)"


def test_cells_that_wait_behind_a_failed_one_are_aborted(direct) -> None:
    failing = direct.send("import time; time.sleep(0.3); raise ValueError")
    waiting = [direct.send(f"ran = {number}") for number in range(5)]
    assert direct.wait(failing).status == "error"
    assert {direct.wait(cell).status for cell in waiting} == {"aborted"}
    assert "NameError" in direct.run("ran").error


def test_with_stop_on_error_off_the_next_cell_runs(direct) -> None:
    failing = direct.send("import time; time.sleep(0.3); 1 / 0", stop_on_error=False)
    waiting = direct.send("'ran on'")
    assert direct.wait(failing).status == "error"
    assert direct.wait(waiting).result == "'ran on'"


@pytest.mark.parametrize("length", [4096, 20_000, 1_000_000])
def test_what_a_cell_prints_is_not_cut(direct, length) -> None:
    ran = direct.run(f"print('x' * {length}, end='')")
    assert (ran.stdout, ran.stderr) == ("x" * length, "")


@pytest.mark.parametrize("length", [4096, 20_000])
def test_what_a_forked_process_prints_is_said_to_be_cut_where_it_may_be(direct, length) -> None:
    code = (
        "import os, sys, time\n"
        "if (_child := os.fork()) == 0:\n"
        "    print('x' * {length}, end='', flush=True)\n"
        "    time.sleep(0.5)\n"
        "    os._exit(0)\n"
        "_status = os.waitpid(_child, 0)"
    )
    ran = direct.run(code.format(length=length))
    assert len(ran.stdout) == length
    assert "probably cut" in ran.stderr
    assert "cut" not in direct.run(code.format(length=length - 1)).stderr


def test_a_cell_of_a_megabyte_runs(direct) -> None:
    ran = direct.run(f"big = '{'y' * 1_000_000}'\nlen(big)")
    assert ran.result == "1000000"


@pytest.mark.parametrize(
    "code", ["\n\n\n1 + 1", "  1 + 1", ">>> 1 + 1", "1 + 1\r\n", "x=1\r\nx + 1"]
)
def test_odd_cells_mean_what_they_mean_in_ipython(direct, code) -> None:
    assert direct.run(code).result == "2"


def test_a_null_byte_is_an_error_and_no_more(direct) -> None:
    assert direct.run("x = '\x00'").status in {"ok", "error"}
    assert direct.run("1 + 1").result == "2"


def test_completion_and_inspection_ask_the_session_and_leave_no_trace(direct) -> None:
    before = direct.run("prefix_of_mine = 1\ndef documented():\n    'Says what it does.'\n7")
    reply = direct.ask("complete", "x = prefix_of_m")
    assert reply["matches"] == ["prefix_of_mine"]
    assert (reply["cursor_start"], reply["cursor_end"]) == (4, 15)
    inspected = direct.ask("inspect", "documented")
    assert inspected["found"]
    assert "Says what it does." in inspected["data"]["text/plain"]
    assert not direct.ask("inspect", "no_such_name")["found"]
    after = direct.run("_, len(Out) == len(set(Out)), 'resident' in ''.join(In[:-1])")
    assert after.result == "(7, True, False)"
    assert after.count == before.count + 1


def test_history_is_the_sessions(direct) -> None:
    direct.run("'to be remembered'")
    reply = direct.ask("history", hist_access_type="tail", n=1, output=False, raw=True)
    assert [entry[2] for entry in reply["history"]] == ["'to be remembered'"]


def test_completion_during_a_cell_answers_at_once(direct) -> None:
    cell = direct.send("import time; time.sleep(2)")
    direct.until(cell, "execute_input")
    started = time.monotonic()
    assert direct.ask("complete", "pri")["matches"] == []
    assert time.monotonic() - started < 1.5
    assert direct.wait(cell).status == "ok"


def test_is_complete_is_answered_with_ipythons_rules(direct) -> None:
    assert direct.ask("is_complete", "1 + 1") == {"status": "complete"}
    assert direct.ask("is_complete", "for i in x:") == {"status": "incomplete", "indent": "    "}
    assert direct.ask("is_complete", "%%bash\nls") == {"status": "incomplete", "indent": ""}
    assert direct.ask("is_complete", "x = = 1") == {"status": "invalid"}


def test_input_says_that_it_cannot_ask(direct) -> None:
    ran = direct.run("input()", allow_stdin=True)
    assert "StdinNotImplementedError" in ran.error
    assert "input() needs the bridge runtime" in ran.stderr


def test_an_html_result_is_shown_as_html_and_text(direct) -> None:
    ran = direct.run("import pandas as pd\npd.DataFrame({'a': [1]})", timeout=120)
    (content,) = ran.all("execute_result")
    assert set(content["data"]) == {"text/html", "text/plain"}


def test_nothing_that_a_session_prints_can_drive_a_terminal(direct) -> None:
    ran = direct.run("print('\\x1b]0;title\\x07\\x1b[31mred\\x1b[0m')")
    assert "\x1b]" not in ran.stdout
    assert "\x1b[31mred" in ran.stdout
