"""What cells print and display in the direct runtime is kept until it has arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.pool import running_pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.notebook import Notebook

DIRECT = {"DYNAMIC_SESSIONS_RUNTIME": "direct"}


def test_output_of_a_cell_over_the_time_limit_comes_with_the_next_cell(start_notebook) -> None:
    with running_pool("--time-limit", "2") as pool:
        notebook = start_notebook({**pool.environment, **DIRECT})
        try:
            slow = notebook.send("import time\nprint('kept', flush=True)\ntime.sleep(60)")
            assert notebook.wait(slow).error.startswith("TimeLimitError")
            assert notebook.run("'next'").result == "'next'"
            assert notebook.until(slow, "stream")["text"] == "kept\n"
        finally:
            notebook.close()


def test_what_a_thread_prints_after_its_cell_is_not_lost(direct: Notebook) -> None:
    started = direct.send(
        "import threading\nready = threading.Event()\n"
        "late = threading.Thread(target=lambda: (ready.wait(), print('late', flush=True)))\n"
        "late.start()"
    )
    assert direct.wait(started).stdout == ""
    # Under which of the two cells is ipykernel's to decide.
    assert direct.run("ready.set(); late.join()").stdout == "late\n"


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.system('echo from a child')",
        "import subprocess; subprocess.run(['echo', 'from', 'a', 'child'])",
        "import os; os.write(1, b'from a child\\n')",
    ],
)
def test_what_is_printed_past_python_comes_too(direct: Notebook, code: str) -> None:
    ran = direct.run(code)
    after = direct.run("import time; time.sleep(0.2)")
    assert "from a child\n" in ran.stdout + after.stdout


def test_more_than_one_value_holds_is_fetched(direct: Notebook) -> None:
    ran = direct.run("import os\ntext = os.urandom(6_000_000).hex()\nprint(text)\nhash(text)")
    assert len(ran.stdout) == 12_000_001
    assert ran.status == "ok"


def test_another_client_of_the_session_gets_its_own_output(
    local_pool, start_notebook: Callable[..., Notebook]
) -> None:
    identifier = "5ec0" * 8
    notebook = start_notebook(
        {**local_pool.environment, **DIRECT, "DYNAMIC_SESSIONS_IDENTIFIER": identifier}
    )
    try:
        notebook.run("x = 6")
        with local_pool.client() as pool:
            answer = pool.session(identifier).execute("print('printed'); x * 7")
            assert (answer.stdout, answer.result) == ("printed\n", 42)
            failed = pool.session(identifier).execute("1 / 0")
            assert not failed.succeeded
            assert "ZeroDivisionError" in failed.stderr
        assert notebook.run("x * 7").result == "42"
    finally:
        notebook.close()


def test_the_whole_history_holds_nothing_of_ours(new_notebook: Callable[..., Any]) -> None:
    notebook = new_notebook()
    notebook.run("first = 1")
    notebook.restart()
    notebook.run("second = 2")
    listed = notebook.run("%history -g").stdout
    assert "second = 2" in listed
    assert "dynamic_sessions" not in listed
