"""Over a service that loses, cuts and refuses: nothing is lost, and nothing runs twice."""

import dataclasses
import random
import threading
from pathlib import Path

import pytest

from dynamic_sessions_kernel.client.models import ExecutionResult
from dynamic_sessions_kernel.errors import (
    AnswerLostError,
    BadRequestError,
    ForbiddenError,
    NotSentError,
    PoolFullError,
    UnavailableError,
    UnexpectedAnswerError,
)
from dynamic_sessions_kernel.runtimes.bridge import responses
from dynamic_sessions_kernel.runtimes.bridge.times import BridgeTimes

#: Pauses that a test does not wait for.
HURRIED = BridgeTimes(first_pause=0.001, longest_pause=0.01)


def failed(stderr: str) -> ExecutionResult:
    return ExecutionResult("Failed", "", stderr, None, None, 0.0)


def cut(result: ExecutionResult, length: int) -> ExecutionResult:
    return dataclasses.replace(result, result=str(result.result)[:length])


class Faulty:
    """A fault of a random kind in so many of the executions."""

    def __init__(self, probability: float) -> None:
        self.chance = random.Random(7)
        self.probability = probability
        self.met = set()

    def __call__(self, run):
        if self.chance.random() > self.probability:
            return run()
        kind = self.chance.randrange(8)
        self.met.add(kind)
        match kind:
            case 0:
                raise NotSentError("not sent")
            case 1:
                run()
                raise AnswerLostError("lost")
            case 2:
                raise UnavailableError("503", status=503)
            case 3:
                return cut(run(), self.chance.randrange(400))
            case 4:
                raise PoolFullError("429", status=429)
            case 5:
                run()
                return failed("Execution aborted")
            case 6:
                return dataclasses.replace(run(), result={"type": "image"})
            case _:
                run()
                raise UnexpectedAnswerError("not JSON")


@pytest.fixture
def notebook(open_notebook):
    return open_notebook(times=HURRIED)


def test_every_cell_runs_once_and_prints_once(notebook):
    faulty = notebook.session.fault = Faulty(0.4)
    for number in range(100):
        notebook.run(f"open('ran', 'a').write('{number}\\n')\nprint({number})")
        assert notebook.text() == f"{number}\n"
    ran = Path(notebook.session.interpreter.folder, "ran")
    assert ran.read_text().split() == [str(number) for number in range(100)]
    assert faulty.met == set(range(8))


def test_cells_handed_over_together_run_once_each_and_in_order(notebook):
    notebook.run("import time")
    faulty = notebook.session.fault = Faulty(0.4)
    for turn in range(4):
        first = notebook.start("time.sleep(.05)")
        ahead = [
            notebook.start_ahead(f"open('ran ahead', 'a').write('{n}\\n')\nprint({n})")
            for n in range(turn * 50, turn * 50 + 50)
        ]
        first.result(60)
        for cell in ahead:
            assert cell().result(60)["status"] == "ok"
        assert notebook.text() == "".join(f"{n}\n" for n in range(turn * 50, turn * 50 + 50))
    ran = Path(notebook.session.interpreter.folder, "ran ahead")
    assert ran.read_text().split() == [str(number) for number in range(200)]
    assert faulty.met


def test_cells_behind_one_that_was_refused_do_not_run_later(notebook):
    notebook.run("import time")
    arrived, refuse = threading.Event(), threading.Event()
    first = notebook.start("print('begun', flush=True)\ntime.sleep(2)")
    notebook.until_printed("begun")
    ahead = [notebook.start_ahead(f"open('behind', 'a').write('{n}')") for n in range(5)]

    def refusing(run):
        if refuse.is_set():
            raise ForbiddenError("no role", status=403)
        try:
            return run()
        finally:
            arrived.set()

    notebook.session.fault = refusing
    assert arrived.wait(10)  # the cells are in the session by now
    refuse.set()
    with pytest.raises(ForbiddenError, match="runs on in the session"):
        first.result(10)
    notebook.session.fault = lambda run: run()
    for cell in ahead:
        with pytest.raises(ForbiddenError):
            cell().result(10)
    assert notebook.run("5")["status"] == "ok"
    assert not Path(notebook.session.interpreter.folder, "behind").exists()


def test_large_output_arrives_whole_though_answers_are_cut_at_4096(notebook):
    def cutting(run):
        return cut(run(), 4096)

    notebook.session.fault = cutting
    notebook.run("import random; r = random.Random(1)\nprint(r.randbytes(40000).hex())")
    assert notebook.text() == random.Random(1).randbytes(40000).hex() + "\n"


def test_answers_grow_again_when_they_are_no_longer_cut(notebook):
    notebook.session.fault = lambda run: cut(run(), 4096)
    notebook.run("import random; r = random.Random(1)\nprint(r.randbytes(40000).hex())")
    notebook.session.fault = lambda run: run()
    before = notebook.session.executions
    notebook.run("print(r.randbytes(1 << 20).hex())")
    assert len(notebook.text()) == (2 << 20) + 1
    assert notebook.session.executions - before < 80


def test_a_large_cell_arrives_though_the_service_refuses_large_requests(notebook):
    sizes = []
    execute = notebook.session.execute

    def refusing(code, **options):
        sizes.append(len(code))
        if len(code) > 100_000:
            raise BadRequestError("too large", status=413)
        return execute(code, **options)

    notebook.session.execute = refusing
    data = random.Random(3).randbytes(150_000).hex()
    notebook.run(f"len('{data}')")
    assert notebook.value() == "300000"
    assert max(sizes) > 100_000


def test_the_services_time_limit_is_not_noticed(notebook):
    notebook.run("x = 5")
    first = threading.Event()

    def aborting(run):
        if first.is_set():
            return run()
        first.set()
        notebook.session.interpreter.restart()
        return failed("Request timed out waiting for code execution to complete")

    notebook.session.fault = aborting
    notebook.run("x")
    assert notebook.value() == "5"


def test_a_refusal_that_does_not_pass_fails_the_cell_and_keeps_the_session(notebook):
    notebook.run("x = 5")

    def refused(run):
        raise ForbiddenError("no role", status=403)

    notebook.session.fault = refused
    with pytest.raises(ForbiddenError):
        notebook.run("x = 6")
    notebook.session.fault = lambda run: run()
    notebook.run("x")
    assert notebook.value() == "5"


def test_while_it_tries_again_the_cell_says_so(open_notebook):
    notebook = open_notebook(times=dataclasses.replace(HURRIED, shown_after=0.0))
    notebook.run("x = 5")
    gone = threading.Event()
    gone.set()

    def unreachable(run):
        if gone.is_set():
            raise NotSentError("No network.")
        return run()

    notebook.session.fault = unreachable
    cell = notebook.start("x")
    shown = notebook.until(lambda message: message.msg_type == "display_data")
    assert "trying again. No network." in shown.content["data"]["text/plain"]
    gone.clear()
    cell.result(60)
    updates = [m for m in notebook.messages if m.msg_type == "update_display_data"]
    assert "nothing was lost" in updates[-1].content["data"]["text/plain"]
    assert notebook.value() == "5"


def test_an_interrupt_ends_the_trying_and_late_output_still_arrives(notebook):
    notebook.run("x = 5")
    gone, tried = threading.Event(), threading.Event()
    cell = notebook.start("import time\nprint('early')\ntime.sleep(60)")
    notebook.until_printed("early")
    gone.set()

    def unreachable(run):
        if gone.is_set():
            tried.set()
            raise NotSentError("No network.")
        return run()

    notebook.session.fault = unreachable
    assert tried.wait(10)
    notebook.runtime.interrupt()
    with pytest.raises(AnswerLostError, match="Interrupted"):
        cell.result(10)
    gone.clear()
    notebook.until(lambda message: message.msg_type == "error")
    assert {message.parent for message in notebook.messages} == {notebook.messages[0].parent}
    notebook.run("x")
    assert notebook.value() == "5"


def test_an_interrupt_frees_a_cell_that_waits_for_its_session(notebook):
    began, end = threading.Event(), threading.Event()

    def slow(run):
        began.set()
        end.wait(30)
        return run()

    notebook.session.fault = slow
    cell = notebook.start("1")
    assert began.wait(10)
    notebook.runtime.interrupt()
    with pytest.raises(AnswerLostError, match="Interrupted"):
        cell.result(10)
    end.set()
    assert notebook.run("2")["status"] == "ok"


def give_up_a_call_that_comes_late(notebook, late):
    """Give up a connection whose call is on its way; let it through after another cell's."""
    began, end, over = threading.Event(), threading.Event(), threading.Event()

    def slow(run):
        began.set()
        end.wait(30)
        try:
            return late(run)
        finally:
            over.set()

    notebook.session.fault = slow
    cell = notebook.start("1")
    assert began.wait(10)
    notebook.runtime.interrupt()
    with pytest.raises(AnswerLostError):
        cell.result(10)
    notebook.session.fault = lambda run: run()
    notebook.run("x = 5")
    end.set()
    assert over.wait(10)


def test_a_call_of_a_connection_that_was_given_up_does_not_end_the_next_one(notebook):
    def fail(run):
        raise ForbiddenError("late", status=403)

    give_up_a_call_that_comes_late(notebook, fail)
    notebook.run("x")
    assert notebook.value() == "5"


def test_a_late_call_of_a_connection_that_was_given_up_does_not_take_the_session(notebook):
    give_up_a_call_that_comes_late(notebook, lambda run: run())
    notebook.run("x")
    assert notebook.value() == "5"


def test_a_pool_that_is_full_is_told_in_the_end(open_notebook):
    notebook = open_notebook(times=dataclasses.replace(HURRIED, opening_full=0.0))

    def full(run):
        raise PoolFullError("The pool is full.", status=429)

    notebook.session.fault = full
    with pytest.raises(PoolFullError):
        notebook.run("1")
    notebook.session.fault = lambda run: run()
    assert notebook.run("1")["status"] == "ok"


def test_a_pool_of_this_machine_that_is_gone_is_told(open_notebook):
    notebook = open_notebook(unreachable=0.0, times=HURRIED)
    notebook.run("1")

    def gone(run):
        raise NotSentError("refused")

    notebook.session.fault = gone
    with pytest.raises(NotSentError):
        notebook.run("1")
    assert not notebook.runtime.connected


def test_an_idle_notebook_asks_ever_more_seldom_and_then_no_more(open_notebook):
    notebook = open_notebook(keep_alive=0.3, times=BridgeTimes(shortest_poll=0.01))
    notebook.run("1")
    quiet = threading.Event()
    assert not quiet.wait(0.6)
    asked = notebook.session.executions
    assert not quiet.wait(0.3)
    assert notebook.session.executions == asked
    assert notebook.run("2")["status"] == "ok"


def test_the_budget_shrinks_below_what_came_and_grows_back_slowly():
    budget = responses.Budget()
    budget.shrink(50_000)
    assert budget.size == 37_500
    for _ in range(3):
        budget.shrink(0)
    assert budget.size == 37_500 // 8
    for _ in range(100):
        budget.shrink(0)
    assert budget.size == responses.SMALLEST
    for _ in range(1000):
        budget.grow(budget.size)
    assert budget.size == responses.LARGEST
