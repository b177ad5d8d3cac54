"""The requests on their way to the ipykernel's shell channel, with one cell in it at a time.

Our kernel hands over together the cells that a front end has queued, and cannot take back what is
on its way. So the relay decides what an error stops. Every failure of a cell that stops others is
counted, our kernel learns the count with the reply, and each cell carries the count that our
kernel knew when it handed the cell over. A cell whose count is older than a failure was queued
behind that failure: it is answered with `aborted` and does not run.

This module runs in the session: standard library alone, Python 3.10.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

#: What becomes of a request: it is sent to the ipykernel; it is aborted; or an interrupt ends it
#: before it begins.
Fate = Literal["sent", "aborted", "interrupted"]

#: What ends a cell: its reply and its idle status. They come on two channels, in either order.
_END = frozenset({"execute_reply", "status"})


@dataclass
class ShellRequest:
    """A request for the shell channel.

    Attributes:
        msg_type, msg_id: its type and identity.
        body: metadata and content as JSON, and the buffers.
        generation: of a cell, how many failures our kernel knew of when it handed the cell over.
        stops: whether its failure stops the cells that wait behind it.
        aborted: whether it must not run any more.
    """

    msg_type: str
    msg_id: str
    body: list[bytes]
    generation: int
    stops: bool
    aborted: bool = False

    @property
    def is_cell(self) -> bool:
        """Whether it executes code."""
        return self.msg_type == "execute_request"


class CellQueue:
    """Requests in the order in which our kernel handed them over.

    Attributes:
        failures: how many cells have failed and stopped those behind them.
        running: the cell that the ipykernel has, if any.
        asking: whether that cell has asked for input, and has no answer yet.
    """

    def __init__(self) -> None:
        self.failures = 0
        self.running: ShellRequest | None = None
        self.asking = False
        self._seen: set[str] = set()
        self._waiting: deque[ShellRequest] = deque()
        self._interrupted = False

    def put(self, request: ShellRequest) -> None:
        """Append a request."""
        self._waiting.append(request)

    def next(self) -> tuple[ShellRequest, Fate] | None:
        """Take the next request whose turn has come; None where it has to wait."""
        if not self._waiting:
            self._interrupted = False
            return None
        request = self._waiting[0]
        if not request.is_cell:
            return self._waiting.popleft(), "sent"
        if self.running is not None:
            return None
        self._waiting.popleft()
        if request.aborted or request.generation < self.failures:
            return request, "aborted"
        if self._interrupted:
            self.abort_waiting()
            return request, "interrupted"
        self.running, self._seen = request, set()
        return request, "sent"

    def waits_for(self, msg_id: str) -> bool:
        """Whether this is the cell that runs."""
        return self.running is not None and self.running.msg_id == msg_id

    def saw(self, msg_type: str, msg_id: str, *, failed: bool = False) -> bool:
        """Note a reply or an idle status; return whether the cell that runs has ended with it."""
        if self.running is None or not self.waits_for(msg_id) or msg_type in self._seen:
            return False
        self._seen.add(msg_type)
        if failed and self.running.stops:
            self.failures += 1
        if self._seen < _END:
            return False
        self.running, self.asking = None, False
        return True

    def interrupt(self) -> None:
        """Note an interrupt: between two cells it ends the next one, and those behind it."""
        between = self.running is None or "execute_reply" in self._seen
        self._interrupted = between and any(request.is_cell for request in self._waiting)

    def abort_waiting(self) -> None:
        """Have the cells that wait aborted when their turn comes."""
        self._interrupted = False
        for request in self._waiting:
            request.aborted = True

    def give_up(self) -> None:
        """Have the cells that wait aborted, and let the running one stop none that come later.

        Our kernel waits for none of them any more.
        """
        self.abort_waiting()
        if self.running is not None:
            self.running.stops = False

    def change_client(self) -> None:
        """Forget what waits, which the new client does not know, and count anew for it."""
        self.give_up()
        self.clear_waiting()
        self.failures = 0

    def clear_waiting(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._interrupted = False

    def clear(self) -> None:
        """Forget what waits and what runs: the ipykernel is gone."""
        self.clear_waiting()
        self.running, self.asking = None, False
