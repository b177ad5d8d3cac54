"""From the start of a kernel to its end: sessions made, kept, cleared and deleted."""

from __future__ import annotations

import os
import signal
import time
import uuid
from typing import Any

import pytest

from dynamic_sessions_kernel.jupyter.session_origin import session_identifier


def identifier_of(notebook) -> str:
    return session_identifier(notebook.manager.session.key)


def wait_until(condition, *, seconds: float = 10) -> bool:
    """Wait for what another process does and tells nobody."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def begun(notebook, pool, code: str) -> str:
    """Send a cell and wait until its code runs, which that it was announced does not say."""
    cell = notebook.send(f"open('began', 'w').close()\n{code}")
    with pool.client() as client:
        session = client.session(identifier_of(notebook))
        assert wait_until(lambda: "began" in [file.name for file in session.list_files()])
    return cell


def test_no_session_exists_before_the_first_cell(new_notebook, local_pool) -> None:
    notebook = new_notebook()
    assert notebook.ask("complete", "pri")["matches"] == ["print"]
    assert notebook.ask("inspect", "print")["found"] is False
    assert notebook.ask("history", hist_access_type="tail", n=5)["history"] == []
    assert notebook.ask("comm_info")["comms"] == {}
    assert notebook.ask("is_complete", "1")["status"] == "complete"
    assert identifier_of(notebook) not in local_pool.identifiers()
    notebook.run("1")
    assert identifier_of(notebook) in local_pool.identifiers()


def test_shutdown_deletes_the_session_in_time(new_notebook, local_pool) -> None:
    notebook = new_notebook()
    notebook.run("x = 1")
    started = time.monotonic()
    notebook.manager.shutdown_kernel()
    assert time.monotonic() - started < 1.5
    assert identifier_of(notebook) not in local_pool.identifiers()


def test_shutdown_ends_a_kernel_whose_cell_runs(new_notebook, local_pool) -> None:
    notebook = new_notebook()
    cell = notebook.send("print(1); import time; time.sleep(100)")
    notebook.until(cell, "execute_input")
    assert wait_until(lambda: identifier_of(notebook) in local_pool.identifiers())
    started = time.monotonic()
    notebook.manager.shutdown_kernel()
    assert time.monotonic() - started < 2.5
    assert wait_until(lambda: identifier_of(notebook) not in local_pool.identifiers())


def test_sigterm_alone_deletes_the_session(new_notebook, local_pool) -> None:
    notebook = new_notebook()
    notebook.run("x = 1")
    process = notebook.manager.provisioner.process
    started = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    process.wait(10)
    assert time.monotonic() - started < 2
    assert process.returncode == 0
    assert identifier_of(notebook) not in local_pool.identifiers()


def test_with_an_identifier_of_ones_own_a_signal_keeps_the_session(
    new_notebook, local_pool
) -> None:
    identifier = uuid.uuid4().hex
    notebook = new_notebook(DYNAMIC_SESSIONS_IDENTIFIER=identifier)
    notebook.run("open('kept.txt', 'w').close()")
    os.kill(notebook.manager.provisioner.process.pid, signal.SIGTERM)
    notebook.manager.provisioner.process.wait(10)
    assert identifier in local_pool.identifiers()
    again = new_notebook(DYNAMIC_SESSIONS_IDENTIFIER=identifier)
    assert again.run("import os; os.path.exists('kept.txt')").result == "True"
    with local_pool.client() as pool:
        pool.session(identifier).delete()


def test_an_announced_restart_keeps_files_and_clears_variables(new_notebook, local_pool) -> None:
    notebook = new_notebook()
    notebook.run("x = 1\nopen('kept.txt', 'w').write('kept')\nimport os; os.chdir('/tmp')")
    notebook.run("os.environ['MADE_HERE'] = '1'; open('/mnt/data/own.py', 'w').write('v = 1')")
    notebook.run("import sys; sys.path.append('/mnt/data'); import own")
    before = identifier_of(notebook)
    notebook.restart()
    assert identifier_of(notebook) == before
    assert before in local_pool.identifiers()
    ran = notebook.run("import os; open('kept.txt').read(), os.getcwd()")
    assert (ran.result, ran.count) == ("('kept', '/mnt/data')", 1)
    assert "NameError" in notebook.run("x").error
    assert notebook.run("'MADE_HERE' in os.environ").result == "False"
    assert notebook.run("len(In), sorted(Out), _i2").result == "(5, [1, 3], 'x')"
    notebook.run("open('own.py', 'w').write('v = 2')")
    assert notebook.run("import own; own.v").result == "2"


def test_ten_kernels_on_one_pool_keep_variables_and_files_apart(new_notebook) -> None:
    notebooks = [new_notebook() for _ in range(10)]

    def all_at_once(code: str) -> list[str]:
        cells = [each.send(code.format(number)) for number, each in enumerate(notebooks)]
        return [each.wait(cell).result for each, cell in zip(notebooks, cells, strict=True)]

    filled = all_at_once("mine = {0}; open('mine.txt', 'w').write('{0}'); mine")
    assert filled == [str(number) for number in range(10)]
    seen = all_at_once("import os; mine, open('mine.txt').read(), os.listdir()")
    assert seen == [f"({number}, '{number}', ['mine.txt'])" for number in range(10)]


def test_a_session_deleted_behind_the_kernels_back_is_told_once(new_notebook, local_pool) -> None:
    notebook = new_notebook()
    notebook.run("x = 1; open('gone.txt', 'w').close()")
    with local_pool.client() as pool:
        pool.session(identifier_of(notebook)).delete()
    cells = [notebook.send(code) for code in ("open('ran.txt', 'w').close()", "y = 2")]
    error = notebook.wait(cells[0]).error
    assert error.startswith("SessionLostError: ")
    assert "variables and files are gone" in error
    assert notebook.wait(cells[1]).status == "aborted"
    again = notebook.run("import os; os.listdir()")
    assert (again.result, again.count) == ("[]", 1)
    assert "NameError" in notebook.run("x").error


def test_completion_does_not_hide_that_the_session_was_lost(new_notebook, local_pool) -> None:
    notebook = new_notebook()
    notebook.run("x = 1")
    with local_pool.client() as pool:
        pool.session(identifier_of(notebook)).delete()
    assert notebook.ask("complete", "pri")["matches"] == []
    assert notebook.run("x = 2").error.startswith("SessionLostError: ")
    assert notebook.run("x = 3").status == "ok"


def test_of_two_kernels_on_one_session_the_newer_takes_over_and_the_older_says_so(
    new_notebook,
) -> None:
    shared = {"DYNAMIC_SESSIONS_IDENTIFIER": uuid.uuid4().hex}
    older, newer = new_notebook(**shared), new_notebook(**shared)
    older.run("x = 'older'")
    assert "NameError" in newer.run("x").error
    newer.run("x = 'newer'")
    assert "Another kernel has taken this session over" in older.run("x = 'changed'").error
    assert newer.run("x").result == "'newer'"


def test_an_interpreter_that_died_is_told_and_files_are_kept(new_notebook) -> None:
    notebook = new_notebook()
    notebook.run("x = 1; open('kept.txt', 'w').close()")
    assert notebook.run("import os; os._exit(3)").error.startswith("InterpreterRestartedError: ")
    ran = notebook.run("import os; os.listdir()")
    assert (ran.result, ran.count) == ("['kept.txt']", 1)


def test_an_interrupt_lets_go_of_the_cell_at_once_and_says_what_goes_on(
    new_notebook, local_pool
) -> None:
    notebook = new_notebook()
    notebook.run("import time, os")
    cell = begun(notebook, local_pool, "time.sleep(5)")
    queued = notebook.send("never = True")
    started = time.monotonic()
    notebook.interrupt()
    ran = notebook.wait(cell)
    assert time.monotonic() - started < 1
    assert ran.error.startswith("KeyboardInterrupt: ")
    assert "cannot stop a direct execution" in ran.error
    assert notebook.wait(queued).status == "aborted"


def test_after_an_interrupt_the_next_cell_waits_for_the_code_and_its_output_comes_late(
    new_notebook, local_pool
) -> None:
    notebook = new_notebook()
    notebook.run("import time, os")
    cell = begun(
        notebook,
        local_pool,
        "while not os.path.exists('go'): time.sleep(0.05)\nprint('at last'); 7",
    )
    notebook.interrupt()
    notebook.wait(cell)
    following = notebook.send("print('after')")
    assert "still runs" in notebook.until(following, "stream")["text"]
    with local_pool.client() as pool:
        pool.session(identifier_of(notebook)).upload(os.devnull, "go")
    assert notebook.wait(following).stdout == "after\n"
    assert notebook.wait(cell).stdout == "at last\n"


def test_an_interrupt_while_a_cell_waits_for_another_runs_nothing_of_it(
    new_notebook, local_pool
) -> None:
    notebook = new_notebook()
    notebook.run("import time, os")
    cell = begun(notebook, local_pool, "while not os.path.exists('go'): time.sleep(0.05)")
    notebook.interrupt()
    notebook.wait(cell)
    following = notebook.send("ran = True")
    notebook.until(following, "stream")
    notebook.interrupt()
    assert "nothing of this cell ran" in notebook.wait(following).error
    with local_pool.client() as pool:
        pool.session(identifier_of(notebook)).upload(os.devnull, "go")
    assert "NameError" in notebook.run("ran").error


def test_an_interpreter_that_dies_after_an_interrupt_is_told_by_the_next_cell(
    new_notebook, local_pool
) -> None:
    notebook = new_notebook()
    notebook.run("import time, os; x = 1")
    cell = begun(
        notebook, local_pool, "while not os.path.exists('go'): time.sleep(0.05)\nos._exit(3)"
    )
    notebook.interrupt()
    notebook.wait(cell)
    following = notebook.send("ran = True")
    notebook.until(following, "stream")
    with local_pool.client() as pool:
        pool.session(identifier_of(notebook)).upload(os.devnull, "go")
    assert notebook.wait(following).error.startswith("InterpreterRestartedError: ")
    assert notebook.run("[name for name in ('x', 'ran') if name in dir()]").result == "[]"


def test_an_interrupt_of_an_idle_kernel_does_nothing(direct) -> None:
    direct.interrupt()
    assert direct.run("1 + 1").result == "2"


def test_modules_beside_the_notebook_do_not_break_the_kernel(new_notebook, tmp_path) -> None:
    for name in ("requests", "json", "traitlets", "dynamic_sessions_kernel"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong one')")
    assert new_notebook(cwd=tmp_path).run("1 + 1").result == "2"


def test_nothing_in_the_notebooks_folder_runs_on_this_machine(new_notebook, tmp_path) -> None:
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'a').write(__name__)"
    configurations = ("dynamic_sessions_kernel", "ipython", "ipython_kernel", "jupyter")
    modules = ("azure", "jedi", "glob", "sitecustomize", *(f"{c}_config" for c in configurations))
    for name in modules:
        (tmp_path / f"{name}.py").write_text(code)
    notebook = new_notebook(cwd=tmp_path)
    notebook.run("1")
    notebook.ask("complete", "%upload ")
    notebook.ask("is_complete", "1")
    assert notebook.run("%upload glob.py").status == "ok"
    assert not ran.exists()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DYNAMIC_SESSIONS_RUNTIME", "fast"),
        ("DYNAMIC_SESSIONS_KEEP_ALIVE", "for ever"),
        ("DYNAMIC_SESSIONS_IDENTIFIER", "abc"),
        ("AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT", "http://example.com/pool"),
    ],
)
def test_a_wrong_setting_is_told_in_the_cell_and_names_its_variable(
    new_notebook, variable, value
) -> None:
    error = new_notebook(**{variable: value}).run("1").error
    assert error.startswith("SettingsError: ")
    assert variable in error


def debug(notebook, command: str, **arguments: object) -> dict[str, Any]:
    channel, session = notebook.client.control_channel, notebook.client.session
    request = {"type": "request", "seq": 7, "command": command, "arguments": arguments}
    channel.send(session.msg("debug_request", request))
    return channel.get_msg(timeout=60)["content"]


def test_a_debugger_that_asks_before_a_session_exists_gets_an_answer_and_makes_none(
    new_notebook, local_pool
) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="auto")
    assert notebook.ask("kernel_info")["supported_features"] == ["debugger"]
    told = debug(notebook, "debugInfo")
    assert (told["success"], told["request_seq"], told["body"]["isStarted"]) == (True, 7, False)
    refused = debug(notebook, "evaluate", expression="1")
    assert (refused["success"], "run a cell first" in refused["message"]) == (False, True)
    assert identifier_of(notebook) not in local_pool.identifiers()


def test_a_debugger_that_is_switched_on_before_the_first_cell_starts(
    new_notebook, local_pool
) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="auto")
    assert debug(notebook, "initialize", clientID="test", adapterID="test")["success"]
    assert identifier_of(notebook) in local_pool.identifiers()
    assert debug(notebook, "debugInfo")["body"]["isStarted"]


def test_a_debugger_lists_modules_as_it_does_on_a_local_kernel(new_notebook) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="bridge")
    assert debug(notebook, "initialize", clientID="test", adapterID="test")["success"]
    listed = debug(notebook, "modules")["body"]["modules"]
    assert {"asyncio", "ipykernel"} <= {module["name"] for module in listed}


def test_why_the_debugger_cannot_start_is_shown_under_the_cell_that_ran_last(new_notebook) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="bridge")
    cell = notebook.send(
        "kernel = get_ipython().kernel\n"
        "kernel.debugger = None\n"
        "async def without(message):\n    return {}\n"
        "kernel.do_debug_request = without"
    )
    notebook.wait(cell, timeout=60)
    refused = debug(notebook, "initialize", clientID="test")
    assert not refused["success"]
    assert "has no `debugpy`" in refused["message"]
    assert notebook.until(cell, "display_data")["data"] == {"text/plain": refused["message"]}


def test_the_direct_runtime_says_that_it_has_no_debugger(new_notebook) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="direct")
    assert "no debugger" in debug(notebook, "initialize")["message"]


def test_a_direct_execution_offers_no_debugger_and_no_subshells(direct) -> None:
    assert direct.ask("kernel_info")["supported_features"] == []


def test_malformed_requests_do_not_end_the_kernel(direct) -> None:
    session, channel = direct.client.session, direct.client.shell_channel
    for msg_type, content in [
        ("execute_request", {}),
        ("complete_request", {"code": 5}),
        ("no_such_request", {}),
        ("comm_msg", {}),
        ("history_request", {"unknown": 1}),
    ]:
        channel.send(session.msg(msg_type, content))
    channel.socket.send_multipart([b"<IDS|MSG>", b"forged", b"{}", b"{}", b"{}", b"{}"])
    assert direct.run("1 + 1").result == "2"
