"""Large outputs are sanitised beside the exchanges: replies and interrupts do not wait for them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.runtimes.bridge.conftest import LIMIT, Notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamic_sessions_kernel.messages import Message
    from tests.runtimes.bridge.conftest import Session

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
