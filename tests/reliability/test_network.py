"""The network between kernel and service fails: cells run once, and what they say arrives."""

from __future__ import annotations

import dataclasses
import io
import threading
import time

import pytest

NOT_LOST = "The session could not be reached for a while; nothing was lost."


def shown(ran) -> list[str]:
    """The notices of a cell, in the order in which one took the other's place."""
    displays = ran.all("display_data") + ran.all("update_display_data")
    return [content["data"]["text/plain"] for content in displays]


def runs_once(notebook, ran, line: str) -> None:
    assert ran.status == "ok"
    assert ran.stdout == f"{line}\n"
    assert notebook.place.ran(line) == 1


def test_a_cell_that_is_run_without_network_runs_when_it_is_back(notebook, way) -> None:
    way.unplug()
    cell = notebook.send(notebook.place.mark("offline") + "print('offline')")
    notice = notebook.until(cell, "display_data")["data"]["text/plain"]
    assert "The session cannot be reached since" in notice
    assert "the connection was refused" in notice
    assert "Nothing is lost meanwhile; interrupt to stop waiting." in notice
    way.heal()
    ran = notebook.wait(cell)
    runs_once(notebook, ran, "offline")
    assert shown(ran)[-1] == NOT_LOST


def test_a_connection_that_breaks_before_the_request_arrives_is_made_again(notebook, way) -> None:
    broken = iter([True] * 3)
    way.hurt(lambda forward: None if next(broken, False) else forward())
    ran = notebook.run(notebook.place.mark("before") + "print('before')")
    runs_once(notebook, ran, "before")


def test_a_lost_answer_does_not_run_its_cell_twice(notebook, way) -> None:
    broken = iter([True] * 3)

    def lose(forward):
        reply = forward()
        return None if next(broken, False) else reply

    way.hurt(lose)
    ran = notebook.run(notebook.place.mark("after") + "print('after')")
    runs_once(notebook, ran, "after")


def test_output_of_a_cell_that_ran_on_without_network_arrives_whole_and_in_order(
    notebook, way
) -> None:
    cell = notebook.send(
        notebook.place.mark("lid")
        + "for n in range(20):\n    print(n, flush=True)\n    time.sleep(0.05)\n"
        + "open('/mnt/data/lid-closed', 'w').write('ended\\n')"
    )
    notebook.until(cell, "stream")
    way.unplug()
    notebook.place.until("lid-closed")
    way.heal()
    ran = notebook.wait(cell)
    assert ran.stdout == "".join(f"{n}\n" for n in range(20))
    assert notebook.place.ran("lid") == 1


def test_a_network_that_was_gone_between_cells_is_not_noticed(notebook, way) -> None:
    notebook.run("kept = 5")
    way.unplug()
    way.heal()
    ran = notebook.run("kept")
    assert ran.result == "5"
    assert shown(ran) == []


def cut(reply):
    return dataclasses.replace(reply, cut=len(reply.body) // 2)


BROKEN_ANSWERS = {
    "cut": cut,
    "cut before its body": lambda reply: dataclasses.replace(reply, cut=0),
    "empty": lambda reply: dataclasses.replace(reply, body=b""),
    "not JSON": lambda reply: dataclasses.replace(reply, body=b"<html>Welcome to the hotel"),
    "half of its JSON": lambda reply: dataclasses.replace(reply, body=reply.body[:-9]),
    "not UTF-8": lambda reply: dataclasses.replace(reply, body=b"\xff\xfe\x00{"),
    "a list": lambda reply: dataclasses.replace(reply, body=b"[1, 2]"),
    "null": lambda reply: dataclasses.replace(reply, body=b"null"),
    "of wrong types": lambda reply: dataclasses.replace(
        reply, body=b'{"id": 1, "status": ["Succeeded"], "result": "none"}'
    ),
    "without a result": lambda reply: dataclasses.replace(
        reply, body=b'{"id": "1", "status": "Succeeded", "result": {}}'
    ),
    "of another's code": lambda reply: dataclasses.replace(
        reply, body=b'{"id": "1", "status": "Succeeded", "result": {"executionResult": "42"}}'
    ),
    "of a status that nobody knows": lambda reply: dataclasses.replace(reply, status=299),
    "a redirect": lambda reply: dataclasses.replace(
        reply, status=302, headers={"Location": "https://hotel.example/login"}
    ),
    "nested deep": lambda reply: dataclasses.replace(reply, body=b"[" * 100_000),
}


@pytest.mark.parametrize("kind", BROKEN_ANSWERS)
def test_a_broken_answer_loses_nothing(notebook, way, kind) -> None:
    spoilt = iter([True] * 3)

    def spoil(forward):
        reply = forward()
        return BROKEN_ANSWERS[kind](reply) if next(spoilt, False) else reply

    way.hurt(spoil)
    line = kind.replace(" ", "-").replace("'", "")
    runs_once(notebook, notebook.run(notebook.place.mark(line) + f"print('{line}')"), line)


def test_an_answer_that_comes_slowly_is_waited_for(notebook, way) -> None:
    slow = iter([2.5])
    way.hurt(lambda forward: dataclasses.replace(forward(), pause=next(slow, 0.0)))
    ran = notebook.run(notebook.place.mark("slow") + "print('slow')")
    runs_once(notebook, ran, "slow")


def test_answers_that_stay_nonsense_end_the_cell_and_not_the_session(notebook, way) -> None:
    notebook.run("kept = 7")
    way.hurt(lambda forward: dataclasses.replace(forward(), body=b"<html>"))
    cell = notebook.send(notebook.place.mark("nonsense"))
    notebook.until(cell, "display_data")
    notebook.interrupt()
    error = notebook.wait(cell).error
    assert error.startswith("AnswerLostError: Interrupted while the session could not be reached")
    way.heal()
    assert notebook.run("kept").result == "7"
    assert notebook.place.ran("nonsense") <= 1


def test_an_interrupt_ends_the_trying_and_the_cell_never_runs(notebook, way) -> None:
    way.unplug()
    cell = notebook.send(notebook.place.mark("never"))
    queued = notebook.send(notebook.place.mark("queued"))
    notebook.until(cell, "display_data")
    notebook.interrupt()
    error = notebook.wait(cell).error
    assert error == (
        "AnswerLostError: Interrupted while the session could not be reached. If the cell runs "
        "there already, it is interrupted as soon as it can be, and its output still arrives; if "
        "not, it will not run."
    )
    assert notebook.wait(queued).status == "aborted"
    way.heal()
    assert notebook.run("1 + 1").result == "2"
    assert notebook.place.ran("never") == notebook.place.ran("queued") == 0


def test_an_interrupt_reaches_a_cell_that_runs_beyond_a_broken_network_when_it_is_back(
    notebook, way
) -> None:
    cell = notebook.send(
        notebook.place.mark("beyond") + "print('begun', flush=True)\ntime.sleep(100)"
    )
    notebook.until(cell, "stream")
    way.unplug()
    notebook.until(cell, "display_data")
    notebook.interrupt()
    assert "it is interrupted as soon as it can be" in notebook.wait(cell).error
    way.heal()
    assert notebook.run("'free'").result == "'free'"
    assert notebook.place.ran("beyond") == 1


def test_an_interrupt_while_a_call_begins_to_hang_frees_the_cell_too(notebook, way) -> None:
    go = threading.Event()

    def hang(forward):
        go.wait(20)
        return forward()

    way.hurt(hang)
    cell = notebook.send("1")
    notebook.until(cell, "execute_input")
    notebook.interrupt()
    assert "Interrupted" in notebook.wait(cell, timeout=5).error
    go.set()
    way.heal()
    assert notebook.run("1 + 1").result == "2"


def test_an_interrupt_frees_a_cell_whose_call_hangs(notebook, way) -> None:
    go = threading.Event()

    def hang(forward):
        go.wait(20)
        return forward()

    way.hurt(hang)
    cell = notebook.send(notebook.place.mark("hung") + "print('hung')")
    notice = notebook.until(cell, "display_data")["data"]["text/plain"]
    assert "It does not answer" in notice
    notebook.interrupt()
    assert "Interrupted" in notebook.wait(cell).error
    go.set()
    way.heal()
    assert notebook.run("1 + 1").result == "2"
    assert notebook.place.ran("hung") <= 1


BUSY = b'{"error": {"code": "Busy", "message": "Not now."}}'


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_storm_of_refusals_is_sat_out(notebook, way, status) -> None:
    refused = iter([True] * 4)
    way.hurt(lambda forward: way.reply(status, BUSY) if next(refused, False) else forward())
    line = f"storm-{status}"
    runs_once(notebook, notebook.run(notebook.place.mark(line) + f"print('{line}')"), line)


def test_while_the_service_is_in_trouble_the_cell_says_so_and_then_that_it_is_over(
    notebook, way
) -> None:
    way.hurt(lambda _: way.reply(503, BUSY))
    cell = notebook.send(notebook.place.mark("told") + "print('told')")
    notice = notebook.until(cell, "display_data")["data"]["text/plain"]
    assert "trying again. The service is in trouble (503" in notice
    assert "The service says: Busy Not now." in notice
    way.heal()
    ran = notebook.wait(cell)
    runs_once(notebook, ran, "told")
    assert shown(ran)[-1] == NOT_LOST


def test_the_service_is_not_asked_again_before_it_wishes(notebook, way) -> None:
    notebook.run("pass")
    asked = []

    def wish(forward):
        asked.append(time.monotonic())
        return way.reply(429, BUSY, Retry_After="2") if len(asked) == 1 else forward()

    way.hurt(wish)
    runs_once(notebook, notebook.run(notebook.place.mark("wish") + "print('wish')"), "wish")
    assert asked[1] - asked[0] >= 2


def test_a_wish_to_wait_that_is_a_date_or_nonsense_is_not_trusted(notebook, way) -> None:
    """Two clocks that differ by years must not make a person wait for years."""
    wishes = iter(["Fri, 31 Dec 2199 23:59:59 GMT", "-5", "soon", "9" * 400])

    def wish(forward):
        after = next(wishes, None)
        return forward() if after is None else way.reply(429, BUSY, Retry_After=after)

    way.hurt(wish)
    runs_once(notebook, notebook.run(notebook.place.mark("date") + "print('date')"), "date")


def test_a_service_whose_clock_is_years_off_is_used_as_any_other(notebook, way) -> None:
    def skew(forward):
        reply = forward()
        reply.headers["Date"] = "Mon, 01 Jan 1990 00:00:00 GMT"
        return reply

    way.hurt(skew)
    runs_once(notebook, notebook.run(notebook.place.mark("skew") + "print('skew')"), "skew")


REFUSALS = {401: "UnauthorizedError", 403: "ForbiddenError", 404: "PoolNotFoundError"}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_that_does_not_pass_ends_the_cell_and_not_the_session(
    notebook, way, status
) -> None:
    notebook.run("kept = 3")
    # Of a pool that answers to its name, 404 to an execution says that it is full.
    way.hurt(lambda _: way.reply(status), whole=status == 404)
    error = notebook.run(notebook.place.mark(f"refused-{status}")).error
    assert error.startswith(f"{REFUSALS[status]}: ")
    way.heal()
    assert notebook.run("kept").result == "3"
    assert notebook.place.ran(f"refused-{status}") == 0


def test_a_refusal_in_mid_cell_says_that_the_cell_may_run_on(notebook, way) -> None:
    cell = notebook.send(
        notebook.place.mark("on")
        + "print('begun', flush=True)\nwhile not os.path.exists('/mnt/data/go'): time.sleep(0.05)\n"
        + "print('ended')"
    )
    notebook.until(cell, "stream")
    way.hurt(lambda _: way.reply(403))
    ran = notebook.wait(cell)
    assert ran.error.startswith("ForbiddenError: ")
    assert "If the cell had begun, it runs on in the session and its output arrives" in ran.error
    way.heal()
    notebook.place.session.upload(io.BytesIO(b""), "go")
    assert notebook.run("'after'").result == "'after'"
    assert notebook.wait(cell).stdout == "begun\nended\n"
    assert notebook.place.ran("on") == 1
