"""The plain function that a model gets: what it returns, and that it returns always."""

from __future__ import annotations

import inspect
import json
import threading
import typing
import uuid

import pytest

from dynamic_sessions_kernel import SessionPool
from dynamic_sessions_kernel.tools import Bounds, PythonResult, python_tool
from dynamic_sessions_kernel.tools.fences import unwrap
from tests.support.fake_service import QUICK, RAN, FakeService, Play

KEYS = {"result", "stdout", "stderr", "images", "files", "error"}


@pytest.fixture(scope="module")
def run_python(session):
    return python_tool(session)


@pytest.fixture
def service():
    server = FakeService()
    yield server
    server.close()


@pytest.fixture
def played(service):
    """A session of the fake service, whose files cannot be listed: that stops no code."""
    service.route = lambda seen: Play(400) if seen.path == "files" else None
    with SessionPool(service.endpoint, "none", timeouts=QUICK, attempts=1) as pool:
        yield pool.session("0123456789-played")


def executions(service: FakeService) -> list[str]:
    return [seen.json["code"] for seen in service.seen if seen.path == "executions"]


def test_a_value_and_what_was_printed_come_back_as_json(run_python) -> None:
    told = run_python("print('hello'); 6 * 7")
    assert told == {
        "result": 42, "stdout": "hello\n", "stderr": "", "images": [], "files": [], "error": "",
    }  # fmt: skip
    assert json.loads(json.dumps(told)) == told


def test_variables_live_on_from_call_to_call(run_python) -> None:
    run_python("kept = [1, 2]")
    assert run_python("sum(kept)")["result"] == 3


def test_an_exception_is_a_result_with_its_traceback_and_no_colours(run_python) -> None:
    told = run_python("print('before')\n1 / 0")
    assert told["error"] == "ZeroDivisionError: division by zero"
    assert "Traceback" in told["stderr"]
    assert "\x1b" not in told["stderr"]
    assert told["stdout"] == "before\n"


def test_files_that_were_made_or_changed_are_named_once(run_python) -> None:
    assert run_python("open('/mnt/data/a.txt', 'w').write('1')")["files"] == ["/mnt/data/a.txt"]
    assert run_python("1")["files"] == []
    assert run_python("open('/mnt/data/a.txt', 'w').write('22')")["files"] == ["/mnt/data/a.txt"]


def test_a_figure_is_kept_where_the_program_wants_it_and_stays_out_of_the_text(session) -> None:
    kept = []

    def keep(image) -> str:
        kept.append(image)
        return "figures/1.png"

    plot = "import matplotlib.pyplot as plt; plt.plot([1, 4, 9]); plt.show()"
    told = python_tool(session, keep_image=keep)(plot)
    (image,) = kept
    assert image.data.startswith(b"\x89PNG")
    assert told["images"] == [
        {"mime_type": "image/png", "size": len(image.data), "at": "figures/1.png"}
    ]
    assert told["result"] is None
    assert len(json.dumps(told)) < 500


def test_long_outputs_keep_their_beginning_and_their_end(session) -> None:
    run = python_tool(session, bounds=Bounds(result=100, stdout=200, stderr=200))
    told = run(
        "import sys\nprint('first', 'x' * 9000, 'last')\nprint('y' * 900, file=sys.stderr)\n"
        "'z' * 500"
    )
    for text, begins, ends in (
        (told["stdout"], "first", "last\n"),
        (told["stderr"], "yyy", "yyy\n"),
        (told["result"], "zzz", "zzz"),
    ):
        assert text.startswith(begins)
        assert text.endswith(ends)
        assert "characters left out" in text
        assert len(text) < 300


def test_what_the_service_itself_has_cut_is_said(played, service) -> None:
    body = {**RAN, "result": {**RAN["result"], "stdout": "z" * 4096}}
    service.answers(body)
    assert "the service keeps no more" in python_tool(played)("1")["stdout"]


@pytest.mark.parametrize(
    "code",
    [
        "python = 3\npython + 1",
        "python",
        "  indented = 1",
        "`",
        "'''\n```python\nx\n```\n'''",
        "```python\n1\n```\nand\n```python\n2\n```",
        "```javascript\n1\n```",
        "Here it is:\n```python\n1\n```",
        "%timeit 1\n!ls",
        "%upload secret.txt",
        "\n\n1\n\n",
        "",
        "x = 'naïve \U0001f40d'\r\n",
    ],
)
def test_code_is_passed_on_as_it_was_given(played, service, code) -> None:
    python_tool(played)(code)
    assert executions(service) == [code]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```python\nx = 1\nx\n```", "x = 1\nx\n"),
        ("```\nx\n```", "x\n"),
        ("\n```py\nx\n```\n\n", "x\n"),
        ("~~~python\nx\n~~~", "x\n"),
        ("````python\ns = '''\n```\n'''\n````", "s = '''\n```\n'''\n"),
        ("```Python\r\nx\r\n```", "x\r\n"),
        ("```python\n    x\n```", "    x\n"),
        ("```python\n```", ""),
    ],
)
def test_one_fenced_block_of_python_is_unwrapped(text, code) -> None:
    assert unwrap(text) == code


def test_a_failure_of_the_service_is_a_result_and_nothing_runs_twice(played, service) -> None:
    service.plays(drop=True)
    told = python_tool(played)("pay()")
    assert set(told) == KEYS
    assert "unknown" in told["error"]
    assert executions(service) == ["pay()"]


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        ("Request timed out waiting for code execution to complete", "220 s at most"),
        ("Kernel restarted", "all variables are gone"),
    ],
)
def test_a_session_that_failed_is_explained(played, service, stderr, said) -> None:
    service.answers({**RAN, "status": "Failed", "result": {**RAN["result"], "stderr": stderr}})
    assert said in python_tool(played)("1")["error"]


def test_a_replaced_session_is_said(played, service) -> None:
    run = python_tool(played)
    containers = iter(["one", "one", "two", "two"])
    errors = []
    for container in containers:
        service.answers(RAN, headers={"x-ms-session-guid": container})
        errors.append(run("1")["error"])
    assert [bool(error) for error in errors] == [False, False, True, False]
    assert "its variables and files are lost" in errors[2]


def test_a_session_that_is_wrong_for_the_service_is_a_result(local_pool) -> None:
    with SessionPool(local_pool.endpoint, token="not-of-this-pool") as pool:
        told = python_tool(pool.session(str(uuid.uuid4())))("1")
    assert "DYNAMIC_SESSIONS_TOKEN" in told["error"]
    assert "not-of-this-pool" not in json.dumps(told)


def test_calls_side_by_side_wait_for_each_other(session) -> None:
    run = python_tool(session, timeout=30)
    run("seen = []")
    threads = [
        threading.Thread(target=run, args=(f"seen.append('in'); seen.append('out'); {number}",))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert run("seen")["result"] in (["in", "out"] * 4, str(["in", "out"] * 4))


def test_a_time_that_the_service_does_not_take_is_refused(played) -> None:
    with pytest.raises(ValueError, match="at most 220"):
        python_tool(played, timeout=221)


def test_frameworks_find_a_name_types_and_words_for_the_model(played) -> None:
    tool = python_tool(played)
    assert tool.__name__ == "run_python"
    assert typing.get_type_hints(tool) == {"code": str, "return": PythonResult}
    words = inspect.getdoc(tool)
    assert words.startswith("Run Python code in a sandbox")
    assert "    code: the Python source" in words
    assert all(key in words for key in KEYS)
