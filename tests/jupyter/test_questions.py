"""What front ends ask beside cells, over the bridge and beside stock ipykernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.notebook import Notebook
    from tests.support.pool import LocalPool

#: Requests that stock ipykernel does not serve, or serves with a cursor of another unit.
ODD_REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("complete_request", {"code": "abc", "cursor_pos": 4}),
    ("complete_request", {"code": "abc", "cursor_pos": -1}),
    ("complete_request", {"code": "x = '\U0001f600'; pri", "cursor_pos": 13}),
    ("complete_request", {"code": "abc"}),
    ("complete_request", {"code": "abc", "cursor_pos": "2"}),
    ("complete_request", {}),
    ("inspect_request", {"code": "print"}),
    ("inspect_request", {"code": "print", "cursor_pos": 99}),
    ("inspect_request", {"code": "print", "cursor_pos": 5, "detail_level": "much"}),
    ("inspect_request", {}),
    ("history_request", {}),
    ("history_request", {"hist_access_type": "range"}),
    ("history_request", {"hist_access_type": "tail", "n": "many"}),
    ("history_request", {"hist_access_type": "no such type"}),
    ("is_complete_request", {}),
    ("is_complete_request", {"code": 5}),
    ("comm_info_request", {"target_name": 7}),
    ("comm_open", {}),
    ("comm_msg", {"comm_id": "nobody's", "data": {}}),
    ("comm_close", {"comm_id": "nobody's"}),
    ("kernel_info_request", {"unexpected": True}),
    ("connect_request", {}),
    ("no_such_request", {}),
]


@pytest.fixture(scope="module")
def ours(local_pool: LocalPool, start_notebook: Callable[..., Notebook]) -> Iterator[Notebook]:
    settings = {"DYNAMIC_SESSIONS_RUNTIME": "bridge", "DYNAMIC_SESSIONS_OUTPUTS": "trusted"}
    notebook = start_notebook({**local_pool.environment, **settings})
    notebook.run("1", timeout=120)
    yield notebook
    notebook.close()


@pytest.mark.parametrize("notebook", ["ours", "stock"])
@pytest.mark.parametrize(
    ("msg_type", "content"), ODD_REQUESTS, ids=lambda value: str(value).replace("_request", "")
)
def test_a_request_that_cannot_be_served_holds_no_cell(
    request, notebook, msg_type, content
) -> None:
    notebook = request.getfixturevalue(notebook)
    notebook.request(msg_type, content)
    assert notebook.run("6 * 7", timeout=25).result == "42"


@pytest.mark.parametrize(
    ("msg_type", "content"), ODD_REQUESTS, ids=lambda value: str(value).replace("_request", "")
)
def test_a_request_that_cannot_be_served_ends_with_idle(ours, msg_type, content) -> None:
    published = ours.published(ours.request(msg_type, content), timeout=25)
    states = [m["content"]["execution_state"] for m in published if m["msg_type"] == "status"]
    assert (states[0], states[-1]) == ("busy", "idle")


@pytest.mark.parametrize("cursor", [17, 99, None])
def test_a_cursor_beyond_the_text_is_at_its_end(ours, cursor) -> None:
    code = "emoji = '\U0001f600'; pri"
    reply = ours.ask("complete", code, cursor)
    assert "print" in reply["matches"]
    assert reply["cursor_end"] == len(code)


SLOW = """
import time
class Slow:
    def __getattr__(self, name):
        time.sleep(600)
    def _ipython_key_completions_(self):
        time.sleep(600)
        return []
slow = Slow()
class Documented:
    @property
    def __doc__(self):
        time.sleep(600)
documented = Documented()
"""


@pytest.mark.parametrize(
    ("msg_type", "content"),
    [
        ("complete_request", {"code": "slow['", "cursor_pos": 6}),
        ("inspect_request", {"code": "documented", "cursor_pos": 10, "detail_level": 0}),
    ],
)
def test_an_interrupt_ends_a_question_that_is_stuck(ours, msg_type, content) -> None:
    ours.run(SLOW)
    stuck = ours.request(msg_type, content)
    cell = ours.send("'after it'")
    ours.until(cell, "execute_input")
    ours.interrupt()
    ours.published(stuck, timeout=20)
    after = ours.wait(cell, timeout=20)
    # The interrupt may have met the cell, which the person then runs again.
    assert after.status == "error" or after.result == "'after it'"
    assert ours.run("'again'", timeout=20).result == "'again'"


def test_a_completion_waits_for_no_other_that_is_stuck(ours) -> None:
    ours.run(SLOW)
    stuck = ours.request("complete_request", {"code": "slow['", "cursor_pos": 6})
    reply = ours.ask("complete", "%upl")
    assert reply["matches"] == ["%upload"]
    assert ours.ask("complete", "pri")["matches"] == []
    ours.interrupt()
    ours.published(stuck, timeout=20)
    assert "print" in ours.ask("complete", "pri")["matches"]


CALLBACK = """
from comm import get_comm_manager
import time
def opened(comm, message):
    print('opened')
    @comm.on_msg
    def said(message):
        for number in range(3):
            print('heard', number, flush=True)
            time.sleep(0.05)
        display('shown')
get_comm_manager().register_target('test', opened)
"""


def seen(notebook: Notebook, msg_id: str) -> list[Any]:
    """What a comm's message caused, in order, streams joined."""
    kinds: list[Any] = []
    for message in notebook.published(msg_id):
        kind, content = message["msg_type"], message["content"]
        if kind == "status":
            kinds.append(content["execution_state"])
        elif kind == "stream" and isinstance(kinds[-1], tuple):
            kinds[-1] = (kind, kinds[-1][1] + content["text"])
        elif kind == "stream":
            kinds.append((kind, content["text"]))
        else:
            kinds.append(kind)
    return kinds


def test_what_a_callback_prints_comes_before_the_idle_of_its_message(ours, stock) -> None:
    shown = {}
    for notebook in (ours, stock):
        notebook.run(CALLBACK)
        opened = notebook.request(
            "comm_open", {"comm_id": "one", "target_name": "test", "data": {}}
        )
        told = notebook.request("comm_msg", {"comm_id": "one", "data": {}})
        shown[notebook] = seen(notebook, opened), seen(notebook, told)
    assert shown[ours] == shown[stock]
    assert shown[ours][0] == ["busy", ("stream", "opened\n"), "idle"]
    assert shown[ours][1][-1] == "idle"


def test_a_callback_holds_neither_cells_nor_interrupts(ours) -> None:
    ours.run(CALLBACK.replace("0.05", "200"))
    ours.request("comm_open", {"comm_id": "two", "target_name": "test", "data": {}})
    told = ours.request("comm_msg", {"comm_id": "two", "data": {}})
    ours.until(told, "stream")
    ours.interrupt()
    assert "idle" in seen(ours, told)
    assert ours.run("'next'", timeout=20).result == "'next'"


def test_comms_during_a_cell_are_served_after_it(ours) -> None:
    ours.run(CALLBACK)
    ours.request("comm_open", {"comm_id": "three", "target_name": "test", "data": {}})
    cell = ours.send("time.sleep(1)\n'done'")
    ours.until(cell, "execute_input")
    told = ours.request("comm_msg", {"comm_id": "three", "data": {}})
    assert ours.wait(cell).result == "'done'"
    assert ("stream", "heard 0\nheard 1\nheard 2\n") in seen(ours, told)


@pytest.mark.parametrize(
    ("code", "cursor"), [("%upload a.csv", 3), ("x = 1\n%upload a.csv", 19), ("f = %upload *", 9)]
)
def test_inspecting_a_command_shows_its_help(ours, code, cursor) -> None:
    reply = ours.ask("inspect", code, cursor)
    assert reply["found"]
    assert reply["data"]["text/plain"] == ours.run("%upload?").stdout


def test_before_the_first_cell_tab_offers_what_every_python_knows(new_notebook, local_pool) -> None:
    before = local_pool.identifiers()
    notebook = new_notebook()
    reply = notebook.ask("complete", "x = isins")
    assert (reply["matches"], reply["cursor_start"]) == (["isinstance"], 4)
    assert "import" in notebook.ask("complete", "imp")["matches"]
    for code in ("x.isins", "'isins", "# isins", ""):
        assert notebook.ask("complete", code)["matches"] == []
    assert local_pool.identifiers() == before
