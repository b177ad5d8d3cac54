"""Nothing is asked of a session in which nothing lives; what lives is heard of soon."""

from __future__ import annotations

import time

import pytest

#: Leaves something behind that prints later, each in its own way.
LIVING = {
    "a thread": "import threading, time\n"
    "threading.Thread(target=lambda: (time.sleep(.5), print('late'))).start()",
    "a timer of threading": "import threading\nthreading.Timer(.5, print, ('late',)).start()",
    "a task": "import asyncio\nasync def later():\n    await asyncio.sleep(.5); print('late')\n"
    "task = asyncio.get_running_loop().create_task(later())",
    "a call of the loop": "import asyncio\n"
    "handle = asyncio.get_running_loop().call_later(.5, print, 'late')",
    "a child": "import subprocess\nchild = subprocess.Popen(['sh', '-c', 'sleep .5; echo late'])",
}


@pytest.mark.parametrize("code", LIVING.values(), ids=LIVING)
def test_what_lives_on_is_heard_of_soon(notebook, code):
    notebook.run("1")
    started = time.monotonic()
    notebook.run(code)
    notebook.until_printed("late")
    assert time.monotonic() - started < 20  # without being asked for, it takes 30 s at least


@pytest.mark.parametrize(
    "code", ["x = 1", "print('printed')", "1 / 0", "import asyncio; await asyncio.sleep(.01)"]
)
def test_nothing_is_asked_where_nothing_lives(notebook, code):
    for _ in range(3):
        notebook.run(code)
    asked = notebook.session.executions
    time.sleep(1.5)  # idle polls would have come after 0.3 s
    assert notebook.session.executions == asked
    assert notebook.run("5")["status"] == "ok"
