"""Whether anything of the person's lives on in the ipykernel after a cell, and may yet print.

Where nothing does, our kernel need not ask for output, and no such question is in a next cell's
way. In doubt something lives: then our kernel asks as ever.

This module runs in the session: standard library alone, Python 3.10.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import suppress
from typing import Any

_CHILDREN = "/proc/self/task/{}/children"


class Liveness:
    """Knows what belongs to the ipykernel itself: all that lives before the first cell."""

    def __init__(self) -> None:
        self._threads: set[Any] | None = None
        self._tasks: set[Any] = set()
        self._timers = 0

    def before_cell(self) -> None:
        """Look around, before the first cell."""
        if self._threads is None:
            self._threads = set(threading.enumerate())
            self._tasks, self._timers = set(asyncio.all_tasks()), _timers()

    def lives(self, kernel: Any) -> bool:
        """Whether a thread, task, timer, child, comm or event loop of the person's lives."""
        if self._threads is None:
            return True
        tasks = asyncio.all_tasks() - self._tasks
        return bool(
            set(threading.enumerate()) - self._threads
            or not all(task.done() or _is_ipykernels(task) for task in tasks)
            or _timers() > self._timers
            or any(signal.getitimer(signal.ITIMER_REAL))
            or _has_children()
            or getattr(kernel, "eventloop", None) is not None
            or getattr(getattr(kernel, "comm_manager", None), "comms", None)
        )


def _is_ipykernels(task: asyncio.Task[Any]) -> bool:
    """Whether a task serves a message, as that of the cell itself does."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and f"{os.sep}ipykernel{os.sep}" in code.co_filename


def _timers() -> int:
    """How many calls of the event loop are scheduled."""
    scheduled = getattr(asyncio.get_running_loop(), "_scheduled", None)
    if scheduled is None:
        return 0
    return sum(not handle.cancelled() for handle in scheduled)


def _has_children() -> bool:
    found = False
    for thread in threading.enumerate():
        with suppress(FileNotFoundError):  # the thread has ended since
            path = _CHILDREN.format(thread.native_id)
            with open(path, "rb") as file:  # noqa: PTH123 - fast
                found = found or bool(file.read(1))
    return found or not os.path.exists(_CHILDREN.format(os.getpid()))  # noqa: PTH110 - fast
