"""Reads what the relay sends, in the thread that receives it: outputs go on, the rest to the loop.

It changes nothing that the event loop owns. What the shell channel answers waits until the outputs
before it are with the front end; what the control channel answers waits for none.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from dynamic_sessions_kernel.messages import Emit, Message

from .inside.envelope import EnvelopeError
from .validation import OUTPUT_TYPES, Arrival, UnreadableError, read_message, replacement

if TYPE_CHECKING:
    from collections.abc import Callable

    from .connection_notice import Notice
    from .exchanges import Received
    from .held_outputs import HeldOutputs
    from .output_lane import OutputLane

_log = logging.getLogger(__name__)


class Reader:
    """Sorts the relay's messages. Called by the thread that receives them.

    Args:
        emit: takes outputs.
        outputs: holds those of cells whose turn has not come.
        lane: where large outputs wait.
        notice: says what could not be read.
        later: returns what hands an arrival to the loop, behind the outputs that wait.
    """

    def __init__(
        self,
        emit: Emit,
        outputs: HeldOutputs,
        lane: OutputLane,
        notice: Notice,
        later: Callable[[Arrival], Callable[[], None]],
    ) -> None:
        self._emit = emit
        self._outputs = outputs
        self._lane = lane
        self._notice = notice
        self._later = later

    def read(self, message: Received) -> Arrival | None:
        """Send on an output of the session; return any other message, for the event loop."""
        arrival = self._checked(message)
        if arrival is None:
            return None
        if arrival.origin == "iopub" and arrival.msg_type in OUTPUT_TYPES:
            size = sum(map(len, message.body))
            self._outputs.put(arrival.parent, lambda: self._output(arrival, "iopub"), size)
            return None
        if arrival.origin == "stdin":
            if arrival.msg_type == "input_request":
                self._outputs.put(arrival.parent, lambda: self._output(arrival, "stdin"), 0)
            return None
        waits = arrival.origin != "control" and self._lane.follow(self._later(arrival))
        return None if waits else arrival

    def _checked(self, message: Received) -> Arrival | None:
        try:
            return read_message(message)
        except UnreadableError as error:
            self._notice.unreadable(error.parent, error.reason)
            return replacement(error)
        except EnvelopeError as error:
            _log.warning("a message from the session was dropped: %s", error)
            return None

    def _output(self, arrival: Arrival, channel: Literal["iopub", "stdin"]) -> None:
        self._emit(
            Message(
                arrival.msg_type,
                arrival.content,
                arrival.parent,
                arrival.metadata,
                arrival.buffers,
                channel,
            )
        )
