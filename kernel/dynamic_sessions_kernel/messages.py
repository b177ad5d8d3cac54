"""The shared words: what travels between the kernel and what its cells run on.

A `Request` goes down, `Message`s come up; a `Part` is what a cell consists of. They stand below
all rooms that use them, so that none of those has to know another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """A front end's message on its way to the session.

    Attributes:
        id: its `msg_id`; every message it causes names it as its parent.
        msg_type: such as `complete_request`.
        content, metadata, buffers: as the front end sent them.
    """

    id: str
    msg_type: str
    content: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    buffers: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way from the session to the front end.

    Attributes:
        msg_type: such as `stream`.
        content, metadata, buffers: as Jupyter's messaging specification has them.
        parent: the `Request.id` that caused it, however late it comes; None when no request did.
        channel: `iopub`, or `stdin` for an `input_request`.
    """

    msg_type: str
    content: Content
    parent: str | None
    metadata: Content = field(default_factory=dict)
    buffers: Sequence[bytes] = ()
    channel: Literal["iopub", "stdin"] = "iopub"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a cell between two commands; a cell without commands is one part.

    Attributes:
        code: the part's source, padded so that line numbers are the cell's own.
        cell: the whole cell as the person typed it, for `In` and the history.
        last: whether this part ends the cell: it alone displays its value and is counted.
    """

    code: str
    cell: str
    last: bool = True


#: Where a runtime hands its messages; may be called from any thread.
Emit = Callable[[Message], None]
