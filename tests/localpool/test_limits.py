"""What an embedded session may take of the machine, and what happens where it takes more."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from dataclasses import replace

import pytest

from dynamic_sessions_kernel.localpool.faults import FaultInjector, FaultRates
from dynamic_sessions_kernel.localpool.sandbox.choose import choose, remove_tree
from dynamic_sessions_kernel.localpool.sandbox.groups import Groups
from dynamic_sessions_kernel.localpool.sandbox.limits import Limits, parse_amount
from dynamic_sessions_kernel.localpool.sessions.decoding import Decoder
from dynamic_sessions_kernel.localpool.sessions.store import SessionStore
from dynamic_sessions_kernel.localpool.sessions.watch import Watch, disk_use
from tests.support.pool import COMMAND

SMALL = ("--memory", "400M", "--processes", "64", "--disk", "32M")
LIMITS = Limits(400 * 1024**2, 64, 32 * 1024**2)


@pytest.fixture(scope="module")
def small_pool():
    from tests.localpool.conftest import start

    pool = start(*SMALL)
    yield pool
    pool.stop()


@pytest.fixture
def caller(small_pool):
    caller = small_pool.caller()
    yield caller
    caller.call("DELETE", "session")


def living(caller):
    listed = caller.call("GET", "listSessions").json()["sessions"]
    return {session["identifier"] for session in listed}


def test_a_cell_over_its_memory_ends_alone(small_pool, caller):
    other = small_pool.caller()
    other.run("kept = 'still here'")
    caller.upload("file.txt", b"kept as well")
    assert caller.run("held = b'x' * (700 * 1024**2)")["status"] == "Failed"
    assert other.run("kept")["executionResult"] == "still here"
    assert caller.run("open('/mnt/data/file.txt').read()")["executionResult"] == "kept as well"
    other.call("DELETE", "session")


def test_a_fork_too_many_is_an_error_of_its_cell(caller):
    seen = caller.run(
        "import subprocess\n"
        "started = []\n"
        "try:\n"
        "    for _ in range(200): started.append(subprocess.Popen(['sleep', '60']))\n"
        "except OSError as error:\n"
        "    for each in started: each.kill(); each.wait()\n"
        "    print(type(error).__name__, len(started) < 64)"
    )
    assert seen["stdout"] == "BlockingIOError True\n"


def test_a_file_that_is_too_long_is_an_error_of_its_cell(caller):
    seen = caller.run("open('/mnt/data/long', 'wb').write(b'x' * (20 * 1024**2))")
    assert "File too large" in seen["stderr"]
    assert caller.run("1 + 1")["executionResult"] == 2


def test_a_session_over_its_files_is_ended(caller, wait_until):
    caller.run("for n in range(3): open(f'/mnt/data/{n}', 'wb').write(b'x' * (15 * 1024**2))")
    wait_until(lambda: caller.identifier not in living(caller))


_WITHOUT_NAMES = {
    "open": "f = open(f'/mnt/data/{n}', 'wb'); f.write(data); os.unlink(f.name); kept.append(f)",
    "mapped": (
        "f = open(f'/mnt/data/{n}', 'w+b'); f.write(data); f.flush()\n"
        "    kept.append(mmap.mmap(f.fileno(), 0)); os.unlink(f.name); f.close()"
    ),
    "never named": (
        "f = os.open('/mnt/data', os.O_TMPFILE | os.O_RDWR); os.write(f, data); kept.append(f)"
    ),
}


@pytest.mark.parametrize("way", _WITHOUT_NAMES)
def test_files_without_a_name_count_too(way, caller, wait_until):
    caller.run(
        "import mmap, os\nkept, data = [], b'x' * (15 * 1024**2)\n"
        f"for n in range(3):\n    {_WITHOUT_NAMES[way]}"
    )
    wait_until(lambda: caller.identifier not in living(caller))


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_a_file_system_in_memory_has_an_end(caller, folder):
    seen = caller.run(
        "try:\n"
        f"    for n in range(20): open(f'{folder}/{{n}}', 'wb').write(b'x' * (10 * 1024**2))\n"
        "except OSError as error:\n"
        "    print(error.strerror)"
    )
    assert seen["stdout"] == "No space left on device\n"


def test_the_pool_prints_its_limits(small_pool):
    assert small_pool.told["limits"] == (
        "400 MiB of memory, 64 processes and threads, 32 MiB of files"
    )


def in_a_watched_store(folder, code):
    """Run code in a session that no control group holds; return whether it lives after a while."""

    async def work():
        sandbox = replace(choose(limits=LIMITS), groups=None)
        faults = FaultInjector(FaultRates())
        store = SessionStore(folder, sandbox, faults, most=1, cooldown=60, time_limit=60)
        watch = Watch(store, LIMITS)
        watch.start()
        try:
            async with store.using("id") as session:
                await session.execute(code, 30).over()
                return session.alive
        finally:
            await watch.stop()
            await store.close()

    return asyncio.run(work())


@pytest.mark.parametrize(
    "code",
    [
        "held = b'x' * (600 * 1024**2)\nimport time; time.sleep(25)",
        (
            "import mmap\nheld = mmap.mmap(-1, 600 * 1024**2)\nheld.write(b'x' * len(held))\n"
            "import time; time.sleep(25)"
        ),
    ],
    ids=["its own", "shared"],
)
def test_without_control_groups_a_session_over_its_memory_is_ended(tmp_path, code):
    assert not in_a_watched_store(tmp_path, code)


def test_without_control_groups_a_session_within_its_limits_lives(tmp_path):
    assert in_a_watched_store(tmp_path, "import time; time.sleep(3)")


def test_many_small_files_count_and_links_do_not(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(10):
        (tmp_path / "in" / str(number)).touch()
    (tmp_path / "in" / "loop").symlink_to(tmp_path)
    assert 40_000 < disk_use(tmp_path, 10**9) < 100_000


@pytest.fixture
def nested(tmp_path, monkeypatch):
    """Folders nested deeper than a path is long and a stack deep, and a closed one."""
    top = tmp_path / "nested"
    top.mkdir()
    monkeypatch.chdir(top)
    for _ in range(1_500):
        os.mkdir("further")  # noqa: PTH102 - a whole path would be too long
        os.chdir("further")
    (tmp_path / "nested" / "closed" / "in").mkdir(parents=True)
    (tmp_path / "nested" / "closed").chmod(0)
    monkeypatch.chdir(tmp_path)
    yield top
    remove_tree(top)  # pytest itself could not


def test_folders_nested_without_end_count_as_over(nested):
    assert disk_use(nested, 10**9) > 10**9


def test_folders_nested_without_end_are_removed(nested):
    remove_tree(nested)
    assert not nested.exists()


def test_a_result_beside_many_containers_is_returned(caller):
    seen = caller.run(
        "class Shown:\n"
        "    def _repr_mimebundle_(self, **_):\n"
        "        return {'text/plain': 'seen', 'application/x-deep': [[]] * 300_000}\n"
        "Shown()"
    )
    assert seen["executionResult"] == "seen"


def test_others_are_served_while_a_large_output_is_decoded():
    part = json.dumps({"data": {"text/plain": "seen", "x": [[]] * 3_000_000}}).encode()

    async def work():
        decoding = asyncio.create_task(Decoder(lambda command: command).content(part))
        turns = 0
        while not decoding.done():
            await asyncio.sleep(0)
            turns += 1
        return turns, decoding.result()

    turns, content = asyncio.run(work())
    assert content == {"data": {"text/plain": "seen"}}
    assert turns > 100


@pytest.mark.parametrize("part", [b"[" * 300_000, b'{"data": [' + b"1," * 300_000])
def test_what_is_no_json_is_an_empty_content(part):
    assert asyncio.run(Decoder(lambda command: command).content(part)) == {}


def test_groups_of_version_2_get_the_same_limits(tmp_path):
    # A folder takes the part of the tree: no machine has the controllers in both versions.
    own = tmp_path / "cgroup" / "pools"
    own.mkdir(parents=True)
    (own / "cgroup.controllers").write_text("cpu memory pids")
    (own / "cgroup.subtree_control").write_text("")
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text("0::/pools\n")
    mounted = f"30 1 0:26 / {tmp_path}/cgroup rw - cgroup2 cgroup2 rw\n"
    (tmp_path / "self" / "mountinfo").write_text(mounted)
    groups = Groups.find(LIMITS, proc=tmp_path)
    group = groups.make(LIMITS)
    assert (own / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert (group.folders[0] / "memory.max").read_text() == str(400 * 1024**2)
    assert (group.folders[0] / "pids.max").read_text() == "64"


def test_without_a_tree_there_are_no_groups(tmp_path):
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text("0::/\n")
    (tmp_path / "self" / "mountinfo").write_text("")
    assert Groups.find(LIMITS, proc=tmp_path) is None


@pytest.mark.parametrize(
    ("text", "amount"), [("1g", 2**30), ("512 MiB", 2**29), ("300000k", 300_000 * 1024)]
)
def test_amounts_are_read_in_powers_of_1024(text, amount):
    assert parse_amount("memory_bytes", text) == amount


@pytest.mark.parametrize("text", ["", "many", "-1G", "1.5G", "1", "9" * 40])
def test_an_amount_that_is_none_or_too_little_is_refused(text):
    refused = subprocess.run(
        [*COMMAND, "--memory", text], capture_output=True, text=True, check=False, timeout=60
    )
    assert refused.returncode == 2
    assert "--memory" in refused.stderr


def test_a_limit_of_the_environment_that_is_none_names_its_variable(monkeypatch):
    monkeypatch.setenv("DYNAMIC_SESSIONS_LOCALPOOL_DISK", "plenty")
    refused = subprocess.run(COMMAND, capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        "The pool did not start: DYNAMIC_SESSIONS_LOCALPOOL_DISK is 'plenty', but "
    )
