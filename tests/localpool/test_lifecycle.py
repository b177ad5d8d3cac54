"""Sessions come when they are used and go when they are not; a pool leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from urllib.parse import urlsplit

import psutil
import pytest

CODE = (
    "import subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'],"
    " start_new_session=True)"
)


def family(pool):
    return psutil.Process(pool.process.pid).children(recursive=True)


def test_the_ready_line_tells_what_a_caller_needs(start_pool):
    told = start_pool("--sandbox", "none").told
    assert told["endpoint"].startswith("http://127.0.0.1:")
    assert len(told["token"]) > 30
    assert told["sandbox"] == "none"


def test_the_token_can_be_given_and_sessions_do_not_see_it(start_pool):
    pool = start_pool("--sandbox", "none", DYNAMIC_SESSIONS_LOCALPOOL_TOKEN="given-token")
    assert pool.told["token"] == "given-token"
    code = "import os\n'given-token' in str(os.environ)"
    assert pool.caller().run(code)["executionResult"] is False


def test_a_session_is_told_of_from_its_first_use(fresh):
    assert fresh.call("GET", "session").status_code == 404
    fresh.run("1")
    told = fresh.call("GET", "session").json()
    assert told.keys() == {"identifier", "etag", "createdAt", "lastAccessedAt", "expireAt"}
    assert told["identifier"] == fresh.identifier
    times = [datetime.fromisoformat(told[name]) for name in list(told)[2:]]
    assert times == sorted(times)
    assert (times[2] - times[1]).total_seconds() == pytest.approx(300, abs=1)


def test_asking_for_files_allocates_a_session_too(fresh):
    assert fresh.call("GET", "files").json() == {"value": [], "nextLink": None}
    assert fresh.call("GET", "session").status_code == 200


def test_a_deleted_session_is_replaced_by_an_empty_one(fresh):
    before = fresh.post("kept = 1; open('/mnt/data/kept', 'w').close()")
    answer = fresh.call("DELETE", "session")
    assert (answer.status_code, answer.content) == (204, b"")
    after = fresh.post("import os; 'kept' in globals(), os.listdir('/mnt/data')")
    assert after.json()["result"]["executionResult"] == "(False, [])"
    assert before.headers["x-ms-session-guid"] != after.headers["x-ms-session-guid"]


def test_sessions_are_listed_from_where_one_asks(start_pool):
    pool = start_pool()
    callers = [pool.caller() for _ in range(3)]
    for caller in callers:
        caller.run("1")

    def listed(skip):
        answer = callers[0].call("GET", "listSessions", query={"skip": skip})
        return [session["identifier"] for session in answer.json()["sessions"]]

    assert listed(0) == [caller.identifier for caller in callers]
    assert listed(2) == [callers[2].identifier]
    assert listed(3) == []


def test_metadata_tells_runtime_packages_and_sandbox(shared_pool):
    told = shared_pool.caller().call("GET", "metadata").json()
    assert told["runtimes"][0]["name"] == "Python"
    names = {package["name"].lower() for package in told["preInstalledPackages"]}
    assert {"ipykernel", "numpy"} <= names
    assert told["sandbox"] == shared_pool.told["sandbox"]


def test_an_idle_session_cools_down_and_a_used_one_does_not(start_pool, wait_until):
    pool = start_pool("--cooldown", "1")
    idle, used = pool.caller(), pool.caller()
    idle.run("1")
    used.run("kept = 1")

    def ended():
        used.run("1")
        listed = used.call("GET", "listSessions").json()["sessions"]
        return idle.identifier not in {session["identifier"] for session in listed}

    wait_until(ended)
    assert used.run("kept")["executionResult"] == 1


def test_a_running_execution_keeps_its_session(start_pool, wait_until):
    caller = start_pool("--cooldown", "0.3").caller()
    code = "import time; time.sleep(1.5)"
    execution = caller.post(code, executionType="Asynchronous").json()["id"]
    wait_until(
        lambda: caller.call("GET", f"executions/{execution}").json()["status"] == "Succeeded"
    )


def test_deleting_a_session_ends_its_processes_and_what_runs(start_pool, wait_until):
    pool = start_pool()
    caller = pool.caller()
    caller.run(CODE)
    execution = caller.post("while True: pass", executionType="Asynchronous")
    assert execution.status_code == 202
    before = len(family(pool))
    caller.call("DELETE", "session")
    # What stays is the ready session, as large as the deleted one without what it started.
    wait_until(lambda: len(family(pool)) < before)
    wait_until(lambda: not any("sleep(1000)" in command_line(each) for each in family(pool)))


def command_line(process: psutil.Process) -> str:
    """Return how a process was started; nothing for one that ends meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_a_stopped_pool_leaves_nothing(start_pool, short_folder, number, sandbox):
    pool = start_pool("--sandbox", sandbox, TMPDIR=str(short_folder))
    pool.caller().run(CODE)
    everyone = family(pool)
    assert everyone
    pool.process.send_signal(number)
    assert pool.process.wait(30) == 0
    assert not psutil.wait_procs(everyone, timeout=10)[1]
    assert list(short_folder.iterdir()) == []


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_a_killed_pool_takes_its_processes_along_and_the_next_removes_its_folder(
    start_pool, short_folder, sandbox
):
    pool = start_pool("--sandbox", sandbox, TMPDIR=str(short_folder))
    pool.caller().run(CODE)
    everyone = family(pool)
    pool.process.kill()
    assert not psutil.wait_procs(everyone, timeout=10)[1]
    left = set(short_folder.iterdir())
    assert left
    living = start_pool(TMPDIR=str(short_folder))
    third = start_pool(TMPDIR=str(short_folder))
    assert not left & set(short_folder.iterdir())
    assert living.caller().run("1")["status"] == "Succeeded"
    for each in (living, third):
        each.stop()
    assert list(short_folder.iterdir()) == []


@pytest.mark.parametrize("after", [0, 0.02, 0.05, 0.2])
def test_stopping_does_not_wait_for_sessions_that_start(start_pool, after):
    pool = start_pool()
    time.sleep(after)
    everyone = family(pool)
    pool.process.terminate()
    assert pool.process.wait(30) == 0
    assert not psutil.wait_procs(everyone, timeout=10)[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sandbox", "nothing"], "invalid choice"),
        (["--max-sessions", "0"], "invalid"),
        (["--cooldown", "nan"], "invalid"),
        (["--lose-tail", "1.1"], "invalid"),
        (["--token", "secret"], "unrecognized"),
        (["--port", "65536"], "invalid"),
    ],
)
def test_options_that_cannot_be(options, words):
    command = [sys.executable, "-m", "dynamic_sessions_kernel.localpool", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_told(start_pool):
    port = str(urlsplit(start_pool().told["endpoint"]).port)
    command = [sys.executable, "-m", "dynamic_sessions_kernel.localpool", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("The pool did not start: ")
    assert len(done.stderr.splitlines()) == 1


def test_files_of_the_folder_it_is_started_in_are_not_imported(tmp_path):
    for name in ("tornado", "json", "requests"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    process = subprocess.Popen(
        [sys.executable, "-m", "dynamic_sessions_kernel.localpool"],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    with process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        process.terminate()
    assert "endpoint" in told
