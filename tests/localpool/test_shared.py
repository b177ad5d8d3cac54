"""The person's own pool: found or started, one for all, gone when nobody needs it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time

import psutil
import pytest

from dynamic_sessions_kernel.errors import LocalPoolError
from dynamic_sessions_kernel.localpool.shared.find_or_start import PersonalFiles, find_or_start
from tests.support.processes import started_with

FIND = (
    "import json\n"
    "from dynamic_sessions_kernel.localpool.shared.find_or_start import find_or_start\n"
    "address = find_or_start()\n"
    "print(json.dumps([address.endpoint, address.token]), flush=True)\n"
)


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """A runtime folder of the test's own, with nothing left of its pools behind it."""
    folder = tmp_path / "runtime"
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
    yield folder
    for process in residents(folder):
        process.terminate()
    psutil.wait_procs(residents(folder), timeout=20)
    assert not residents(folder)


def residents(folder):
    """Processes of pools that were started with this runtime folder."""
    return started_with("JUPYTER_RUNTIME_DIR", folder)


def resident():
    """The process of this test's pool."""
    return psutil.Process(json.loads(PersonalFiles.here().address.read_bytes())["pid"])


def caller_of(shared_pool, address):
    caller = shared_pool.caller()
    caller.endpoint, caller.token = address.endpoint, address.token
    return caller


def test_a_pool_is_started_once_and_found_then(runtime, shared_pool):
    first = find_or_start()
    second = find_or_start()
    assert first == second
    assert (first.started, second.started) == (True, False)
    assert caller_of(shared_pool, first).run("6 * 7")["executionResult"] == 42
    assert first.sandbox == shared_pool.told["sandbox"]
    assert len(residents(runtime)) == 1


def test_ten_at_once_get_one_pool(runtime):
    finders = [
        subprocess.Popen([sys.executable, "-c", FIND], stdout=subprocess.PIPE) for _ in range(10)
    ]
    told = {finder.communicate(timeout=60)[0] for finder in finders}
    assert len(told) == 1
    assert len(residents(runtime)) == 1


def test_the_address_is_this_persons_alone_and_the_token_is_in_no_argument(runtime):
    address = find_or_start()
    for path in runtime.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert address.token not in " ".join(resident().cmdline())
    assert address.token not in repr(address)


def test_it_outlives_who_started_it_and_hears_no_interrupt(runtime):
    # Ended by the signal itself, since an exception could come just before the pause and be lost.
    ended_by_interrupt = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\n"
    finder = subprocess.Popen(
        [sys.executable, "-c", f"{ended_by_interrupt}{FIND}signal.pause()"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert finder.stdout is not None
    endpoint, _ = json.loads(finder.stdout.readline())
    pool = resident()
    assert os.getsid(pool.pid) != finder.pid
    os.killpg(finder.pid, signal.SIGINT)
    finder.communicate(timeout=20)
    assert pool.ppid() != finder.pid
    assert find_or_start().endpoint == endpoint


def test_it_keeps_none_of_the_starters_files_open(runtime, tmp_path):
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    find_or_start()
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_it_ends_by_itself_after_its_last_session(runtime, shared_pool, short_folder, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(short_folder))
    address = find_or_start(linger=2)
    caller = caller_of(shared_pool, address)
    caller.run("1")
    pool = resident()
    with pytest.raises(psutil.TimeoutExpired):
        pool.wait(3)
    began = time.monotonic()
    caller.call("DELETE", "session")
    pool.wait(20)
    assert time.monotonic() - began > 1.9
    assert {path.suffix for path in runtime.iterdir()} == {".lock", ".log"}
    assert list(short_folder.iterdir()) == []


def test_a_dead_pool_is_replaced(runtime):
    first = find_or_start()
    pool = resident()
    pool.kill()
    pool.wait(20)
    second = find_or_start()
    assert second.token != first.token


NOWHERE = b'{"endpoint": "http://127.0.0.1:1/x", "token": "t", "sandbox": "none"}'
NO_ADDRESS = b'{"endpoint": "no", "token": "t\\n", "sandbox": "none"}'


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff", b'{"endpoint": 1}', NOWHERE, NO_ADDRESS], ids=range(6)
)
def test_an_address_that_leads_nowhere_is_replaced(runtime, content):
    PersonalFiles.here().address.write_bytes(content)
    assert find_or_start() == find_or_start()


def test_a_stopped_pool_takes_its_address_away(runtime):
    find_or_start()
    pool = resident()
    pool.terminate()
    pool.wait(20)
    assert not PersonalFiles.here().address.exists()


def test_a_pool_that_cannot_start_says_why(runtime, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    monkeypatch.setenv("PYTHONPATH", "/nonexistent")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(LocalPoolError, match="did not start"):
        find_or_start()


def test_a_runtime_folder_that_cannot_be_made_is_told(monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "/proc/none")
    with pytest.raises(LocalPoolError, match="JUPYTER_RUNTIME_DIR"):
        find_or_start()
