"""The main program of the ipykernel in the session: a stock one, but for two things.

Its output queue has no high-water mark, since beyond one ZeroMQ drops messages; and a cell that
was sent in parts, because commands stand in it, is stored in `In` and the history as typed.

Runs in the session as a program of its own: ipykernel 6 or 7, Python 3.10.
"""

from __future__ import annotations

import sys
from typing import Any

#: The key of an execute_request's metadata that holds the whole cell when its code is a part.
WHOLE_CELL = "dynamic_sessions_cell"

#: Inputs that are written to the history file together; who asks for history gets all of them.
_HISTORY_BATCH = 50


def main() -> None:
    """Run an ipykernel on the connection file that the command line names."""
    sys.path.pop(0)  # the folder of this file: IPython puts the working directory first
    from ipykernel.kernelapp import IPKernelApp

    application: Any = IPKernelApp

    class App(application):  # type: ignore[misc]  # ipykernel has no types
        def init_iopub(self, context: Any) -> None:
            context.sndhwm = 0
            super().init_iopub(context)

    App.__name__ = application.__name__
    app = App.instance()
    app.initialize()
    # Every cell's own write to the history file, and the pause after it, are felt in each exchange.
    app.kernel.shell.history_manager.db_cache_size = _HISTORY_BATCH
    app.kernel._execute_sleep = 0.0  # noqa: SLF001 - a setting of ipykernel's
    _store_whole_cells(app.kernel)
    app.start()


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


if __name__ == "__main__":
    main()
