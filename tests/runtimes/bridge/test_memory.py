"""Out of memory: a container's kernel ends the ipykernel, and the person reads that and why."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamic_sessions_kernel.errors import InterpreterRestartedError
from tests.runtimes.bridge.conftest import Interpreter, Notebook, notebook_on

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 400 << 20

#: Where a container finds its own group, and the name of its limit, in both versions of cgroups.
GROUPS = (
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
    (Path("/sys/fs/cgroup"), "memory.max"),
)


@pytest.fixture
def memory_group() -> Iterator[tuple[Path, Path]]:
    """A group of 400 MB, and where its members are to find it."""
    for place, limit in GROUPS:
        group = place / f"dsk-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            group.mkdir()
            try:
                (group / limit).write_text(str(LIMIT))
                yield group, place
            finally:
                end_group(group)
            return
    pytest.skip("no memory group can be made here")


def end_group(group: Path) -> None:
    """End what is in the group; the kernel takes its time to see a group empty."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.02)


@pytest.fixture
def cramped(memory_group: tuple[Path, Path], tmp_path: Path) -> Iterator[Notebook]:
    """A notebook on a session of little memory."""
    group, place = map(str, memory_group)
    start = tmp_path / "python"
    mount = f'mount --bind {shlex.quote(group)} {place} && exec {sys.executable} "$@"'
    start.write_text(
        f"#!/bin/sh\necho $$ > {group}/cgroup.procs\n"
        f'exec unshare --mount sh -c {shlex.quote(mount)} sh "$@"\n'
    )
    start.chmod(0o700)
    interpreter = Interpreter(str(start))
    with notebook_on(interpreter) as notebook:
        yield notebook
    interpreter.close()


def test_a_cell_that_takes_all_memory_is_told_so_and_the_next_one_runs(cramped):
    assert cramped.run("x = 1")["status"] == "ok"
    with pytest.raises(InterpreterRestartedError, match="ran out of memory"):
        cramped.run("y = b'x' * (1 << 30)")
    cramped.run("'x' in globals()")
    assert cramped.value() == "False"
