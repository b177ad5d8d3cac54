"""What a cell's request becomes on its way to the ipykernel in the session."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .inside.protocol import WHOLE_CELL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynamic_sessions_kernel.messages import Content, Part, Request


@dataclass(frozen=True, slots=True)
class Execution:
    """An `execute_request` for the session.

    Attributes:
        identity: the front end's `msg_id`.
        content, metadata: as the ipykernel takes them.
        stops: whether its failure aborts the cells behind it, which the relay sees to.
    """

    identity: str
    content: Content
    metadata: Content = field(default_factory=dict)
    stops: bool = True

    @property
    def head(self) -> Content:
        """What the relay reads of it."""
        head: Content = {"to": "shell", "type": "execute_request", "id": self.identity}
        return head | {"stops": self.stops}


def body_of(
    content: Mapping[str, Any], metadata: Mapping[str, Any], buffers: Iterable[bytes] = ()
) -> list[bytes]:
    """Return what the ipykernel reads of a message: metadata, content, buffers."""
    packed = (json.dumps(dict(part)).encode() for part in (metadata, content))
    return [*packed, *map(bytes, buffers)]


def execution_of(request: Request, part: Part, whole: str | None = None) -> Execution:
    """Return the request that runs one part of a cell.

    Args:
        request: the front end's.
        part: what runs.
        whole: what is stored in `In` and the history in place of the part; by default the whole
            cell, where the last of several parts runs.
    """
    content = dict(request.content) | {"code": part.code, "stop_on_error": False}
    if not part.last:
        content |= {"silent": True, "store_history": False, "user_expressions": {}}
    if whole is None and part.last and part.code != part.cell:
        whole = part.cell
    metadata = dict(request.metadata) | ({} if whole is None else {WHOLE_CELL: whole})
    stops = not content.get("silent") and request.content.get("stop_on_error", True)
    return Execution(request.id, content, metadata, bool(stops))
