"""JSON as text, written in pieces: the interpreter's other threads run between two of them.

`json.dumps` writes megabytes in one call of C, during which the event loop serves no interrupt.
Each piece here is such a call, too, but of a few thousand values.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BATCH = 2_000
#: Entries of a container that is written together with those beside it.
_SMALL = 50

_encode = json.JSONEncoder(ensure_ascii=False).encode


def written(value: Any) -> str:
    """Return what `json.dumps(value, ensure_ascii=False)` returns.

    Args:
        value: JSON data, nested less deep than Python calls.
    """
    return "".join(pieces(value))


def pieces(value: Any) -> Iterator[str]:
    """Return the same in pieces, none of which ends within a text."""
    if not value or not isinstance(value, (dict, list)):
        yield _encode(value)
        return
    before = "{" if isinstance(value, dict) else "["
    for batch in _batches(value):
        if _small(batch.values() if isinstance(batch, dict) else batch):
            yield before
            yield _encode(batch)[1:-1]
            before = ", "
            continue
        for entry in batch:
            yield before
            before = ", "
            if isinstance(batch, dict):
                yield f"{_encode(entry)}: "
                yield from pieces(batch[entry])
            else:
                yield from pieces(entry)
    yield "}" if isinstance(value, dict) else "]"


def _batches(value: dict[str, Any] | list[Any]) -> Iterator[dict[str, Any] | list[Any]]:
    if len(value) <= _BATCH:
        yield value
    elif isinstance(value, list):
        for start in range(0, len(value), _BATCH):
            yield value[start : start + _BATCH]
    else:
        entries = iter(value.items())
        while batch := dict(islice(entries, _BATCH)):
            yield batch


def _small(entries: Iterable[Any]) -> bool:
    """Whether these, and what they hold, are few values."""
    for entry in entries:
        if isinstance(entry, (dict, list)):
            held = entry.values() if isinstance(entry, dict) else entry
            if len(held) > _SMALL or any(isinstance(one, (dict, list)) and one for one in held):
                return False
    return True
