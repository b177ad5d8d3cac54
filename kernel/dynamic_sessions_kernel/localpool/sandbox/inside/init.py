"""The first process of a session, because a session must outlive its interpreter.

In a sandbox it is process number 1: when it ends, the kernel of the machine ends all others. It
ends when the pool closes its end of the control socket, which the death of the pool does as well,
so that nothing is left behind. It starts, interrupts and stops the one interpreter as it is told,
and reaps whatever the session's own processes leave.

Orders and events are lines of JSON on standard input, which is a socket:

    {"do": "start", "boot": N, ...}     start interpreter N; the whole order is handed to it
    {"do": "interrupt", "boot": N}      SIGINT to the process group of interpreter N
    {"do": "stop", "boot": N}           SIGKILL likewise
    {"event": "ready", "boot": N}       its sockets are bound
    {"event": "exited", "boot": N, "words": "…"}   with the end of what it wrote to its terminal

It runs from its file under `python -I -S`, so it imports nothing of the package.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import resource
import selectors
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

# Enough for the traceback of an interpreter that cannot start.
WORDS_KEPT_BYTES = 4000
# Where the interpreter finds the pipe on which it says that it is ready.
READY_FD = 3

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_KEYCTL_JOIN_SESSION_KEYRING = 1
_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}


class _Interpreter:
    """The interpreter of the moment: its process and what is read from it."""

    def __init__(self, boot: int, pid: int) -> None:
        self.boot = boot
        self.pid = pid
        self.words = b""

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


class Init:
    """Follows the pool's orders and reaps dead processes until the pool is gone.

    Args:
        command: what starts an interpreter.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._control = os.dup(0)
        os.set_blocking(self._control, False)
        self._null = os.open(os.devnull, os.O_RDWR)
        os.dup2(self._null, 0)
        self._orders = b""
        self._selector = selectors.DefaultSelector()
        self._interpreter: _Interpreter | None = None
        self._gone = False

    def run(self) -> None:
        """Work until the pool's end of the control socket is closed."""
        wake, waker = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # Process 1 ignores signals that it has no handler for; Python's default one would end it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._selector.register(self._control, selectors.EVENT_READ, self._heed)
        self._selector.register(wake, selectors.EVENT_READ, self._reap)
        while not self._gone:
            for key, _ in self._selector.select():
                key.data(key.fd)

    def _heed(self, control: int) -> None:
        piece = os.read(control, 65536)
        if not piece:
            self._gone = True
            return
        *lines, self._orders = (self._orders + piece).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, order: dict[str, Any]) -> None:
        if order["do"] == "start":
            self._start(order)
        elif self._interpreter is not None and self._interpreter.boot == order["boot"]:
            number = signal.SIGINT if order["do"] == "interrupt" else signal.SIGKILL
            self._interpreter.signal(number)

    def _start(self, order: dict[str, Any]) -> None:
        orders, orders_in = os.pipe()
        ready, ready_in = os.pipe()
        words, words_in = os.pipe()
        actions = [
            (os.POSIX_SPAWN_DUP2, orders, 0),
            (os.POSIX_SPAWN_DUP2, words_in, 1),
            (os.POSIX_SPAWN_DUP2, words_in, 2),
            (os.POSIX_SPAWN_DUP2, ready_in, READY_FD),
        ]
        pid = os.posix_spawn(
            self._command[0], self._command, os.environ, file_actions=actions, setsid=True
        )
        os.write(orders_in, json.dumps(order).encode())
        for mine in (orders, orders_in, ready_in, words_in):
            os.close(mine)
        interpreter = self._interpreter = _Interpreter(order["boot"], pid)
        self._selector.register(
            ready, selectors.EVENT_READ, lambda fd: self._is_ready(fd, interpreter)
        )
        self._selector.register(words, selectors.EVENT_READ, lambda fd: self._hear(fd, interpreter))

    def _is_ready(self, pipe: int, interpreter: _Interpreter) -> None:
        if os.read(pipe, 1):
            self._tell(event="ready", boot=interpreter.boot)
        self._selector.unregister(pipe)
        os.close(pipe)

    def _hear(self, pipe: int, interpreter: _Interpreter) -> None:
        piece = os.read(pipe, 65536)
        interpreter.words = (interpreter.words + piece)[-WORDS_KEPT_BYTES:]
        if not piece:
            self._selector.unregister(pipe)
            os.close(pipe)

    def _reap(self, wake: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(wake, 512)
        with contextlib.suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                if self._interpreter is not None and pid == self._interpreter.pid:
                    self._bury(self._interpreter)

    def _bury(self, interpreter: _Interpreter) -> None:
        # Whatever the cell itself had started goes with it; what left the group stays.
        interpreter.signal(signal.SIGKILL)
        self._interpreter = None
        for key in list(self._selector.get_map().values()):
            if key.fd != self._control and key.data != self._reap:
                # What a survivor writes to the old terminal is nobody's any more.
                with contextlib.suppress(BlockingIOError):
                    os.set_blocking(key.fd, False)
                    key.data(key.fd)
        words = interpreter.words.decode(errors="replace")
        self._tell(event="exited", boot=interpreter.boot, words=words)

    def _tell(self, **event: Any) -> None:
        # The pool reads always; one that does not is stuck, and its session may as well end.
        try:
            os.write(self._control, json.dumps(event).encode() + b"\n")
        except OSError:
            self._gone = True


def close_to_the_session() -> None:
    """Keep the session's code, which runs as the same user, away from this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Neither traced nor opened through /proc: the control socket is the pool's alone.
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    # Keys of the pool's login are reachable from every namespace unless the keyring is left.
    keyctl = _KEYCTL.get(platform.machine())
    if keyctl is not None:
        libc.syscall(keyctl, _KEYCTL_JOIN_SESSION_KEYRING, None)
    if os.getpid() != 1:
        # Without process numbers of its own, orphans must come back here to be found at the end.
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def limit(processes: int, file_bytes: int) -> None:
    """Bound what the session can take from the machine; no limit is ever raised.

    Args:
        processes: and threads; counted here where no control group counts them.
        file_bytes: the length of a file.
    """
    bounds = (
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    )
    for name, value in bounds:
        hard = resource.getrlimit(name)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (bound, bound))


def descendants() -> list[int]:
    """All living processes that descend from this one, by `/proc`."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The name of a program may hold anything, parentheses and spaces included.
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        born = children.get(waiting.pop(), [])
        found += born
        waiting += born
    return found


def end_all() -> None:
    """Kill every descendant, again and again, until none is left to start another."""
    while pids := descendants():
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def main(sockets: str, processes: str, file_bytes: str, *command: str) -> None:
    """Serve one session.

    Args:
        sockets: the folder of the interpreter's sockets, removed at the end if it can be.
        processes: as of `limit`.
        file_bytes: as of `limit`.
        command: what starts an interpreter.
    """
    close_to_the_session()
    limit(int(processes), int(file_bytes))
    try:
        Init(list(command)).run()
    finally:
        if os.getpid() != 1:
            signal.set_wakeup_fd(-1)
            end_all()
            shutil.rmtree(sockets, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
