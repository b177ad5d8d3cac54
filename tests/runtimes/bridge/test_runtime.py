"""What a notebook does, through a relay in a real interpreter."""

import os
import signal
import time
from pathlib import Path

import pytest

from dynamic_sessions_kernel.errors import InterpreterRestartedError, SessionLostError
from dynamic_sessions_kernel.runtimes.bridge.responses import CannotHostError, TakenOverError


def test_the_value_of_a_cell_is_displayed_and_counted(shared):
    count = shared.runtime.execution_count
    reply = shared.run("6 * 7")
    assert reply["status"] == "ok"
    assert reply["execution_count"] == count
    assert shared.value() == "42"
    assert shared.runtime.execution_count == count + 1


def test_a_simple_cell_is_one_execution(shared):
    taken = []
    for _ in range(10):  # a poll may come between, and so may a slow machine
        before = shared.session.executions
        shared.run("print('once')")
        taken.append(shared.session.executions - before)
    assert min(taken) == 1


def test_an_exception_is_an_error_message_and_an_error_reply(shared):
    reply = shared.run("secret = 5\n1 / 0")
    (error,) = shared.messages
    assert (error.msg_type, error.content["ename"]) == ("error", "ZeroDivisionError")
    assert reply["status"] == "error"
    assert "secret" in "\n".join(error.content["traceback"])


def test_output_arrives_while_the_cell_runs(shared):
    cell = shared.start(
        "import time\nprint('early')\nwhile not globals().get('go'): time.sleep(.01)"
    )
    shared.until_printed("early")
    assert not cell.done()
    shared.runtime.interrupt()
    assert cell.result(60)["ename"] == "KeyboardInterrupt"


def test_everything_rich_arrives(shared):
    shared.run(
        "from IPython.display import *\n"
        "h = display(HTML('<b>1</b>'), display_id=True); h.update(Latex('$x$'))\n"
        "display(JSON({'a': [1]})); clear_output(wait=True); display(SVG('<svg/>'))"
    )
    assert [message.msg_type for message in shared.messages] == [
        "display_data",
        "update_display_data",
        "display_data",
        "clear_output",
        "display_data",
    ]


def test_stdout_and_stderr_stay_in_order(shared):
    shared.run(
        "import sys\nfor i in range(50):\n print(i, end=' ', flush=True)\n"
        " print(-i, end=' ', file=sys.stderr, flush=True)"
    )
    joined = "".join(message.content["text"] for message in shared.messages)
    assert joined == "".join(f"{i} {-i} " for i in range(50))


def test_user_expressions_and_payloads_come_back(shared):
    reply = shared.run("len?", user_expressions={"three": "1 + 2"})
    assert reply["user_expressions"]["three"]["data"]["text/plain"] == "3"
    assert reply["payload"][0]["source"] == "page"


def test_silent_code_is_neither_counted_nor_stored(shared):
    count = shared.runtime.execution_count
    shared.run("hidden = 1", silent=True, store_history=False)
    assert shared.runtime.execution_count == count
    shared.run("In[-1]")
    assert shared.value() == "'In[-1]'"


def test_input_is_asked_of_the_person(shared):
    cell = shared.start("name = input('Who? '); name")
    asked = shared.until(lambda message: message.channel == "stdin")
    assert asked.content == {"prompt": "Who? ", "password": False}
    shared.tell("input_reply", value="Ada")
    cell.result(60)
    assert shared.value() == "'Ada'"


def test_a_password_is_asked_as_one(shared):
    cell = shared.start("import getpass; getpass.getpass('Key: ')")
    assert shared.until(lambda m: m.channel == "stdin").content["password"] is True
    shared.tell("input_reply", value="hidden")
    cell.result(60)
    assert shared.value() == "'hidden'"


def test_input_can_be_interrupted(shared):
    cell = shared.start("input()")
    shared.until(lambda message: message.channel == "stdin")
    shared.runtime.interrupt()
    assert cell.result(60)["status"] == "error"


def test_completion_inspection_and_history_answer(shared):
    shared.run("fruit_basket = 1")
    assert "fruit_basket" in shared.ask("complete_request", code="fruit_", cursor_pos=6)["matches"]
    reply = shared.ask("inspect_request", code="fruit_basket", cursor_pos=5, detail_level=0)
    assert "int" in reply["data"]["text/plain"]
    history = shared.ask("history_request", hist_access_type="tail", n=1, output=False, raw=True)
    assert history["history"][0][2] == "fruit_basket = 1"
    assert shared.ask("is_complete_request", code="if x:")["status"] == "incomplete"


def test_completion_and_inspection_answer_while_a_cell_spins(shared):
    shared.run("fruit_basket = 1")
    cell = shared.start("print('spinning')\nwhile True: pass")
    shared.until_printed("spinning")
    assert "fruit_basket" in shared.ask("complete_request", code="fruit_", cursor_pos=6)["matches"]
    assert shared.ask("inspect_request", code="fruit_basket", cursor_pos=5)["found"]
    assert not cell.done()
    shared.runtime.interrupt()
    cell.result(60)


@pytest.mark.parametrize(
    "code", ["while True: pass", "import time; time.sleep(60)", "while True: print('flood' * 20)"]
)
def test_an_interrupt_ends_the_cell_and_keeps_variables(shared, code):
    shared.run("kept = 'kept'")
    cell = shared.start(f"print('begun')\n{code}")
    shared.until_printed("begun")
    started = time.monotonic()
    shared.runtime.interrupt()
    assert cell.result(60)["ename"] == "KeyboardInterrupt"
    assert time.monotonic() - started < 10  # the benchmark measures; this notices a hang
    shared.run("kept")
    assert shared.value() == "'kept'"


def test_output_of_a_thread_arrives_after_its_cell_and_belongs_to_it(shared):
    reply = shared.run(
        "import threading, time\n"
        "def later():\n time.sleep(.5); print('from the thread')\n"
        "threading.Thread(target=later).start(); print('from the cell')"
    )
    assert reply["status"] == "ok"
    assert shared.text() == "from the cell\n"
    shared.until_printed("from the thread")
    assert len({message.parent for message in shared.messages}) == 1


def test_comms_work_both_ways(shared):
    shared.run(
        "from ipykernel.comm import Comm\n"
        "comm = Comm(target_name='t', data={'a': 1}, buffers=[b'xyz'])\n"
        "comm.on_msg(lambda m: comm.send(m['content']['data']))"
    )
    opened = shared.until(lambda message: message.msg_type == "comm_open")
    assert opened.buffers == [b"xyz"]
    identity = opened.content["comm_id"]
    assert identity in shared.ask("comm_info_request", target_name="t")["comms"]
    shared.tell("comm_msg", comm_id=identity, data={"echo": 5})
    reply = shared.until(lambda message: message.msg_type == "comm_msg")
    assert reply.content["data"] == {"echo": 5}
    shared.run("comm.close()")


def test_the_debugger_answers_while_a_cell_runs(shared):
    cell = shared.start("print('spinning')\nwhile True: pass")
    shared.until_printed("spinning")
    reply = shared.ask("debug_request", type="request", seq=1, command="debugInfo", arguments={})
    assert reply["success"]
    shared.runtime.interrupt()
    cell.result(60)


def test_the_parts_of_a_cell_are_one_cell(shared):
    cell = "a = 1\na\n%upload x\na + 1"
    count = shared.runtime.execution_count
    shared.run("a = 1\na", cell=cell, last=False)
    assert shared.messages == []
    assert shared.runtime.execution_count == count
    shared.run("\n\n\na + 1", cell=cell)
    assert shared.value() == "2"
    shared.run("In[-2], _ih[-2] == In[-2]")
    assert "upload" in shared.value()
    history = shared.ask("history_request", hist_access_type="tail", n=2, output=False, raw=True)
    assert history["history"][0][2] == cell


def test_a_cell_that_fails_in_an_early_part_is_stored_and_counted(shared):
    cell = "1 / 0\n%upload x"
    count = shared.runtime.execution_count
    assert shared.run("1 / 0", cell=cell, last=False)["execution_count"] == count
    assert [message.msg_type for message in shared.messages] == ["error"]
    assert shared.runtime.execution_count == count + 1
    history = shared.ask("history_request", hist_access_type="tail", n=1, output=False, raw=True)
    assert history["history"][0][2] == cell


def test_a_restart_gives_fresh_variables_and_the_same_files(notebook):
    notebook.run("x = 1; open('kept.txt', 'w').write('kept')")
    notebook.wait_for(notebook.runtime.restart()).result(60)
    assert notebook.runtime.execution_count == 1
    assert notebook.run("open('kept.txt').read(), x")["ename"] == "NameError"
    assert notebook.run("open('kept.txt').read()")["execution_count"] == 2


def test_a_restart_ends_the_cell_that_runs(notebook):
    cell = notebook.start("print('begun')\nwhile True: pass")
    notebook.until_printed("begun")
    notebook.wait_for(notebook.runtime.restart()).result(60)
    with pytest.raises(InterpreterRestartedError, match="restarted"):
        cell.result(60)
    assert notebook.run("1")["status"] == "ok"


def test_nothing_is_left_in_the_services_interpreter(notebook):
    look = (
        "print(sorted(k for k in globals() if '~d' 'sk' in str(globals()[k]) or 'sessions' in k),"
        " any('~d' 'sk' in x for x in In), any('~d' 'sk' in str(x) for x in Out.values()), _,"
        " any('~d' 'sk' in str(x) for x in get_ipython().history_manager.get_tail(50)))"
    )
    notebook.session.interpreter.run("'mine'")
    for _ in range(3):
        notebook.run("print('x' * 10)")
    assert notebook.session.interpreter.run(look).stdout == "[] False False mine False\n"


def test_nothing_is_left_in_the_persons_namespace_or_folder(notebook):
    notebook.run("sorted(k for k in globals() if not k.startswith('_'))")
    assert notebook.value() == "['In', 'Out', 'exit', 'get_ipython', 'open', 'quit']"
    notebook.run("import os; os.getcwd(), __name__")
    assert notebook.value() == f"({notebook.session.interpreter.folder!r}, '__main__')"


def test_only_its_user_can_reach_the_relay(notebook):
    notebook.run("1")
    assert notebook.session.relay.stat().st_mode & 0o777 == 0o700
    assert (notebook.session.relay / "s").stat().st_mode & 0o777 == 0o600


def test_a_restart_of_the_services_interpreter_is_not_noticed(notebook):
    notebook.run("x = 5")
    notebook.session.interpreter.restart()
    notebook.run("x")
    assert notebook.value() == "5"


def test_a_new_kernel_finds_the_variables(open_notebook):
    first = open_notebook()
    first.run("x = 5")
    second = open_notebook()
    second.run("x")
    assert second.value() == "5"
    assert second.runtime.found
    assert second.runtime.execution_count == 3


def test_a_new_kernel_that_was_asked_to_start_afresh_does(open_notebook):
    open_notebook().run("x = 5")
    second = open_notebook(fresh=True)
    assert second.run("x")["ename"] == "NameError"
    assert not second.runtime.found


def test_of_two_kernels_the_newer_takes_over_and_the_older_says_so(open_notebook):
    older = open_notebook()
    older.run("x = 1")
    newer = open_notebook()
    newer.run("x = 2")
    with pytest.raises(TakenOverError, match="Another kernel"):
        older.run("x = 3")
    newer.run("x")
    assert newer.value() == "2"
    older.run("x")
    assert older.value() == "2"


def test_a_replaced_session_is_said_and_nothing_runs_until_the_next_cell(notebook):
    notebook.run("x = 1")
    notebook.session.end_relay()
    with pytest.raises(SessionLostError, match="variables and files are gone"):
        notebook.run("open('ran after loss', 'w')")
    assert not Path(notebook.session.interpreter.folder, "ran after loss").exists()
    assert notebook.run("x")["ename"] == "NameError"


def test_a_loss_that_is_found_by_a_front_ends_own_code_is_still_told(notebook):
    notebook.run("x = 1")
    notebook.session.end_relay()
    with pytest.raises(SessionLostError):
        notebook.run("x", silent=True)
    with pytest.raises(SessionLostError):
        notebook.run("x")
    assert notebook.run("1")["status"] == "ok"


def test_a_session_replaced_during_a_cell_fails_that_cell(notebook):
    cell = notebook.start("print('begun')\nwhile True: pass")
    notebook.until_printed("begun")
    notebook.session.end_relay()
    with pytest.raises(SessionLostError):
        cell.result(60)
    assert notebook.run("1")["status"] == "ok"


def test_a_killed_ipykernel_is_said_and_the_next_cell_works(notebook):
    with pytest.raises(InterpreterRestartedError, match="SIGKILL"):
        notebook.run("import os; os.kill(os.getpid(), 9)")
    assert notebook.run("1")["execution_count"] == 1


def test_an_ipykernel_that_dies_between_cells_is_said_once(notebook):
    notebook.run("import os; os.getpid()")
    os.kill(int(notebook.value()), signal.SIGKILL)
    with pytest.raises(InterpreterRestartedError, match="Variables are gone"):
        notebook.run("open('ran after death', 'w')")
    assert not Path(notebook.session.interpreter.folder, "ran after death").exists()
    assert notebook.run("1")["status"] == "ok"


def test_exit_ends_python_and_says_so(notebook):
    notebook.run("x = 1")
    with pytest.raises(InterpreterRestartedError, match="exit status 3"):
        notebook.run("import os; os._exit(3)")


def test_a_session_without_ipykernel_cannot_host_it(notebook):
    folder = Path(notebook.session.interpreter.folder, "hidden")
    folder.mkdir()
    (folder / "ipykernel.py").write_text("raise ImportError('no ipykernel here')")
    notebook.session.interpreter.run(f"import os; os.environ['PYTHONPATH'] = {str(folder)!r}")
    try:
        with pytest.raises(CannotHostError, match="no ipykernel here"):
            notebook.run("1")
    finally:
        notebook.session.interpreter.run("del os.environ['PYTHONPATH']")


def test_a_session_that_allows_no_processes_cannot_host_it(notebook):
    notebook.session.interpreter.run(
        "import subprocess\nkept, subprocess.Popen = subprocess.Popen, None"
    )
    try:
        with pytest.raises(CannotHostError, match="not callable"):
            notebook.run("1")
    finally:
        notebook.session.interpreter.run("subprocess.Popen = kept")
