"""Memory and disk run out while a cell runs: the cell fails, and nothing else, in both runtimes."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", params=["bridge", "direct"])
def notebook(request, open_through):
    opened = open_through(DYNAMIC_SESSIONS_RUNTIME=request.param)
    yield opened
    opened.close()


def test_a_session_short_of_memory_keeps_its_variables(notebook) -> None:
    notebook.run(
        "import os, time, resource\nkept = 1\nbefore = resource.getrlimit(resource.RLIMIT_AS)"
    )
    ran = notebook.run(
        "resource.setrlimit(resource.RLIMIT_AS, (4 << 30, before[1]))\n"
        "try: big = bytearray(64 << 30)\n"
        "finally: resource.setrlimit(resource.RLIMIT_AS, before)"
    )
    assert ran.error.startswith("MemoryError")
    assert notebook.run("kept").result == "1"


def test_a_full_disk_fails_the_write_and_nothing_else(notebook) -> None:
    """A limit on the size of files makes writes fail as a full disk does."""
    notebook.run(
        "import os, time, resource\nkept = 1\ndisk = resource.getrlimit(resource.RLIMIT_FSIZE)"
    )
    ran = notebook.run(
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, disk[1]))\n"
        "with open('/mnt/data/full', 'w') as f: f.write('x' * 100_000)"
    )
    assert ran.error.startswith("OSError: [Errno ")
    ran = notebook.run("print('printed')\nkept")
    assert (ran.stdout, ran.result) == ("printed\n", "1")
    assert notebook.run("resource.setrlimit(resource.RLIMIT_FSIZE, disk)").status == "ok"
