"""The life of a session's interpreter, seen from the pool."""

import asyncio
import base64
import os
import signal

import pytest

from dynamic_sessions_kernel.errors import LocalPoolError
from dynamic_sessions_kernel.localpool.sandbox.choose import choose
from dynamic_sessions_kernel.localpool.sessions import kept_messages
from dynamic_sessions_kernel.localpool.sessions.interpreter import Interpreter


class Session:
    """An interpreter used from tests that are not coroutines."""

    def __init__(self, runner, folder, kind):
        self.run = runner.run
        self.folder = folder
        self.interpreter = self.run(Interpreter.start(folder, choose(kind)))

    def execute(self, code, time_limit=60):
        return self.run(self.interpreter.execute(code, time_limit=time_limit))

    def value(self, code):
        """The text of the last expression's value."""
        outcome = self.execute(code)
        results = [content for kind, content in outcome.messages if kind == "execute_result"]
        return results[0]["data"]["text/plain"]


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module", params=["bwrap", "util-linux", "none"])
def session(request, runner, tmp_path_factory):
    session = Session(runner, tmp_path_factory.mktemp("session"), request.param)
    yield session
    runner.run(session.interpreter.close())


@pytest.fixture(scope="module")
def quick(runner, tmp_path_factory):
    """A session for what does not depend on the kind of sandbox."""
    session = Session(runner, tmp_path_factory.mktemp("quick"), "bwrap")
    yield session
    runner.run(session.interpreter.close())


def streams(outcome, name):
    return "".join(
        content["text"]
        for kind, content in outcome.messages
        if kind == "stream" and content["name"] == name
    )


def test_messages_come_in_order_and_the_reply_with_them(session):
    outcome = session.execute(
        "import sys\n"
        "print('out')\n"
        "sys.stdout.flush()\n"
        "print('err', file=sys.stderr)\n"
        "sys.stderr.flush()\n"
        "display('shown')\n"
        "6 * 7"
    )
    assert outcome.ended == "replied"
    assert outcome.reply["status"] == "ok"
    kinds = [kind for kind, _ in outcome.messages]
    assert kinds == ["stream", "stream", "display_data", "execute_result"]
    assert streams(outcome, "stdout") == "out\n"
    assert streams(outcome, "stderr") == "err\n"
    assert outcome.messages[-1][1]["data"] == {"text/plain": "42"}


def test_a_failure_is_an_error_message_and_an_error_reply(session):
    outcome = session.execute("1 / 0")
    assert outcome.ended == "replied"
    assert outcome.reply["status"] == "error"
    assert [kind for kind, _ in outcome.messages] == ["error"]
    assert outcome.messages[0][1]["ename"] == "ZeroDivisionError"


def test_a_figure_is_shown_as_png(session):
    outcome = session.execute("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()")
    kind, content = outcome.messages[-1]
    assert kind == "display_data"
    assert content["data"]["text/plain"].startswith("<Figure")
    assert base64.b64decode(content["data"]["image/png"]).startswith(b"\x89PNG")
    assert streams(outcome, "stderr") == ""


def test_input_is_refused_at_once(session):
    outcome = session.execute("input()")
    assert outcome.messages[-1][1]["ename"] == "StdinNotImplementedError"


def test_the_start_folder_is_not_the_data_folder_in_a_sandbox(session):
    data = session.folder / "data"
    expected = data if session.interpreter.enclosure.name == "none" else "/home/ubuntu"
    assert session.value("import os\nos.getcwd()") == repr(str(expected))


def test_the_time_limit_interrupts_and_keeps_variables(session):
    session.execute("kept = 'still here'")
    outcome = session.execute("print('begun')\nwhile True: pass", time_limit=0.5)
    assert outcome.ended == "time_limit"
    assert outcome.reply == {}
    assert streams(outcome, "stdout") == "begun\n"
    assert session.value("kept") == "'still here'"


def test_an_interrupt_reaches_programs_that_the_cell_started(session):
    outcome = session.execute(
        "import subprocess\nsubprocess.run(['sleep', '1000'])", time_limit=0.5
    )
    assert outcome.ended == "time_limit"
    assert session.value("import psutil\n[p.name() for p in psutil.Process().children()]") == "[]"


def test_an_interpreter_that_will_not_stop_is_replaced(session):
    session.execute("kept = 1")
    outcome = session.execute(
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(1000)",
        time_limit=0.5,
    )
    assert outcome.ended == "time_limit"
    assert session.interpreter.alive
    assert session.value("'kept' in globals()") == "False"


def test_an_interpreter_that_dies_is_replaced_and_files_are_kept(session):
    data = session.folder / "data"
    before = session.value("import os\nos.getpid()")
    session.execute("if os.path.isdir('/mnt/data'): os.chdir('/mnt/data')")
    session.execute("open('kept.txt', 'w').write('kept')")
    outcome = session.execute("os.kill(os.getpid(), 9)")
    assert outcome.ended == "died"
    assert outcome.reply == {}
    assert session.interpreter.alive
    assert (data / "kept.txt").read_text() == "kept"
    assert session.value("import os\nos.getpid()") != before


def test_other_processes_outlive_a_restart_of_the_interpreter(session):
    session.execute(
        "import subprocess\n"
        "left = subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "its = subprocess.Popen(['sleep', '1000'])"
    )
    pids = session.value("[left.pid, its.pid]")
    session.run(session.interpreter.restart())
    assert (
        session.value(
            "import psutil\n"
            "def lives(pid):\n"
            "    return psutil.pid_exists(pid) and psutil.Process(pid).name() == 'sleep'\n"
            f"[lives(pid) for pid in {pids}]"
        )
        == "[True, False]"
    )


def test_a_restart_ends_what_runs_as_died(session):
    async def restart_while_busy():
        running = asyncio.create_task(
            session.interpreter.execute("import time\ntime.sleep(1000)", time_limit=60)
        )
        await asyncio.sleep(0)
        await session.interpreter.restart()
        return await running

    assert session.run(restart_while_busy()).ended == "died"
    assert session.value("1 + 1") == "2"


def test_restarts_at_once_do_no_harm(quick):
    async def restart_thrice():
        await asyncio.gather(*(quick.interpreter.restart() for _ in range(3)))

    quick.run(restart_thrice())
    assert quick.value("1 + 1") == "2"


def test_an_interrupt_stops_a_cell(quick):
    async def interrupt_while_busy():
        running = asyncio.create_task(
            quick.interpreter.execute("import time\ntime.sleep(1000)", time_limit=60)
        )
        while not running.done():
            await quick.interpreter.interrupt()
            await asyncio.wait({running}, timeout=0.2)
        return running.result()

    outcome = quick.run(interrupt_while_busy())
    assert outcome.ended == "replied"
    assert outcome.reply["ename"] == "KeyboardInterrupt"


def test_a_second_execution_waits_for_the_first(quick):
    async def two():
        return await asyncio.gather(
            quick.interpreter.execute("import time\ntime.sleep(0.2)\nprint('one')", time_limit=9),
            quick.interpreter.execute("print('two')", time_limit=9),
        )

    first, second = quick.run(two())
    assert (streams(first, "stdout"), streams(second, "stdout")) == ("one\n", "two\n")


def test_a_flood_of_messages_loses_none_and_ends(quick):
    outcome = quick.execute("for i in range(5000): display(i)")
    assert outcome.ended == "replied"
    shown = [content["data"]["text/plain"] for _, content in outcome.messages]
    assert shown == [str(i) for i in range(5000)]


def test_what_is_kept_of_a_stream_is_its_beginning(quick):
    size = kept_messages.STREAM_BOUND // 1024**2 + 12
    outcome = quick.execute(
        f"for i in range({size}): print(str(i % 10) * 1024**2, flush=True)\nprint('last')"
    )
    text = streams(outcome, "stdout")
    assert outcome.ended == "replied"
    assert kept_messages.STREAM_BOUND * 0.9 < len(text) < kept_messages.STREAM_BOUND * 1.5
    assert text.startswith("0" * 1024**2 + "\n1")


def test_what_is_kept_of_the_rest_is_its_end():
    kept = kept_messages.Kept()
    size = kept_messages.RICH_BOUND // 4
    for number in range(10):
        kept.add("display_data", {"number": number}, size)
        kept.add("stream", {"name": "stdout", "text": str(number)}, 1)
    rich = [content["number"] for kind, content in kept.in_order() if kind == "display_data"]
    assert rich == [7, 8, 9]
    assert sum(kind == "stream" for kind, _ in kept.in_order()) == 10


def test_a_message_beyond_the_bound_is_kept_alone():
    kept = kept_messages.Kept()
    kept.add("execute_result", {}, kept_messages.RICH_BOUND * 2)
    assert kept.in_order() == [("execute_result", {})]


def test_streams_of_invented_names_and_other_types_are_not_kept():
    kept = kept_messages.Kept()
    for name in ("stdlog", None, ["x"]):
        kept.add("stream", {"name": name, "text": "x"}, 1)
    kept.add("comm_open", {}, 1)
    assert kept.in_order() == []


NONSENSE = """
import json
from ipykernel.kernelapp import IPKernelApp
app = IPKernelApp.instance()
parent = json.loads(json.dumps(get_ipython().parent_header, default=str))
def send(*parts):
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in parts]
    app.iopub_socket.send_multipart([b"<IDS|MSG>", app.session.sign(parts), *parts])
for kind in ("status", "stream", "display_data", 5, None, ["list"]):
    header = {"msg_id": "x", "msg_type": kind}
    for content in ([], "x", None, 5, b"", b"{", b"\\xff", b"[" * 100_000):
        send(header, parent, {}, content)
    send(header, [], {}, {})
    send([], parent, {}, {})
    send({}, parent, {}, {})
send({"msg_id": "x", "msg_type": "status"}, parent, {}, {"execution_state": []})
app.iopub_socket.send_multipart([b"no", b"message"])
"well"
"""


def test_messages_that_make_no_sense_are_passed_over(quick):
    outcome = quick.execute(NONSENSE)
    assert outcome.ended == "replied"
    assert [kind for kind, _ in outcome.messages] == ["execute_result"]
    assert outcome.messages[0][1]["data"]["text/plain"] == "'well'"


STEAL = """
import subprocess, sys
code = '''
import os, pathlib
folder = pathlib.Path.home() / ".sockets"
while True:
    for name in ("2-1", "2-5"):
        try:
            os.symlink("/run/other", folder / "x")
            if (folder / name).is_socket():
                os.replace(folder / "x", folder / name)
        except FileExistsError:
            (folder / "x").unlink()
'''
_ = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
"""


def test_a_socket_that_leads_elsewhere_is_not_followed(runner, tmp_path):
    session = Session(runner, tmp_path, "bwrap")
    # A name at which the pool will look next leads to another socket of the machine.
    outcome = session.execute(STEAL)
    assert outcome.reply["status"] == "ok"
    with pytest.raises(LocalPoolError, match="the session is ended"):
        session.run(session.interpreter.restart())
    assert not session.interpreter.alive
    session.run(session.interpreter.close())


def test_a_session_whose_sandbox_ended_says_so(runner, tmp_path):
    session = Session(runner, tmp_path, "bwrap")

    async def kill():
        running = asyncio.create_task(
            session.interpreter.execute("import time\ntime.sleep(1000)", time_limit=60)
        )
        await asyncio.sleep(0)
        os.kill(session.interpreter.enclosure.pid, signal.SIGKILL)
        return await running

    assert session.run(kill()).ended == "died"
    assert not session.interpreter.alive
    assert session.execute("1").ended == "died"
    session.run(session.interpreter.close())


def test_closing_ends_what_runs_and_may_be_asked_for_twice(runner, tmp_path):
    session = Session(runner, tmp_path, "bwrap")

    async def close_while_busy():
        running = asyncio.create_task(
            session.interpreter.execute("import time\ntime.sleep(1000)", time_limit=60)
        )
        await asyncio.sleep(0)
        await asyncio.gather(session.interpreter.close(), session.interpreter.close())
        return await running

    assert session.run(close_while_busy()).ended == "died"


def test_a_start_that_is_given_up_leaves_nothing(runner, tmp_path):
    async def give_up():
        start = asyncio.create_task(Interpreter.start(tmp_path, choose("bwrap")))
        await asyncio.sleep(0.05)
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start

    runner.run(give_up())
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_that_cannot_be_made_is_an_error(runner, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalPoolError, match="folder or control group could not be made"):
        runner.run(Interpreter.start(tmp_path / "file", choose("bwrap")))


def test_an_interpreter_that_cannot_start_tells_why(runner, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "dynamic_sessions_kernel.localpool.sandbox.layout._INSIDE", tmp_path / "nowhere"
    )
    (tmp_path / "nowhere").mkdir()
    (tmp_path / "nowhere" / "init.py").write_text("raise SystemExit('no luck today')")
    for name in ("kernel_main.py", "seal.py"):
        (tmp_path / "nowhere" / name).write_text("")
    with pytest.raises(LocalPoolError, match=r"did not start .*no luck today"):
        runner.run(Interpreter.start(tmp_path / "session", choose("bwrap")))
