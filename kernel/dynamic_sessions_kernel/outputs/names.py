"""Names in outputs: each class and id of a session gets a prefix that no page's own has.

So no rule and no script of the page finds an element of an output, and no link leads out of it.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

#: Before every class and id that comes from a session.
PREFIX = "dynses-"

#: Classes that front ends style for their own tables and that do nothing else.
KEPT_CLASSES = frozenset({"dataframe"})

_MAX_CLASSES = 50
#: Longer `class` attributes are left out; those over the second length are not remembered.
_MAX_LENGTH = 4_000
_MAX_REMEMBERED = 400


def class_attribute(value: str) -> str:
    """Return a `class` attribute whose names are the output's own."""
    if len(value) > _MAX_REMEMBERED:
        return _prefixed(value) if len(value) <= _MAX_LENGTH else ""
    return _remembered(value)


@lru_cache(maxsize=4096)
def _remembered(value: str) -> str:
    return _prefixed(value)


def _prefixed(value: str) -> str:
    names = value.split()[:_MAX_CLASSES]
    return " ".join(name if name in KEPT_CLASSES else PREFIX + name for name in names)


def scope(source: str) -> str:
    """Return the class that stands for one output; equal outputs may share it."""
    return PREFIX + blake2b(source.encode("utf-8", "replace"), digest_size=6).hexdigest()
