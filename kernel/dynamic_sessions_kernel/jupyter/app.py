"""The process around the kernel: sockets, signals, configuration."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING, Any

from ipykernel.kernelapp import IPKernelApp
from jupyter_core.paths import jupyter_config_path
from traitlets import Unicode

from .ipykernel_seams import leave_out_subshells
from .kernel import DynamicSessionsKernel
from .log import write_log

if TYPE_CHECKING:
    import zmq

#: Signals that end a kernel, as far as the platform has them.
_ENDING = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
]

#: What the control channel has for its last messages.
_LAST_WORDS_SECONDS = 0.5


class DynamicSessionsApp(IPKernelApp):  # type: ignore[misc]  # ipykernel has no types
    """Launches the kernel from a connection file, as every front end does."""

    name = Unicode("dynamic-sessions-kernel")
    description = Unicode("A Jupyter kernel whose cells run in an Azure dynamic session.")
    classes = [*IPKernelApp.classes, DynamicSessionsKernel]  # noqa: RUF012 - the base class declares it so
    subcommands: dict[str, Any] = {}  # noqa: RUF012 - as above
    kernel_class = DynamicSessionsKernel
    #: What our own process prints or logs goes to Jupyter's terminal: in no cell would it show.
    outstream_class = None

    def load_config_file(self, suppress_errors: bool | None = None) -> None:
        """Read `dynamic_sessions_kernel_config.py` of Jupyter's configuration folders too."""
        self.config_file_paths.extend(jupyter_config_path())
        super().load_config_file(suppress_errors=suppress_errors)

    def init_kernel(self) -> None:
        """Make the kernel, which logs from its first moment on."""
        write_log(debug=self.log_level <= logging.DEBUG)
        super().init_kernel()

    def init_control(self, context: zmq.Context[Any]) -> None:
        """Open the control channel, without a thread for subshells."""
        super().init_control(context)
        leave_out_subshells(self)

    def init_iopub(self, context: zmq.Context[Any]) -> None:
        """Open iopub without a high-water mark: beyond one, messages are dropped, *idle* too."""
        context.sndhwm = 0
        super().init_iopub(context)

    def init_signal(self) -> None:
        """Let the signals that end a kernel end the session first; an interrupt is a message."""
        super().init_signal()
        for number in _ENDING:
            signal.signal(number, self._end)

    def start(self) -> None:
        """Serve until the kernel ends, and let the control channel say its last before closing.

        Python closes iopub first of all at exit; a thread that still writes to it then ends the
        process in libzmq.
        """
        super().start()
        self.control_thread.stop()
        self.control_thread.join(_LAST_WORDS_SECONDS)

    def _end(self, _number: int, _frame: Any) -> None:
        loop = getattr(self.kernel, "io_loop", None)
        if loop is None:
            raise SystemExit  # not started yet: there is nothing to end
        loop.add_callback_from_signal(self._leave)

    async def _leave(self) -> None:
        await self.kernel.leave(ended=True, asked=False)
        asyncio.get_running_loop().call_soon(self.kernel.io_loop.stop)
