"""What a relay's client needs of whoever uses it: the contract between client and runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from dynamic_sessions_kernel.errors import DynamicSessionsError

    from .exchanges import Received


class Listener(Protocol):
    """Who is called by a client, on the event loop but for `read`."""

    def read(self, message: Received) -> Any:
        """Take the next message of the relay, in the thread that received it.

        What it returns, other than None, is handed to `arrived`, in order.
        """

    def arrived(self, arrival: Any) -> None:
        """Take what `read` returned."""

    def busy(self) -> bool:
        """Whether something waits for a reply."""

    def alive(self) -> bool:
        """Whether output may come though no cell runs."""

    def full(self) -> bool:
        """Whether more output should not be fetched yet; see `RelayClient.wake`."""

    def failed(self, error: DynamicSessionsError, *, over: bool, opened: bool) -> None:
        """Fail what waits for a reply.

        Args:
            error: why.
            over: whether the connection is gone too.
            opened: whether there was one.
        """

    def troubled(self, reason: str | None) -> None:
        """Show that an exchange is being made again, or with None, that one succeeded."""
