"""Large outputs are sanitised beside the exchanges: replies and interrupts do not wait for them."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.runtimes.bridge.conftest import LIMIT, Notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamic_sessions_kernel.messages import Message
    from tests.runtimes.bridge.conftest import Session

MEGABYTES = 64
LARGE = "display({'text/plain': '.' * 8_000_000}, raw=True)"


class Slow(Notebook):
    """A notebook whose page takes a large output only when the test lets it."""

    def __init__(self, session: Session) -> None:
        self.sanitising = threading.Event()
        self.sanitised = threading.Event()
        super().__init__(session)

    def _take(self, message: Message) -> None:
        if message.msg_type == "display_data":
            self.sanitising.set()
            assert self.sanitised.wait(LIMIT)
        super()._take(message)


@pytest.fixture
def slow(session: Session) -> Iterator[Slow]:
    notebook = Slow(session)
    yield notebook
    notebook.sanitised.set()
    notebook.close()


def test_a_completion_is_answered_while_a_large_output_is_sanitised(slow: Slow) -> None:
    slow.run("fruit_basket = 1")
    cell = slow.start(f"{LARGE}\nwhile True: pass")
    assert slow.sanitising.wait(LIMIT)
    reply = slow.ask("complete_request", code="fruit_", cursor_pos=6)
    assert reply is not None
    assert reply["matches"] == ["fruit_basket"]
    assert not cell.done()
    assert slow.messages == []
    slow.sanitised.set()
    slow.runtime.interrupt()
    assert cell.result(LIMIT)["ename"] == "KeyboardInterrupt"
    assert [message.msg_type for message in slow.messages] == ["display_data", "error"]


def test_an_interrupt_is_served_while_a_large_output_is_sanitised(slow: Slow) -> None:
    cell = slow.start(
        f"import time\n{LARGE}\ntry: time.sleep(60)\nexcept KeyboardInterrupt: fruit_basket = 1"
    )
    assert slow.sanitising.wait(LIMIT)
    slow.runtime.interrupt()
    # The cell has ended in the session once its last line ran, though nothing is shown here yet.
    question = {"code": "fruit_", "cursor_pos": 6}
    while (slow.ask("complete_request", **question) or {}).get("matches") != ["fruit_basket"]:
        assert not cell.done()
    assert slow.messages == []
    slow.sanitised.set()
    assert cell.result(LIMIT)["status"] == "ok"


def test_what_follows_a_large_output_keeps_its_order_behind_it(slow: Slow) -> None:
    slow.sanitised.set()
    reply = slow.run(f"print('before', flush=True)\n{LARGE}\nprint('behind')\n6 * 7")
    assert reply["status"] == "ok"
    assert [message.msg_type for message in slow.messages] == [
        "stream",
        "display_data",
        "stream",
        "execute_result",
    ]


def test_outputs_of_a_cell_whose_turn_has_not_come_are_held_within_a_bound(notebook):
    go = Path(notebook.session.interpreter.folder, "go")
    first = notebook.start(
        f"import os, time\nprint('begun', flush=True)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(.01)"
    )
    notebook.until_printed("begun")
    turn = notebook.start_ahead(
        f"for n in range({MEGABYTES}): print(str(n).zfill(1 << 20), flush=True)"
    )
    last = notebook.start_ahead("'last'")
    go.touch()
    assert first.result(LIMIT)["status"] == "ok"
    held = notebook.runtime._ahead.outputs
    until = time.monotonic() + LIMIT
    while not held.full and time.monotonic() < until:
        time.sleep(0.02)
    asked = notebook.session.executions
    time.sleep(0.5)
    # Nothing is fetched any more, and what the session writes stays there.
    assert notebook.session.executions == asked
    assert held._bytes < 32 << 20
    assert turn().result(LIMIT)["status"] == "ok"
    assert last().result(LIMIT)["status"] == "ok"
    printed = notebook.text().split()[1:]
    assert [int(line[-4:]) for line in printed] == list(range(MEGABYTES))
    assert held._bytes == 0
