"""The session fails, or is taken away: one sentence says what is gone, and nothing runs twice."""

from __future__ import annotations

import io

GONE = (
    "SessionLostError: The service replaced the session by a fresh one, so its variables and files "
    "are gone. Run what you need again, from the top."
)
ADVICE = "Variables are gone, files are kept. Run what you need again, from the top."
WAITED = " The cells that waited were not run."


def starts_anew(notebook) -> None:
    """The next cell works, with the first number, and without the old variables."""
    ran = notebook.run("'kept' in dir()")
    assert (ran.result, ran.count) == ("False", 1)


def test_a_session_replaced_between_cells_is_told_and_nothing_runs_in_the_fresh_one(fresh) -> None:
    fresh.run("kept = 1; open('/mnt/data/file', 'w').close()")
    fresh.place.session.delete()
    queued = [fresh.send(fresh.place.mark(name)) for name in ("first", "second")]
    assert fresh.wait(queued[0]).error == GONE + WAITED
    assert fresh.wait(queued[1]).status == "aborted"
    assert fresh.place.lines("ran") == []
    starts_anew(fresh)
    assert fresh.run("os.listdir('/mnt/data')").status == "error"  # `os` was a variable too
    assert fresh.run("import os; os.listdir('/mnt/data')").result == "[]"


def test_a_session_replaced_in_mid_cell_is_told_and_queued_cells_are_aborted(fresh) -> None:
    fresh.run("kept = 1")
    cell = fresh.send("print('begun', flush=True)\ntime.sleep(100)")
    queued = fresh.send(fresh.place.mark("queued"))
    fresh.until(cell, "stream")
    fresh.place.session.delete()
    assert fresh.wait(cell).error == GONE + WAITED
    assert fresh.wait(queued).status == "aborted"
    assert fresh.place.lines("ran") == []
    starts_anew(fresh)


def test_a_session_that_came_back_fresh_after_the_network_was_gone_is_told(fresh, way) -> None:
    cell = fresh.send("print('begun', flush=True)\ntime.sleep(100)")
    fresh.until(cell, "stream")
    way.unplug()
    fresh.place.session.delete()
    fresh.until(cell, "display_data")
    way.heal()
    assert fresh.wait(cell).error == GONE
    starts_anew(fresh)


DEATHS = {
    "os.kill(os.getpid(), 9)": (
        "InterpreterRestartedError: The session's Python was ended by SIGKILL, which is often for "
        f"want of memory. {ADVICE}"
    ),
    "import ctypes; ctypes.string_at(0)": (
        f"InterpreterRestartedError: The session's Python was ended by SIGSEGV. {ADVICE}"
    ),
    "os._exit(3)": (
        f"InterpreterRestartedError: The session's Python ended by itself (exit status 3). {ADVICE}"
    ),
}


def test_an_ipykernel_that_dies_in_mid_cell_is_told_and_files_are_kept(notebook) -> None:
    for code, sentence in DEATHS.items():
        notebook.run("import os, time\nkept = 1; open('/mnt/data/ran', 'w').close()")
        cell = notebook.send(notebook.place.mark("fatal") + code)
        queued = notebook.send(notebook.place.mark("queued"))
        ran = notebook.wait(cell)
        assert ran.error == sentence + WAITED
        assert notebook.wait(queued).status == "aborted"
        assert notebook.place.lines("ran") == ["fatal"]
        starts_anew(notebook)


def test_an_ipykernel_that_dies_between_cells_is_told_by_the_next(notebook) -> None:
    notebook.run("import os, threading\nkept = 1")
    notebook.run(
        "def _die():\n    while not os.path.exists('/mnt/data/die'): pass\n"
        "    os.kill(os.getpid(), 9)\n"
        "threading.Thread(target=_die).start()"
    )
    pid = notebook.run("os.getpid()").result
    notebook.place.session.execute(
        f"import os, time; open('/mnt/data/die', 'w').close()\n"
        f"while os.path.exists('/proc/{pid}/cmdline') and open('/proc/{pid}/cmdline').read(): "
        "time.sleep(0.01)"
    )
    assert "was ended by SIGKILL" in notebook.run(notebook.place.mark("next")).error
    assert notebook.place.ran("next") == 0
    starts_anew(notebook)
    notebook.run("import os, time; os.remove('/mnt/data/die')")


def test_a_relay_that_is_killed_with_its_ipykernel_is_told(fresh) -> None:
    fresh.run("kept = 1; open('/mnt/data/file', 'w').close()")
    relay = int(fresh.run("os.getppid()").result)
    cell = fresh.send(fresh.place.mark("fatal") + f"os.kill({relay}, 9); time.sleep(100)")
    assert fresh.wait(cell).error == (
        "InterpreterRestartedError: The session's Python was ended together with what connects "
        "it, so variables are gone; files are kept. Run what you need again, from the top."
    )
    assert fresh.place.lines("ran") == ["fatal"]
    starts_anew(fresh)
    assert fresh.run("import os; sorted(os.listdir('/mnt/data'))").result == "['file', 'ran']"


def test_output_waits_in_memory_where_the_relay_can_write_no_file(notebook, way) -> None:
    """What waits for the network goes to disk beyond some size."""
    notebook.run("import os, time, resource\ndisk = resource.getrlimit(resource.RLIMIT_FSIZE)")
    limit = "resource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, ({}, disk[1]))\n"
    cell = notebook.send(
        limit.format(1 << 20)
        + "print('begun', flush=True)\n"
        + "while not os.path.exists('/mnt/data/offline'): time.sleep(0.01)\n"
        + "for n in range(20): print(chr(97 + n) * (1 << 20) + str(n), flush=True)\n"
        + "for n in range(200): print(n, flush=True)\n"
        + "open('/mnt/data/printed', 'w').write('all\\n')"
    )
    notebook.until(cell, "stream")
    way.unplug()
    notebook.place.session.upload(io.BytesIO(b""), "offline")
    notebook.place.until("printed")
    way.heal()
    ran = notebook.wait(cell)
    printed = [chr(97 + n) * (1 << 20) + str(n) for n in range(20)]
    assert ran.status == "ok"
    assert ran.stdout.split() == ["begun", *printed, *map(str, range(200))]
    assert (
        notebook.run(limit.format("disk[0]") + "os.path.getsize('/mnt/data/printed')").result == "4"
    )


def test_the_services_interpreter_may_die_and_nobody_notices(notebook) -> None:
    notebook.run("import os, time\nkept = 9")
    cell = notebook.send(
        notebook.place.mark("through")
        + "for n in range(30):\n    print(n, flush=True)\n    time.sleep(0.05)"
    )
    notebook.until(cell, "stream")
    for _ in range(2):
        died = notebook.place.session.execute("import os; os.kill(os.getpid(), 9)")
        assert died.status == "Failed"
    ran = notebook.wait(cell)
    assert ran.status == "ok"
    assert ran.stdout == "".join(f"{n}\n" for n in range(30))
    assert notebook.place.ran("through") == 1
    assert notebook.run("kept").result == "9"


def test_two_kernels_on_one_session_run_each_cell_once_and_say_who_has_it(
    proxy, open_through
) -> None:
    older = open_through(proxy.endpoint)
    older.run("mine = 'older'")
    newer = open_through(proxy.endpoint, DYNAMIC_SESSIONS_IDENTIFIER=older.place.session.identifier)
    newer.place = older.place
    try:
        assert newer.run(newer.place.mark("newer")).status == "ok"
        told = older.run(older.place.mark("older"))
        assert "Another kernel took this session over" in told.error
        assert older.run(older.place.mark("older")).status == "ok"
        assert "Another kernel took this session over" in newer.run("1").error
        assert older.place.lines("ran") == ["newer", "older"]
    finally:
        older.close()
        newer.close()
