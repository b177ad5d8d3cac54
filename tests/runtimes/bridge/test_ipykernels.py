"""What a session may have in place of this environment's ipykernel and Python does the same.

A session's image is not ours to choose. The oldest ipykernel 6 that is tried is the last of 2024,
which current images and distributions that stay on 6 have; the oldest 7 is its first release. What
the launcher changes in ipykernel hangs on its inside, so each of these behaviours is one that a
change of it broke once, or would break.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynamic_sessions_kernel.errors import InterpreterRestartedError
from dynamic_sessions_kernel.runtimes.bridge import remote_code
from tests.runtimes.bridge.conftest import Interpreter, Notebook, notebook_on

pytestmark = pytest.mark.network

SESSIONS = {
    "this": None,
    "ipykernel-6": "ipykernel==6.29.5",
    "first-ipykernel-7": "ipykernel==7.0.1",
}


ROOT = Path(__file__).resolve().parents[3]


def oldest_python() -> str:
    """Find the oldest Python that a session may have, or take this one."""
    named = shutil.which("python3.10", path=os.pathsep.join([os.environ["PATH"], "/usr/local/bin"]))
    found = [*Path.home().glob(".pyenv/versions/3.10.*/bin/python3.10"), *filter(None, [named])]
    for python in map(str, found):
        # pyenv puts a command on the path that works only where that version was chosen.
        if subprocess.run([python, "-c", "import venv"], check=False).returncode == 0:
            return python
    return sys.executable


@pytest.fixture(scope="module", params=SESSIONS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def service(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interpreter]:
    """A service whose interpreter has the Python and the ipykernel of its kind."""
    python, requirement = sys.executable, SESSIONS[kind]
    if requirement is not None:
        folder = tmp_path_factory.mktemp("environment")
        base = oldest_python() if kind == "ipykernel-6" else sys.executable
        subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
        python = str(folder / "bin" / "python")
        install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
        subprocess.run([*install, requirement], check=True, timeout=150)
    interpreter = Interpreter(python)
    yield interpreter
    interpreter.close()


@pytest.fixture(scope="module")
def notebook(service: Interpreter) -> Iterator[Notebook]:
    """A notebook in that session."""
    with notebook_on(service) as notebook:
        yield notebook


def test_what_runs_in_the_session_needs_nothing_newer_than_python_3_10():
    folder = ROOT / "kernel" / "dynamic_sessions_kernel" / "runtimes" / "bridge" / "inside"
    names = (*remote_code.RELAY_MODULES, remote_code.STARTER)
    modules = [folder / f"{name}.py" for name in names]
    check = [sys.executable, "-m", "mypy", "--python-version", "3.10", "--follow-imports", "silent"]
    checked = subprocess.run(
        [*check, *modules], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_the_cells_run_on_what_the_test_is_about(notebook, service, kind):
    notebook.run("import ipykernel, sys; sys.executable + ' ipykernel==' + ipykernel.__version__")
    assert notebook.value() == repr(f"{service.python} {SESSIONS[kind]}") or kind == "this"


def test_values_prints_and_errors_arrive(notebook):
    count = notebook.runtime.execution_count
    assert notebook.run("print('printed')\n6 * 7")["execution_count"] == count
    assert notebook.value() == "42"
    assert notebook.text() == "printed\n"
    assert notebook.run("secret = 5\n1 / 0")["ename"] == "ZeroDivisionError"
    (error,) = notebook.messages
    assert "secret" in "\n".join(error.content["traceback"])
    assert notebook.run("secret")["status"] == "ok"


def test_a_cell_may_await(notebook):
    notebook.run("import asyncio\nprint('before')\nawait asyncio.sleep(.1, 'woken')")
    assert notebook.text() == "before\n"
    assert notebook.value() == "'woken'"


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import time; time.sleep(60)",
        "import asyncio; await asyncio.sleep(60)",
        "while True: print('flood' * 20)",
        "input()",
        "import subprocess; subprocess.run(['sleep', '60'])",
    ],
)
def test_an_interrupt_ends_the_cell_and_keeps_variables(notebook, code):
    notebook.run("kept = 'kept'")
    cell = notebook.start(f"print('begun', flush=True)\n{code}")
    notebook.until_printed("begun")
    if code == "input()":
        notebook.until(lambda message: message.channel == "stdin")
    notebook.runtime.interrupt()
    assert cell.result(60)["ename"] in {"KeyboardInterrupt", "CancelledError"}
    notebook.run("kept")
    assert notebook.value() == "'kept'"


def test_input_is_asked_of_the_person(notebook):
    cell = notebook.start("name = input('Who? '); name")
    assert notebook.until(lambda m: m.channel == "stdin").content["prompt"] == "Who? "
    notebook.tell("input_reply", value="Ada")
    cell.result(60)
    assert notebook.value() == "'Ada'"


def test_completion_inspection_and_the_debugger_answer_while_a_cell_spins(notebook):
    notebook.run("fruit_basket = 1")
    cell = notebook.start("print('spinning')\nwhile True: pass")
    notebook.until_printed("spinning")
    matches = notebook.ask("complete_request", code="fruit_", cursor_pos=6)["matches"]
    assert "fruit_basket" in matches
    assert notebook.ask("inspect_request", code="fruit_basket", cursor_pos=5)["found"]
    debugger = {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}}
    assert notebook.ask("debug_request", **debugger)["success"]
    assert not cell.done()
    notebook.runtime.interrupt()
    cell.result(60)


def test_an_event_loop_that_a_cell_asked_for_runs_between_cells(notebook):
    notebook.run(
        "%gui asyncio\nimport asyncio\n"
        "async def later():\n await asyncio.sleep(.2); print('from the loop', flush=True)\n"
        "task = asyncio.get_event_loop().create_task(later())"
    )
    notebook.until_printed("from the loop")
    assert notebook.run("print('next')")["status"] == "ok"
    assert notebook.run("1 / 0")["status"] == "error"
    assert notebook.run("%gui")["status"] == "ok"
    notebook.run("6 * 7")
    assert notebook.value() == "42"


def test_comms_work_both_ways(notebook):
    notebook.run(
        "from ipykernel.comm import Comm\n"
        "comm = Comm(target_name='t', data={'a': 1}, buffers=[b'xyz'])\n"
        "comm.on_msg(lambda m: comm.send(m['content']['data']))"
    )
    opened = notebook.until(lambda message: message.msg_type == "comm_open")
    assert opened.buffers == [b"xyz"]
    notebook.tell("comm_msg", comm_id=opened.content["comm_id"], data={"echo": 5})
    reply = notebook.until(lambda message: message.msg_type == "comm_msg")
    assert reply.content["data"] == {"echo": 5}
    notebook.run("comm.close()")


def test_the_debugger_of_the_command_line_asks_its_commands(notebook):
    notebook.run("def f(n):\n    return n / 0\nf(1)")
    cell = notebook.start("%debug")
    for command in ("p n + 41", "q"):
        notebook.until(lambda message: message.channel == "stdin")
        notebook.messages[:] = [m for m in notebook.messages if m.channel != "stdin"]
        notebook.tell("input_reply", value=command)
    cell.result(60)
    assert "42" in notebook.text()


def test_what_threads_and_children_print_arrives(notebook):
    notebook.run(
        "import os, subprocess, sys, threading\n"
        "def say(n):\n"
        "    for i in range(100):\n"
        "        print(f'<{n}.{i}>', end=''); sys.stdout.flush()\n"
        "threads = [threading.Thread(target=say, args=(n,)) for n in range(4)]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()"
    )
    assert all(f"<{n}.{i}>" in notebook.text() for n in range(4) for i in range(100))
    notebook.start("_ = subprocess.run(['echo', 'from a program'])").result(60)
    notebook.until_printed("from a program\n")
    notebook.start(
        "child = os.fork()\n"
        "if child == 0:\n"
        "    print('from a fork'); sys.stdout.flush(); os._exit(0)\n"
        "_ = os.waitpid(child, 0)"
    ).result(60)
    notebook.until_printed("from a fork\n")
    assert notebook.text().count("from a fork") == 1


def test_no_output_overtakes_another(notebook):
    notebook.run(
        "import random, sys, time\n"
        "interval = sys.stdout.flush_interval\n"
        "sys.stdout.flush_interval = sys.stderr.flush_interval = 0\n"
        "def spin():\n"
        "    until = time.perf_counter() + random.random() * 6e-4\n"
        "    while time.perf_counter() < until: pass\n"
        "for i in range(1000):\n"
        "    print(i, 'out'); spin(); display(i)\n"
        "    print(i, 'err', file=sys.stderr); spin(); sys.stderr.flush()\n"
        "sys.stdout.flush_interval = sys.stderr.flush_interval = interval"
    )
    said = [
        message.content.get("text") or message.content["data"]["text/plain"] + "\n"
        for message in notebook.messages
    ]
    assert "".join(said) == "".join(f"{i} out\n{i}\n{i} err\n" for i in range(1000))


def test_the_parts_of_a_cell_are_one_cell_of_the_history(notebook):
    cell = "a = 1\n%upload x\na + 1"
    notebook.run("a = 1", cell=cell, last=False)
    notebook.run("\n\na + 1", cell=cell)
    assert notebook.value() == "2"
    history = notebook.ask("history_request", hist_access_type="tail", n=1, output=False, raw=True)
    assert history["history"][0][2] == cell


def test_nothing_is_left_in_the_services_interpreter(notebook, service):
    look = (
        "print(sorted(k for k in globals() if '~d' 'sk' in str(globals()[k]) or 'sessions' in k),"
        " any('~d' 'sk' in x for x in In), any('~d' 'sk' in str(x) for x in Out.values()), _,"
        " any('~d' 'sk' in str(x) for x in get_ipython().history_manager.get_tail(50)))"
    )
    service.run("'mine'")
    for _ in range(3):
        notebook.run("print('x' * 10)")
    assert service.run(look).stdout == "[] False False mine False\n"


def test_a_restart_and_a_death_are_told_and_the_next_cell_works(notebook):
    notebook.run("x = 1")
    notebook.wait_for(notebook.runtime.restart()).result(60)
    assert notebook.run("x")["ename"] == "NameError"
    with pytest.raises(InterpreterRestartedError, match="SIGKILL"):
        notebook.run("import os; os.kill(os.getpid(), 9)")
    assert notebook.run("1")["execution_count"] == 1
