"""Cells that a front end has queued go to the session together, and mean what they mean on stock.

The kernel is the real one, over ZMQ, and what decides is a file in the session to which every cell
appends a line.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.notebook import Notebook, Ran
    from tests.support.pool import LocalPool


@pytest.fixture(scope="module")
def ours(local_pool: LocalPool, start_notebook: Callable[..., Notebook]) -> Iterator[Notebook]:
    settings = {"DYNAMIC_SESSIONS_RUNTIME": "bridge", "DYNAMIC_SESSIONS_OUTPUTS": "trusted"}
    notebook = start_notebook({**local_pool.environment, **settings})
    notebook.run("ran = []")
    yield notebook
    notebook.close()


@pytest.fixture(autouse=True)
def _forget(ours: Notebook) -> None:
    ours.run("ran.clear()")


def queue(notebook: Notebook, cells: list[Any]) -> list[Ran]:
    """Send cells at once, each as code or as code and options; return what each gave."""
    sent = []
    for cell in cells:
        code, options = cell if isinstance(cell, tuple) else (cell, {})
        sent.append(notebook.send(code, **options))
    return [notebook.wait(identity, timeout=120) for identity in sent]


def ran(notebook: Notebook) -> str:
    return notebook.run("print(ran)").stdout.strip()


def types(one: Ran) -> list[str]:
    """The types of a cell's messages; streams that follow one another count once."""
    named = [message["msg_type"] for message in one.messages]
    return [
        kind
        for kind, before in zip(named, ["", *named], strict=False)
        if not kind == before == "stream"
    ]


WAIT = "import time; time.sleep(.3); ran.append('first')"


def test_queued_cells_run_in_order_each_with_its_own_messages(ours):
    count = ours.run("0").count
    given = queue(ours, [WAIT, *(f"ran.append({n}); print({n}); {n} * 10" for n in range(50))])
    assert [one.count for one in given] == list(range(count + 1, count + 52))
    for number, one in enumerate(given[1:]):
        assert types(one) == ["status", "execute_input", "stream", "execute_result", "status"]
        assert (one.stdout, one.result) == (f"{number}\n", str(number * 10))
        (begun,) = one.all("execute_input")
        assert begun["execution_count"] == one.count
    assert ran(ours) == str(["first", *range(50)])


def test_a_cell_begins_only_when_the_one_before_it_has_ended(ours):
    first, second = (ours.send(f"{WAIT}\n'{n}'") for n in (1, 2))
    given = [ours.wait(first), ours.wait(second)]
    ended = given[0].messages[-1]["header"]["date"]
    assert all(message["header"]["date"] >= ended for message in given[1].messages)


def test_in_out_and_history_are_those_of_cells_run_one_by_one(ours):
    queue(ours, [WAIT, "6 * 7", "seen = _, Out[max(Out)], In[-2]", "a = 1"])
    assert ours.run("seen").result == "(42, 42, '6 * 7')"
    history = ours.ask("history", hist_access_type="tail", n=2, output=False, raw=True)
    assert [entry[2] for entry in history["history"]][-2:] == ["a = 1", "seen"]


def test_500_cells_larger_than_an_envelope_run_once_each(ours):
    chance = random.Random(11)
    cells = [f"ran.append({n})  # {chance.randbytes(2000).hex()}" for n in range(500)]
    given = queue(ours, [WAIT, *cells])
    assert {one.status for one in given} == {"ok"}
    assert ran(ours) == str(["first", *range(500)])


@pytest.mark.parametrize("place", [0, 7, 498])
def test_nothing_behind_an_error_runs_however_the_cells_were_cut_into_envelopes(ours, place):
    chance = random.Random(place)
    cells = [f"ran.append({n})  # {chance.randbytes(2000).hex()}" for n in range(500)]
    cells[place] = f"ran.append({place}); 1 / 0"
    given = queue(ours, [WAIT, *cells])
    assert ran(ours) == str(["first", *range(place + 1)])
    statuses = [one.status for one in given[1:]]
    assert statuses == ["ok"] * place + ["error"] + ["aborted"] * (499 - place)
    for one in given[place + 2 :]:
        assert types(one) == ["status", "status"]


def test_after_an_error_new_cells_run(ours):
    queue(ours, [WAIT, "1 / 0", "ran.append('no')"])
    assert queue(ours, [WAIT, "ran.append('yes')"])[1].status == "ok"
    assert ran(ours) == "['first', 'first', 'yes']"


@pytest.mark.parametrize(
    "failing",
    [
        ("1 / 0", {"silent": True}),
        ("1 / 0", {"stop_on_error": False}),
        "try: 1 / 0\nexcept ZeroDivisionError: pass",
    ],
    ids=["silent", "told to go on", "caught"],
)
def test_what_stops_nothing_on_stock_stops_nothing_here(ours, failing):
    given = queue(ours, [WAIT, failing, "ran.append('behind')"])
    assert given[-1].status == "ok"
    assert ran(ours) == "['first', 'behind']"


def test_an_interrupt_stops_the_cell_that_runs_and_those_behind_it(ours):
    first = ours.send("print('begun', flush=True)\nwhile True: pass")
    behind = [ours.send(f"ran.append({n})") for n in range(5)]
    ours.until(first, "stream")
    ours.interrupt()
    assert ours.wait(first).error.startswith("KeyboardInterrupt")
    assert {ours.wait(identity).status for identity in behind} == {"aborted"}
    assert ran(ours) == "[]"


def test_an_interrupt_that_a_cell_swallows_stops_nothing(ours):
    first = ours.send(
        "try:\n    print('begun', flush=True)\n    while True: pass\n"
        "except KeyboardInterrupt: ran.append('swallowed')"
    )
    behind = ours.send("ran.append('behind')")
    ours.until(first, "stream")
    ours.interrupt()
    assert [ours.wait(identity).status for identity in (first, behind)] == ["ok", "ok"]
    assert ran(ours) == "['swallowed', 'behind']"


def test_a_cell_with_a_command_is_a_barrier(ours):
    given = queue(
        ours, [WAIT, "ran.append(1)", "%session\nran.append(2)", "ran.append(3)", "1 / 0", "ran"]
    )
    assert [one.status for one in given] == ["ok"] * 4 + ["error", "aborted"]
    assert ran(ours) == "['first', 1, 2, 3]"


def test_queued_cells_may_ask_for_input(ours):
    first = ours.send(WAIT)
    asking = [ours.send("ran.append(input())", allow_stdin=True) for _ in range(2)]
    for identity, answer in zip(asking, "ab", strict=True):
        asked = ours.client.get_stdin_msg(timeout=30)
        assert asked["parent_header"]["msg_id"] == identity
        ours.client.input(answer)
    assert [ours.wait(identity).status for identity in (first, *asking)] == ["ok"] * 3
    assert ran(ours) == "['first', 'a', 'b']"


def test_what_ends_python_in_a_queued_cell_fails_that_one_and_aborts_the_rest(ours):
    given = queue(ours, [WAIT, "x = 1", "import os; os._exit(3)", "ran.append('no')", "y = 2"])
    assert [one.status for one in given] == ["ok", "ok", "error", "aborted", "aborted"]
    assert "exit status 3" in given[2].error
    assert ours.run("ran = []").status == "ok"


def test_large_outputs_of_queued_cells_stay_in_their_cells_and_in_order(ours):
    given = queue(ours, [WAIT, *(f"for i in range(300): print('{n}' * 1000)" for n in "abc")])
    for letter, one in zip("abc", given[1:], strict=True):
        assert one.stdout == (letter * 1000 + "\n") * 300
        assert types(one)[-1] == "status"


def test_queued_cells_need_few_executions(notebook):
    """On the runtime alone: what is handed ahead costs no exchange of its own."""
    notebook.run("import time")
    before = notebook.session.executions
    first = notebook.start("time.sleep(.2)")
    ahead = [notebook.start_ahead(f"print({n})") for n in range(100)]
    first.result(60)
    for cell in ahead:
        assert cell().result(60)["status"] == "ok"
    assert notebook.session.executions - before < 60
