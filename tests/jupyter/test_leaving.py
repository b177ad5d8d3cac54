"""`exit` and `quit`, beside stock ipykernel."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pexpect
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.notebook import Notebook


@pytest.fixture(scope="module", params=["bridge", "direct"])
def notebook(request, local_pool, start_notebook: Callable[..., Notebook]) -> Iterator[Notebook]:
    started = start_notebook({**local_pool.environment, "DYNAMIC_SESSIONS_RUNTIME": request.param})
    yield started
    started.close()


def asked(ran) -> list[dict[str, object]]:
    return [entry for entry in ran.reply["payload"] if entry["source"] == "ask_exit"]


@pytest.mark.parametrize("code", ["exit", "quit", "exit()", " quit ( ) ", "exit(False)"])
def test_a_cell_that_leaves_asks_the_front_end_to_leave_and_says_what_is_gone(
    notebook, code
) -> None:
    notebook.run("x = 1; open('kept.txt', 'w').close()", timeout=120)
    ran = notebook.run(code)
    assert (ran.status, asked(ran)) == ("ok", [{"source": "ask_exit", "keepkernel": False}])
    assert "variables are gone" in ran.notices
    after = notebook.run("import os; 'x' in globals(), os.path.exists('kept.txt')")
    assert (after.result, after.count, after.notices) == ("(False, True)", 1, "")


@pytest.mark.parametrize("code", ["exit(keep_kernel=True)", "quit(True)"])
def test_a_cell_that_leaves_can_keep_the_variables(notebook, code) -> None:
    notebook.run("x = 1", timeout=120)
    ran = notebook.run(code)
    assert asked(ran) == [{"source": "ask_exit", "keepkernel": True}]
    assert "variables and files are kept" in ran.notices
    assert notebook.run("x").result == "1"


def test_an_exit_that_the_person_did_not_type_closes_no_front_end(notebook) -> None:
    asking = "get_ipython().payload_manager.write_payload({'source': 'ask_exit'})"
    ran = notebook.run(asking, timeout=120)
    assert (ran.status, ran.reply["payload"]) == ("ok", [])


def test_a_function_of_the_persons_own_named_quit_is_just_called(notebook) -> None:
    notebook.run("def quit(): return 'mine'", timeout=120)
    ran = notebook.run("quit()")
    assert (ran.result, asked(ran)) == ("'mine'", [])
    notebook.run("del quit")


@pytest.mark.parametrize(
    ("runtime", "line", "said"),
    [
        ("bridge", "exit", "variables are gone"),
        ("bridge", "quit()", "variables are gone"),
        ("bridge", "exit(keep_kernel=True)", "variables and files are kept"),
        ("direct", "exit", "variables are gone"),
        ("direct", "quit(keep_kernel=True)", "variables and files are kept"),
    ],
)
def test_jupyter_console_leaves(
    runtime, line, said, local_pool, jupyter_environment, new_manager, tmp_path
) -> None:
    specs = new_manager().kernel_spec_manager
    (folder,) = specs.kernel_dirs
    environment = {
        **jupyter_environment,
        **local_pool.environment,
        "JUPYTER_PATH": str(tmp_path),
        "DYNAMIC_SESSIONS_RUNTIME": runtime,
        "TERM": "dumb",
    }
    (tmp_path / "kernels").symlink_to(folder)
    console = pexpect.spawn(
        sys.executable,
        ["-m", "jupyter_console", "--kernel", "dynamic-sessions", "--simple-prompt"],
        env={**os.environ, **environment},
        encoding="utf-8",
        timeout=60,
    )
    console.expect(r"In \[1\]: ")
    console.sendline("20 + 22")
    console.expect("42")
    console.expect(r"In \[2\]: ")
    console.sendline(line)
    console.expect(said)
    console.expect(pexpect.EOF)
