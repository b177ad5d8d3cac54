"""How executions are asked for, take turns, end, and are asked about later."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

LOOP = "while True: pass"
TIMED_OUT = "Request timed out waiting for code execution to complete"


def test_an_answer_of_the_current_generation(fresh):
    answer = fresh.post("print('hi')\n6 * 7")
    told = answer.json()
    assert answer.status_code == 200
    assert told["id"]
    assert told["identifier"] == fresh.identifier
    assert told["executionType"] == "Synchronous"
    assert told["status"] == "Succeeded"
    assert isinstance(told["result"].pop("executionTimeInMilliseconds"), int)
    assert told["result"] == {"stdout": "hi\n", "stderr": "", "executionResult": 42}


def test_an_answer_of_the_legacy_generation(shared_pool, session):
    caller = shared_pool.caller(version="2024-02-02-preview", identifier=session.identifier)
    answer = caller.post("print('hi')\n6 * 7")
    told = answer.json()
    assert answer.status_code == 200
    assert isinstance(told["properties"].pop("executionTimeInMilliseconds"), int)
    assert told == {
        "$id": "1",
        "properties": {
            "$id": "2", "status": "Success", "stdout": "hi\n", "stderr": "", "result": 42
        },
    }  # fmt: skip
    assert caller.run("1 / 0")["status"] == "Failure"


@pytest.mark.parametrize(
    ("version", "status"),
    [("2024-10-02-preview", 202), ("2025-02-02-preview", 200), ("2025-10-02-preview", 200)],
)
def test_the_status_of_a_synchronous_answer(shared_pool, session, version, status):
    caller = shared_pool.caller(version=version, identifier=session.identifier)
    assert caller.post("1").status_code == status


def test_headers_tell_operation_container_and_times(fresh):
    first, second = fresh.post("1").headers, fresh.post("1").headers
    assert first["operation-id"] != second["operation-id"]
    assert first["x-ms-session-guid"] == second["x-ms-session-guid"]
    for name in ("allocation-time", "container-execution-duration", "overall-execution-time"):
        assert second[f"x-ms-{name}"].isdecimal()


def test_one_execution_at_a_time_and_in_order(session):
    code = "import time\nbegan = time.monotonic(); time.sleep(.2)\n[began, time.monotonic()]"
    with ThreadPoolExecutor() as threads:
        outcomes = threads.map(lambda _: session.run(code), range(3))
    spans = sorted(eval(outcome["executionResult"]) for outcome in outcomes)
    assert spans[0][1] <= spans[1][0]
    assert spans[1][1] <= spans[2][0]


def test_file_calls_do_not_wait_for_an_execution(fresh, wait_until):
    fresh.upload("wait.txt", b"")
    code = "import os, time\nwhile os.path.exists('/mnt/data/wait.txt'): time.sleep(.01)"
    with ThreadPoolExecutor() as threads:
        running = threads.submit(fresh.run, code, timeoutInSeconds=30)
        assert fresh.upload("other.txt", b"x").status_code == 200
        assert not running.done()
        assert fresh.call("DELETE", "files/wait.txt").status_code == 204
        assert running.result()["status"] == "Succeeded"


def test_a_time_out_ends_the_run_aborts_those_that_wait_and_keeps_the_state(fresh):
    fresh.run("kept = 1")
    begun = threading.Event()

    def loop() -> dict:
        begun.set()
        return fresh.run(LOOP, timeoutInSeconds=2)

    with ThreadPoolExecutor() as threads:
        first = threads.submit(loop)
        begun.wait()
        fresh.call("GET", "session")  # a round trip, so that the loop has its turn
        second = threads.submit(fresh.run, "kept = 2")
        outcome = first.result()
        assert outcome["status"] == "Failed"
        assert outcome["stderr"].startswith(TIMED_OUT)
        assert second.result()["stderr"] == "Execution aborted"
    assert fresh.run("kept")["executionResult"] == 1


def test_the_pools_own_limit_holds_whatever_is_asked_for(start_pool):
    caller = start_pool("--time-limit", "0.5").caller()
    caller.run("1")
    assert caller.run(LOOP, timeoutInSeconds=220)["stderr"].startswith(TIMED_OUT)


def test_a_dead_interpreter_is_told_and_replaced_and_files_are_kept(fresh):
    fresh.run("kept = 1; open('/mnt/data/kept.txt', 'w').close()")
    guid = fresh.post("1").headers["x-ms-session-guid"]
    outcome = fresh.run("import os; os._exit(1)")
    assert (outcome["status"], outcome["stderr"]) == ("Failed", "Kernel restarted")
    answer = fresh.post("import os; ('kept' in globals(), os.listdir('/mnt/data'))")
    assert answer.json()["result"]["executionResult"] == "(False, ['kept.txt'])"
    assert answer.headers["x-ms-session-guid"] == guid


def test_background_threads_live_on_between_executions(fresh):
    fresh.run("import threading\ngo = threading.Event(); done = threading.Event()")
    fresh.run("threading.Thread(target=lambda: (go.wait(), done.set())).start()")
    fresh.run("go.set()")
    assert fresh.run("done.wait(10)")["executionResult"] is True


def test_an_asynchronous_execution_is_asked_about_until_it_is_over(fresh, wait_until):
    fresh.upload("wait.txt", b"")
    code = "import os, time\nwhile os.path.exists('/mnt/data/wait.txt'): time.sleep(.01)\n'done'"
    answer = fresh.post(code, executionType="Asynchronous")
    told = answer.json()
    assert answer.status_code == 202
    assert told["status"] in ("Running", "NotStarted")
    assert told["executionType"] == "Asynchronous"
    assert "result" not in told
    path = f"executions/{told['id']}"
    assert fresh.call("GET", path).json()["status"] in ("Running", "NotStarted")
    queued = fresh.post("1", executionType="Asynchronous").json()["id"]
    assert fresh.call("GET", f"executions/{queued}").json()["status"] == "NotStarted"
    fresh.call("DELETE", "files/wait.txt")
    wait_until(lambda: fresh.call("GET", path).json()["status"] == "Succeeded")
    assert fresh.call("GET", path).json()["result"]["executionResult"] == "done"


def test_an_unknown_execution_is_not_found(session):
    assert session.call("GET", "executions/nothing").status_code == 404


def test_a_client_that_leaves_does_not_stop_its_execution(fresh, wait_until):
    fresh.upload("wait.txt", b"")
    body = {
        "code": "import os, time\nwhile os.path.exists('/mnt/data/wait.txt'): time.sleep(.01)\n"
        "open('/mnt/data/ended', 'w').close()"
    }
    with pytest.raises(requests.ReadTimeout):
        fresh.call("POST", "executions", json=body, timeout=0.5)
    fresh.call("DELETE", "files/wait.txt")
    wait_until(lambda: fresh.call("GET", "files/ended").status_code == 200)


def test_sessions_run_beside_each_other_and_apart(shared_pool):
    callers = [shared_pool.caller() for _ in range(3)]
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda each: each.run(f"mine = {each.identifier!r}"), callers))
        list(threads.map(lambda each: each.upload("mine.txt", each.identifier.encode()), callers))
        for caller in callers:
            outcome = caller.run("mine, open('/mnt/data/mine.txt').read()")
            assert outcome["executionResult"] == str((caller.identifier, caller.identifier))
    for caller in callers:
        caller.call("DELETE", "session")


def test_two_first_calls_at_once_get_one_session(fresh):
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(lambda _: fresh.post("1"), range(4)))
    assert len({answer.headers["x-ms-session-guid"] for answer in answers}) == 1
