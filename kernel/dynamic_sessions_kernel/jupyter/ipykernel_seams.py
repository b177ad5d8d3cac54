"""Every private name of ipykernel that we use, in one place.

ipykernel moves private names in minor releases. The other modules use the names of this one, and a
test holds each private name to the ipykernel that is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipykernel._version import kernel_protocol_version
from ipykernel.kernelbase import Kernel

if TYPE_CHECKING:
    import asyncio

#: The version of Jupyter's messaging protocol that the base class speaks.
PROTOCOL_VERSION: str = kernel_protocol_version

#: The private names, by the class of ipykernel that has them.
KERNEL_NAMES = (
    "_aborting",
    "_main_asyncio_lock",
    "_publish_execute_input",
    "_publish_status",
    "_publish_status_and_flush",
    "_send_abort_reply",
)
APP_NAMES = ("shell_channel_thread",)


class SeamKernel(Kernel):  # type: ignore[misc]  # ipykernel has no types
    """ipykernel's base class, its private names under public ones."""

    @property
    def cell_lock(self) -> asyncio.Lock:
        """What cells take turns by."""
        lock: asyncio.Lock = self._main_asyncio_lock
        return lock

    @property
    def aborting(self) -> bool:
        """Whether executions that wait are answered with *aborted*."""
        return bool(self._aborting)

    @aborting.setter
    def aborting(self, aborting: bool) -> None:
        self._aborting = aborting

    def send_aborted(self, stream: Any, parent: dict[str, Any], identities: list[bytes]) -> None:
        """Answer a request with *aborted*."""
        self._send_abort_reply(stream, parent, identities)

    def publish_busy(self, channel: str, parent: dict[str, Any]) -> None:
        """Publish that a request is being served."""
        self._publish_status("busy", channel, parent=parent)

    def publish_idle(self, channel: str, stream: Any, parent: dict[str, Any]) -> None:
        """Publish that a request was served, once its reply has left."""
        self._publish_status_and_flush("idle", channel, stream, parent=parent)

    def publish_input(self, code: str, parent: dict[str, Any], count: int) -> None:
        """Publish the code of a cell under its number."""
        self._publish_execute_input(code, parent, count)


def leave_out_subshells(app: Any) -> None:
    """Close what ipykernel opened for subshells, which a session cannot have."""
    app.shell_channel_thread.io_loop.close(all_fds=True)
    app.shell_channel_thread = None
