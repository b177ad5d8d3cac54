"""What becomes of variables and files when a kernel restarts, crashes, sleeps or is idle."""

from __future__ import annotations

import io
import os
import signal
import time
import uuid

import pytest

from dynamic_sessions_kernel.jupyter.session_origin import session_identifier


def identifier_of(notebook) -> str:
    return session_identifier(notebook.manager.session.key)


def crash(notebook) -> None:
    """Kill the kernel's process, and start it anew as Jupyter does by itself."""
    kill(notebook)
    start_anew(notebook)


def kill(notebook) -> None:
    os.kill(notebook.manager.provisioner.process.pid, signal.SIGKILL)
    notebook.manager.provisioner.process.wait(10)


def start_anew(notebook) -> None:
    notebook.manager.restart_kernel(now=True)
    notebook.client.wait_for_ready(timeout=60)


def wait_until(condition, *, seconds: float = 20) -> bool:
    """Wait for what another process does and tells nobody."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_a_restart_clears_variables_and_keeps_files_without_a_word(notebook) -> None:
    notebook.run("x = 1; open('kept.txt', 'w').close()")
    notebook.restart()
    ran = notebook.run("import os; os.listdir(), 'x' in globals()")
    assert (ran.result, ran.notices) == ("(['kept.txt'], False)", "")
    assert notebook.run("1").count == ran.count + 1


def test_a_restart_ends_the_cell_that_runs_in_the_session(new_notebook, local_pool) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="bridge")
    cell = notebook.send(
        "import time, os\nprint('began')\n"
        "while True: open('now.txt', 'w').write(str(time.time())); time.sleep(0.01)"
    )
    notebook.until(cell, "stream")
    notebook.restart()
    ended = "os.stat('now.txt').st_mtime"
    before = notebook.run(f"import os; {ended}").result
    assert notebook.run(f"__import__('time').sleep(0.1); {ended}").result == before


def test_after_a_crash_the_session_and_its_variables_are_found_and_that_is_said(notebook) -> None:
    notebook.run("x = 1; open('kept.txt', 'w').close()")
    notebook.ask("complete", "x")  # with which the session learns that the cell's end has come
    crash(notebook)
    silent = notebook.run("pass", silent=True)
    assert silent.notices == ""
    ran = notebook.run("import os; x, os.listdir()")
    assert ran.result == "(1, ['kept.txt'])"
    assert ran.notices.count("\n") == 1
    assert "with variables and files" in ran.notices
    assert notebook.run("x").notices == ""


def test_after_a_crash_the_first_cell_has_one_number(new_notebook) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="bridge")
    before = notebook.run("x = 1").count
    crash(notebook)
    ran = notebook.run("x")
    (announced,) = ran.all("execute_input")
    assert announced["execution_count"] == ran.count == before + 1
    assert ran.all("execute_result")[0]["execution_count"] == ran.count


def test_after_a_crash_variables_that_died_meanwhile_are_said_to_be_gone(
    new_notebook, local_pool
) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="bridge")
    notebook.run("x = 1; open('kept.txt', 'w').close()")
    pid = int(notebook.run("import os; os.getpid()").result)
    crash(notebook)
    with local_pool.client() as pool:
        session = pool.session(identifier_of(notebook))
        killed = session.execute(
            "import os, time\n"
            f"relay = int(open('/proc/{pid}/stat').read().rpartition(')')[2].split()[1])\n"
            f"os.kill(relay, 9); os.kill({pid}, 9)\n"
            "def alive(pid):\n"
            "    try: return open(f'/proc/{pid}/cmdline').read()\n"
            "    except OSError: return ''\n"
            f"while alive(relay) or alive({pid}): time.sleep(0.01)"
        )
        assert killed.succeeded, killed.stderr
    ran = notebook.run("import os; 'x' in globals(), os.listdir()")
    assert ran.result == "(False, ['kept.txt'])"
    assert "the variables are gone" in ran.notices


def test_after_a_crash_a_cell_that_still_runs_is_said_to_and_can_be_interrupted(
    new_notebook,
) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="bridge")
    cell = notebook.send("x = 1\nprint('began')\nwhile True: pass")
    notebook.until(cell, "stream")
    crash(notebook)
    waiting = notebook.send("x")
    notebook.until(waiting, "display_data")
    notebook.interrupt()
    ran = notebook.wait(waiting)
    assert ran.result == "1"
    assert "still runs in it" in ran.notices


@pytest.mark.parametrize("runtime", ["bridge", "direct"])
def test_a_restart_by_force_loses_nothing_and_says_how_to_clear_variables(
    new_notebook, runtime
) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME=runtime)
    notebook.run("x = 1")
    start_anew(notebook)
    ran = notebook.run("x")
    assert ran.result == "1"
    assert "If that was a restart by force, `%session restart` clears the variables." in ran.notices
    (announced,) = ran.all("execute_input")
    assert announced["execution_count"] == ran.count
    notebook.run("%session restart")
    assert "NameError" in notebook.run("x").error


def test_after_a_crash_a_cell_that_waits_for_input_holds_no_other(new_notebook) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="bridge")
    notebook.run("x = 1")
    notebook.send("y = input('Who? ')", allow_stdin=True)
    notebook.asked()
    crash(notebook)
    ran = notebook.run("x, 'y' in globals()", allow_stdin=True)
    assert ran.result == "(1, False)"
    assert "had asked for input, which nobody can give any more" in ran.notices
    assert notebook.run_answering("input('Who? ')", "Ada").result == "'Ada'"


def test_after_a_crash_a_cell_that_ended_unseen_is_said_to_have(new_notebook, local_pool) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="bridge")
    cell = notebook.send(
        "import os, time\nprint('began')\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
        "print('end'); open('ended', 'w').close()"
    )
    notebook.until(cell, "stream")
    kill(notebook)
    with local_pool.client() as pool:
        session = pool.session(identifier_of(notebook))
        session.upload(io.BytesIO(), "go")
        assert wait_until(lambda: any(file.name == "ended" for file in session.list_files()))
    start_anew(notebook)
    ran = notebook.run("1")
    assert (ran.status, ran.stdout) == ("ok", "")
    assert "has ended; what it printed last may not have been shown" in ran.notices
    assert notebook.run("1").notices == ""


def test_after_a_crash_a_session_that_is_gone_is_said_to_be(notebook, local_pool) -> None:
    notebook.run("x = 1; open('kept.txt', 'w').close()")
    crash(notebook)
    with local_pool.client() as pool:
        pool.session(identifier_of(notebook)).delete()
    ran = notebook.run("import os; 'x' in globals(), os.listdir()")
    assert ran.result == "(False, [])"
    assert "Its session is gone" in ran.notices


def test_after_a_restart_a_session_that_is_gone_is_said_to_be(notebook, local_pool) -> None:
    notebook.run("open('kept.txt', 'w').close()")
    notebook.restart()
    with local_pool.client() as pool:
        pool.session(identifier_of(notebook)).delete()
    ran = notebook.run("import os; os.listdir()")
    assert ran.result == "[]"
    assert "its files with it" in ran.notices


def test_a_crash_before_the_first_cell_after_a_restart_clears_variables_all_the_same(
    notebook,
) -> None:
    notebook.run("x = 1")
    notebook.restart()
    crash(notebook)
    assert notebook.run("'x' in globals()").result == "False"


def test_another_kernel_of_one_identifier_starts_with_fresh_variables(
    new_notebook, runtime
) -> None:
    shared = {
        "DYNAMIC_SESSIONS_IDENTIFIER": uuid.uuid4().hex,
        "DYNAMIC_SESSIONS_RUNTIME": runtime,
    }
    first = new_notebook(**shared)
    first.run("x = 1")
    ran = new_notebook(**shared).run("'x' in globals()")
    assert (ran.result, ran.notices) == ("False", "")


def test_the_note_for_the_next_process_is_private_and_goes_with_the_kernel(
    notebook, jupyter_environment
) -> None:
    from pathlib import Path

    folder = Path(jupyter_environment["JUPYTER_RUNTIME_DIR"])
    before = set(folder.glob("dynamic-sessions-*"))
    notebook.run("x = 1")
    (note,) = set(folder.glob("dynamic-sessions-*")) - before
    assert note.stat().st_mode & 0o777 == 0o600
    notebook.manager.shutdown_kernel()
    assert not note.exists()


def test_a_network_that_is_gone_for_a_while_loses_nothing(start_notebook, behind, cable) -> None:
    notebook = start_notebook(behind)
    try:
        notebook.run("import os, time")
        cell = notebook.send(
            "print('before', flush=True)\n"
            "while not os.path.exists('go'): time.sleep(0.02)\n"
            "for i in range(200): print(i)\nprint('after')"
        )
        following = notebook.send("print('next')")
        notebook.until(cell, "stream")
        cable.unplug()
        # Longer than the kernel keeps trying in silence: the cell shows that it waits.
        shown = notebook.until(cell, "display_data")
        assert "trying again" in shown["data"]["text/plain"]
        cable.heal()
        notebook.until(cell, "update_display_data")
        cable.unplug()
        cable.heal()
        release(notebook, behind)
        ran = notebook.wait(cell)
        assert ran.stdout == "\n".join(["before", *map(str, range(200)), "after", ""])
        assert notebook.wait(following).stdout == "next\n"
    finally:
        cable.heal()
        notebook.close()


def release(notebook, behind) -> None:
    """Let the cell go on, by a file from outside."""
    from dynamic_sessions_kernel import SessionPool

    endpoint = behind["AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT"]
    with SessionPool(endpoint, token=behind["DYNAMIC_SESSIONS_TOKEN"]) as pool:
        pool.session(identifier_of(notebook)).upload(os.devnull, "go")


def test_after_keep_alive_the_service_hears_nothing_and_a_lost_session_is_told(
    start_notebook, behind, cable, local_pool
) -> None:
    notebook = start_notebook({**behind, "DYNAMIC_SESSIONS_KEEP_ALIVE": "1"})
    try:
        notebook.run("x = 1")

        def quiet() -> bool:
            before = cable.calls
            time.sleep(1)  # the longest pause between two polls of a link that is awake so early
            return cable.calls == before

        assert wait_until(quiet)
        assert notebook.run("x").result == "1"
        assert wait_until(quiet)
        with local_pool.client() as pool:
            pool.session(identifier_of(notebook)).delete()
        error = notebook.run("x").error
        assert error.startswith("SessionLostError: ")
        assert "variables and files are gone" in error
    finally:
        notebook.close()
