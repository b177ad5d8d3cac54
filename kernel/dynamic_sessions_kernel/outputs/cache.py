"""How long an attribute of an output may be, and what is remembered of it.

Tables say the same in each cell, so what was judged once is remembered; but only what takes little
room, since a session could fill the memory with the rest.
"""

from __future__ import annotations

from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, cast

if TYPE_CHECKING:
    from collections.abc import Callable

#: Longer ones are left out.
MAX_ATTRIBUTE_CHARS = 4_000
_MAX_REMEMBERED = 400

_Options = ParamSpec("_Options")


def remembered(
    judge: Callable[Concatenate[str, _Options], str],
) -> Callable[Concatenate[str, _Options], str]:
    """Remember what a function makes of short texts."""
    short = cast("Callable[Concatenate[str, _Options], str]", lru_cache(maxsize=4096)(judge))

    @wraps(judge)
    def judged(text: str, /, *options: _Options.args, **named: _Options.kwargs) -> str:
        return (short if len(text) <= _MAX_REMEMBERED else judge)(text, *options, **named)

    return judged
