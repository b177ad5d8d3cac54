"""The main program of the ipykernel in the session: a stock one, but for a few things.

Its output queue has no high-water mark, since beyond one ZeroMQ drops messages. A cell that was
sent in parts, because commands stand in it, is stored in `In` and the history as typed. And what
a cell waits for that does nothing for it is left out, since each exchange feels it: the write of
each input to the history file, a pause, the thread for subshells, which are not offered, the
flushes of streams that hold nothing, and the messages that nobody is waiting for. An interrupt
reaches a cell that awaits.

Runs in the session as a program of its own: ipykernel 6 or 7, Python 3.10.
"""

from __future__ import annotations

import signal
import sys
import threading
from importlib import import_module
from typing import Any

from .liveness import Liveness
from .protocol import ALIVE, WHOLE_CELL

#: Inputs that are written to the history file together; who asks for history gets all of them.
_HISTORY_BATCH = 50


def main() -> None:
    """Run an ipykernel on the connection file that the command line names."""
    app = _application().instance()
    app.initialize()
    app.log.setLevel(app.log_level)  # else each record is made, and then shown to nobody
    app.kernel.shell.history_manager.db_cache_size = _HISTORY_BATCH
    app.kernel._execute_sleep = 0.0  # noqa: SLF001 - a setting of ipykernel's
    _store_whole_cells(app.kernel)
    for stream in (sys.stdout, sys.stderr):
        flush_only_what_is_there(stream)
    _wake_at_signals()
    app.start()


class _NoSubshells:
    """Stands where ipykernel 7 has a thread that hands each message on to its subshell.

    It is false, so that messages go to the main thread directly, and names that thread, which is
    the one thing that ipykernel asks of it unseen, for a cell with top-level await.
    """

    parent_thread = threading.main_thread()

    def __bool__(self) -> bool:
        return False


def _application() -> Any:
    # Here, since `call_relay` imports this module too, where there may be no ipykernel.
    from ipykernel.ipkernel import IPythonKernel
    from ipykernel.kernelapp import IPKernelApp

    application: Any = IPKernelApp
    kernel: Any = IPythonKernel

    liveness = Liveness()

    class Kernel(kernel):  # type: ignore[misc]  # ipykernel has no types
        _supports_kernel_subshells = False

        def init_metadata(self, parent: Any) -> Any:
            liveness.before_cell()
            return super().init_metadata(parent)

        def finish_metadata(self, parent: Any, metadata: Any, reply_content: Any) -> Any:
            metadata[ALIVE] = liveness.lives(self)
            return super().finish_metadata(parent, metadata, reply_content)

        # What the kernel on the person's side has published already.
        def _publish_execute_input(self, *_: Any, **__: Any) -> None:
            pass

        def _publish_status(self, status: str, *arguments: Any, **options: Any) -> None:
            if status != "busy":
                super()._publish_status(status, *arguments, **options)

        def do_complete(self, code: str, cursor_pos: int) -> Any:
            _keep_jedi_from_the_process()
            return super().do_complete(code, cursor_pos)

    class App(application):  # type: ignore[misc]  # as above
        kernel_class = Kernel

        def init_control(self, context: Any) -> None:
            super().init_control(context)
            thread = getattr(self, "shell_channel_thread", None)  # ipykernel 6 has none
            if thread is not None:
                thread.io_loop.close(all_fds=True)
                self.shell_channel_thread = _NoSubshells()

        def init_iopub(self, context: Any) -> None:
            context.sndhwm = 0
            super().init_iopub(context)

    # A person sees both names, by `get_ipython().kernel` for one, and by `--help`.
    Kernel.__name__, App.__name__ = kernel.__name__, application.__name__
    return App


class _OnMainThread:
    """A module some of whose functions do nothing on other threads."""

    def __init__(self, module: Any, *names: str) -> None:
        self._module = module
        self._names = names

    def __getattr__(self, name: str) -> Any:
        beside = threading.current_thread() is not threading.main_thread()
        return (lambda *_: None) if name in self._names and beside else getattr(self._module, name)


def _keep_jedi_from_the_process() -> None:
    """Keep a completion beside a cell from changing what the cell's process has set.

    jedi sets the recursion limit and restores the one before, and parso turns garbage collection
    off and on: what the cell sets meanwhile would be undone.
    """
    limit = sys.getrecursionlimit()
    try:
        helpers, cache = import_module("jedi.api.helpers"), import_module("parso.cache")
    except ImportError:
        return
    if sys.getrecursionlimit() != limit:
        sys.setrecursionlimit(limit)  # older ones set it once, as they are imported
    for module, name, functions in (
        (helpers, "sys", ("setrecursionlimit",)),
        (cache, "gc", ("disable", "enable")),
    ):
        used = getattr(module, name, None)
        if used is not None and not isinstance(used, _OnMainThread):
            setattr(module, name, _OnMainThread(used, *functions))


def _store_whole_cells(kernel: Any) -> None:
    history = kernel.shell.history_manager
    store = history.store_inputs

    def store_inputs(line_num: int, source: str, source_raw: str | None = None) -> None:
        metadata = (kernel.get_parent("shell") or {}).get("metadata", {})
        whole = metadata.pop(WHOLE_CELL, None)
        if whole is not None:
            source, source_raw = kernel.shell.transform_cell(whole), whole
        store(line_num, source, source_raw)

    history.store_inputs = store_inputs


def flush_only_what_is_there(stream: Any) -> None:
    """Spare the flushes that find nothing: a cell makes eight, and each waits for a thread."""
    if not hasattr(stream, "_buffers"):
        return  # of an ipykernel older than 6.29, or of none
    flush, send = stream.flush, stream._flush  # noqa: SLF001 - what each flush calls, the timer's too
    sending = False

    def noting_send() -> None:
        nonlocal sending
        sending = True
        try:
            send()
        finally:
            sending = False

    def needed_flush() -> None:
        # In this order: what is no longer in the buffers is being sent, or was. While it is being
        # sent, a display that did not wait for it would overtake it.
        if stream._buffers or sending:  # noqa: SLF001
            flush()

    stream.flush, stream._flush = needed_flush, noting_send  # noqa: SLF001


def _wake_at_signals() -> None:
    """Have the event loop go on at each signal.

    Ipykernel's answer to an interrupt of a cell that awaits is a callback of the loop, which a
    loop that sleeps learns of when something else wakes it. Any signal with a handler on the loop
    makes all signals wake it; this one is nobody's, and ignored otherwise too.
    """
    from tornado.ioloop import IOLoop

    IOLoop.current().asyncio_loop.add_signal_handler(signal.SIGURG, lambda: None)  # type: ignore[attr-defined]  # of tornado's only class
