"""The direct runtime when things fail: what a cell sent arrives."""

from __future__ import annotations

import dataclasses
import io
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


def once(spoil: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Spoil the first execution and leave the others as they are."""
    spoilt = iter([True])
    return lambda forward: spoil(forward) if next(spoilt, False) else forward()


def lose(forward: Any) -> None:
    forward()


SPOILT = {
    "lost": lose,
    "cut": lambda forward: dataclasses.replace(forward(), cut=20),
    "empty": lambda forward: dataclasses.replace(forward(), body=b""),
    "not JSON": lambda forward: dataclasses.replace(forward(), body=b"<html>"),
    "an answer of a gateway": lambda forward: dataclasses.replace(forward(), status=502, body=b""),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_the_outcome_of_a_cell_whose_answer_is_spoilt_is_asked_for(notebook, way, kind) -> None:
    notebook.run("pass")
    way.hurt(once(SPOILT[kind]))
    line = kind.replace(" ", "-")
    ran = notebook.run(notebook.place.mark(line) + f"print('{line}')\n6 * 7")
    assert (ran.status, ran.stdout, ran.result) == ("ok", f"{line}\n", "42")
    assert notebook.place.ran(line) == 1


def test_where_the_service_knows_nothing_of_it_the_cell_says_that_it_may_have_run(
    notebook, way
) -> None:
    notebook.run("pass")
    way.hurt(once(lambda _: None))
    error = notebook.run(notebook.place.mark("unsent") + "print('unsent')").error
    assert error.startswith("AnswerLostError: ")
    assert "It is unknown whether the code ran" in error
    assert notebook.place.ran("unsent") == 0
    assert notebook.run("1").result == "1"


def test_one_that_is_cancelled_says_so_and_one_that_is_refused_runs_later(notebook, way) -> None:
    notebook.run("kept = 3")
    cancelled = b'{"id": "1", "status": "Canceled", "result": {}}'
    way.hurt(once(lambda _: way.reply(200, cancelled)))
    error = notebook.run(notebook.place.mark("cancelled")).error
    assert error.startswith("ExecutionAbortedError: The service cancelled this execution.")
    way.hurt(once(lambda _: way.reply(429)))
    assert notebook.run(notebook.place.mark("busy") + "kept").result == "3"
    assert notebook.place.lines("ran").count("busy") == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "Unauthorized"), (403, "Forbidden"), (503, "Unavailable")]
)
def test_a_refusal_keeps_variables_and_runs_nothing(notebook, way, status, kind) -> None:
    notebook.run("kept = 4")
    way.hurt(lambda _: way.reply(status))
    line = f"refused-{status}"
    assert notebook.run(notebook.place.mark(line)).error.startswith(f"{kind}Error: ")
    way.heal()
    assert notebook.place.ran(line) == 0
    assert notebook.run("kept").result == "4"


def test_without_network_a_cell_says_that_nothing_was_sent(notebook, way) -> None:
    notebook.run("kept = 5")
    way.unplug()
    error = notebook.run(notebook.place.mark("offline")).error
    assert error.startswith("NotSentError: ")
    assert "Nothing was sent" in error
    way.heal()
    assert notebook.run("kept").result == "5"
    assert notebook.place.ran("offline") == 0


def test_an_answer_that_comes_late_is_waited_for(notebook, way) -> None:
    way.hurt(once(lambda forward: dataclasses.replace(forward(), pause=2.5)))
    assert notebook.run(notebook.place.mark("late") + "print('late')").stdout == "late\n"
    assert notebook.place.ran("late") == 1


def test_a_network_that_is_gone_while_a_cell_runs_loses_nothing(notebook, way) -> None:
    notebook.run("import os, time")
    cell = notebook.send(
        notebook.place.mark("lid")
        + "while not os.path.exists('/mnt/data/closed'): time.sleep(0.01)\nprint('on')"
    )
    notebook.place.until("ran")
    way.unplug()
    way.heal()
    notebook.place.session.upload(io.BytesIO(b""), "closed")
    ran = notebook.wait(cell)
    assert (ran.status, ran.stdout) == ("ok", "on\n")
    assert notebook.place.ran("lid") == 1


@pytest.mark.parametrize(
    "fatal", ["os.kill(os.getpid(), 9)", "import ctypes; ctypes.string_at(0)", "os._exit(3)"]
)
def test_a_python_that_dies_is_said_and_files_are_kept(notebook, fatal) -> None:
    notebook.run("import os\nkept = 1; open('/mnt/data/ran', 'w').close()")
    cell = notebook.send(notebook.place.mark("fatal") + fatal)
    queued = notebook.send(notebook.place.mark("queued"))
    error = notebook.wait(cell).error
    assert error.startswith("InterpreterRestartedError: ")
    assert "variables are gone, the files in /mnt/data are kept" in error
    assert notebook.wait(queued).status == "aborted"
    assert notebook.place.lines("ran") == ["fatal"]
    assert notebook.run("'kept' in dir()").result == "False"


def test_a_session_that_is_replaced_in_mid_cell_is_said_and_nothing_runs_in_it(
    open_through, proxy
) -> None:
    notebook = open_through(proxy.endpoint, **DIRECT)
    try:
        notebook.run("import time\nkept = 1")
        cell = notebook.send(notebook.place.mark("begun") + "time.sleep(100)")
        queued = notebook.send(notebook.place.mark("queued"))
        notebook.place.until("ran")
        notebook.place.session.delete()
        error = notebook.wait(cell).error
        assert error.startswith("ExecutionAbortedError: The service gave this execution up")
        assert notebook.wait(queued).status == "aborted"
        error = notebook.run(notebook.place.mark("next")).error
        assert error.startswith("SessionLostError: The service replaced the session")
        assert notebook.place.lines("ran") == []
        assert notebook.run("'kept' in dir()").result == "False"
    finally:
        notebook.close()


def test_a_kernel_that_is_killed_in_mid_cell_finds_the_session_once_the_cell_has_ended(
    open_through, proxy
) -> None:
    notebook = open_through(proxy.endpoint, **DIRECT)
    try:
        notebook.run("import os, time\nkept = 1")
        notebook.send(
            notebook.place.mark("begun")
            + "while not os.path.exists('/mnt/data/go'): time.sleep(0.01)\nprint('end')"
        )
        notebook.place.until("ran")
        notebook.manager.restart_kernel(now=True)
        notebook.client.wait_for_ready(timeout=60)
        waiting = notebook.send("kept")
        notebook.place.session.upload(io.BytesIO(b""), "go")
        ran = notebook.wait(waiting)
        assert ran.result == "1"
        assert "with variables and files" in ran.notices
        assert "what it printed last may not have been shown" in ran.notices
        assert notebook.place.lines("ran") == ["begun"]
    finally:
        notebook.close()
