"""Starts the session's IPython kernel, where ipykernel's own launcher would lose messages.

Two things need a hand before its sockets are bound: a publisher drops messages beyond its
high-water mark, *idle* among them, and nobody learns when the kernel is ready. It runs from its
file, handed one line of JSON on standard input, so that the key is in no argument and no variable.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

READY_FD = 3
PORTS = {"shell_port": 1, "stdin_port": 2, "hb_port": 3, "control_port": 4, "iopub_port": 5}


def launch(order: dict[str, Any]) -> None:
    """Run an IPython kernel until it ends.

    Args:
        order: `prefix` is the path that its sockets' names begin with, `key` signs its messages.
    """
    from ipykernel.kernelapp import IPKernelApp
    from tornado.ioloop import IOLoop
    from traitlets.config import Config

    class Launcher(IPKernelApp):  # type: ignore[misc]  # ipykernel is untyped
        def init_iopub(self, context: Any) -> None:
            context.sndhwm = 0
            super().init_iopub(context)

        def start(self) -> None:
            IOLoop.current().add_callback(say_ready)
            super().start()

    config = Config()
    config.IPKernelApp.update(PORTS, transport="ipc", ip=order["prefix"])
    config.Session.key = order["key"].encode()
    config.HistoryManager.hist_file = ":memory:"
    app = Launcher.instance(config=config)
    app.initialize([])
    app.start()


def say_ready() -> None:
    """Report to the init that executions can come."""
    os.write(READY_FD, b"!")
    os.close(READY_FD)


def main() -> None:
    """Read the order and launch."""
    # The folder of this file must not shadow what the session imports.
    sys.path.pop(0)
    order = json.load(sys.stdin)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    launch(order)


if __name__ == "__main__":
    main()
