"""The direct runtime when things fail: what a cell sent arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DIRECT = {"DYNAMIC_SESSIONS_RUNTIME": "direct"}


@pytest.fixture(scope="module")
def notebook(proxy: Any, open_through: Callable[..., Any]) -> Iterator[Any]:
    """A notebook in direct runtime, behind the proxy."""
    opened = open_through(proxy.endpoint, **DIRECT)
    yield opened
    opened.close()


def test_what_a_cell_printed_whose_python_died_is_shown_in_it_with_the_next(notebook) -> None:
    notebook.run("import os\nkept = 1")
    cell = notebook.send(
        notebook.place.mark("died") + "print('last words', flush=True)\nos._exit(3)"
    )
    assert notebook.wait(cell).error.startswith("InterpreterRestartedError: The session's Python")
    assert notebook.run("'kept' in dir()").result == "False"
    assert notebook.until(cell, "stream")["text"] == "last words\n"
    assert notebook.place.ran("died") == 1


def test_what_threads_print_after_a_cell_is_shown_in_it_with_the_next(notebook) -> None:
    cell = notebook.send(
        "import threading, os\n"
        "_go = threading.Event()\n"
        "_late = threading.Thread(target=lambda: _go.wait() and print('late'))\n"
        "_late.start()"
    )
    assert notebook.wait(cell).stdout == ""
    assert notebook.run("_go.set(); _late.join(); print('own')").stdout.endswith("own\n")
    notebook.run("pass")
    assert notebook.place.session.execute("print('mine'); 6 * 7").result == 42


def test_others_who_use_the_session_get_their_own_output(notebook) -> None:
    notebook.run("shared = 5")
    other = notebook.place.session.execute("print('theirs'); shared")
    assert (other.stdout, other.result) == ("theirs\n", 5)
    assert notebook.run("print('ours')").stdout == "ours\n"
