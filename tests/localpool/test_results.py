"""What the service makes of a run, losses included."""

from __future__ import annotations

import base64

import pytest

PLOT = """
import matplotlib.pyplot as plt
for points in ([1, 2], [2, 1]):
    plt.plot(points)
    plt.show()
"""


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("6 * 7", 42),
        ("-3", -3),
        ("0.1", 0.1),
        ("1e300", 1e300),
        ("2 > 1", True),
        ("'abc'", "abc"),
        ("'it\\'s'", "it's"),
        ("'42'", "42"),
        ("'ä\\n\\u2028'", "ä\n\u2028"),
        ("", None),
        ("None", None),
        ("x = 1", None),
        ("float('nan')", "nan"),
        ("float('-inf')", "-inf"),
        ("{'a': [1, 2]}", "{'a': [1, 2]}"),
        ("b'abc'", "b'abc'"),
        ("1j", "1j"),
        ("10 ** 4000 * 0 + 10 ** 30", 10**30),
        ("type('T', (), {'__repr__': lambda self: 'abc'})()", "abc"),
        ("type('T', (), {'__repr__': lambda self: 'a\\'b'})()", "a'b"),
    ],
)
def test_value_of_the_last_expression(session, code, value):
    outcome = session.run(code)
    assert outcome["status"] == "Succeeded"
    assert outcome["executionResult"] == value
    assert type(outcome["executionResult"]) is type(value)


@pytest.mark.parametrize(
    ("version", "nothing"),
    [
        ("2024-02-02-preview", ""),
        ("2024-08-02-preview", ""),
        ("2024-10-02-preview", ""),
        ("2025-02-02-preview", None),
        ("2025-10-02-preview", None),
    ],
)
def test_no_value_is_told_in_each_versions_way(shared_pool, session, version, nothing):
    caller = shared_pool.caller(version=version, identifier=session.identifier)
    outcome = caller.run("pass")
    assert outcome["result" if version < "2024-10" else "executionResult"] == nothing


def test_of_several_figures_the_last_wins_and_replaces_the_value(session):
    value = session.run(f"{PLOT}\n42")["executionResult"]
    assert (value["type"], value["format"]) == ("image", "png")
    assert base64.b64decode(value["base64_data"]).startswith(b"\x89PNG")


def test_rich_displays_are_dropped(session):
    outcome = session.run(
        "from IPython.display import HTML, JSON, Latex, SVG, display\n"
        "display(HTML('<b>'), JSON({}), Latex('$x$'), SVG('<svg xmlns=\"\"/>'), 'text')"
    )
    assert outcome["executionResult"] is None
    assert outcome["stdout"] == ""


def test_a_value_with_html_is_told_as_its_text(session):
    value = session.run("import pandas\npandas.DataFrame({'a': [1]})")["executionResult"]
    assert value == "   a\n0  1"


def test_streams_are_cut_without_a_mark(session):
    outcome = session.run(
        "import sys\nprint('ä' * 5000)\nfor _ in range(5): print('e' * 999, file=sys.stderr)"
    )
    assert outcome["stdout"] == "ä" * 4096
    assert outcome["stderr"] == ("e" * 999 + "\n") * 4 + "e" * 96


def test_the_newest_version_can_raise_the_cut(shared_pool, session):
    code = "print('x' * 30_000, end='')"
    assert len(session.run(code, outputStreamsMaxLength=20_000)["stdout"]) == 20_000
    older = shared_pool.caller(version="2025-02-02-preview", identifier=session.identifier)
    assert len(older.run(code, outputStreamsMaxLength=20_000)["stdout"]) == 4096


def test_the_value_is_not_cut(session):
    assert session.run("'x' * 8_000_000")["executionResult"] == "x" * 8_000_000


def test_stderr_may_speak_on_success(session):
    outcome = session.run("import warnings\nwarnings.warn('careful')")
    assert outcome["status"] == "Succeeded"
    assert "UserWarning: careful" in outcome["stderr"]


def test_an_exception_is_a_failed_run_with_its_traceback_in_stderr(session):
    answer = session.post("print('before')\n1 / 0")
    assert answer.status_code == 200
    told = answer.json()
    assert told["status"] == "Failed"
    assert told["result"]["stdout"] == "before\n"
    assert "ZeroDivisionError" in told["result"]["stderr"]
    assert told["result"]["executionResult"] is None


def test_magics_and_shell_commands_work(session):
    assert "hello" in session.run("!echo hello")["stdout"]
    assert session.run("%config Completer.use_jedi = False")["status"] == "Succeeded"


def test_state_is_kept_between_runs(session):
    session.run("kept = 20")
    assert session.run("kept + 1")["executionResult"] == 21


def test_code_does_not_start_in_the_data_folder(session):
    assert session.run("import os; os.getcwd()")["executionResult"] != "/mnt/data"


def test_what_is_not_unicode_still_arrives(session):
    outcome = session.run("print('\\udcff')\n'\\udcff'")
    assert outcome["status"] in ("Succeeded", "Failed")
