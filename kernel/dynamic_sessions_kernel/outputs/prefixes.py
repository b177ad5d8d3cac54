"""Classes and ids of outputs: each gets a prefix that no name of the page has.

So no rule and no script of the page finds an element of an output, and no link leads out of it.
"""

from __future__ import annotations

from hashlib import blake2b

from .cache import MAX_ATTRIBUTE_CHARS, remembered

#: Before every class and id that comes from a session.
PREFIX = "dynses-"

#: Classes that front ends style, tables and alerts, and that do nothing else.
KEPT_CLASSES = frozenset(
    {"dataframe", "alert", "alert-danger", "alert-info", "alert-success", "alert-warning"}
)

_MAX_CLASSES = 50


def class_attribute(value: str) -> str:
    """Return a `class` attribute whose names are the output's own."""
    return "" if len(value) > MAX_ATTRIBUTE_CHARS else _prefixed(value)


@remembered
def _prefixed(value: str) -> str:
    names = value.split()[:_MAX_CLASSES]
    return " ".join(name if name in KEPT_CLASSES else PREFIX + name for name in names)


def scope(source: str) -> str:
    """Return the class that stands for one output; equal outputs may share it."""
    return PREFIX + blake2b(source.encode("utf-8", "replace"), digest_size=6).hexdigest()
