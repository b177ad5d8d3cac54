"""What it takes to parse HTML, told before it is parsed.

A parser takes time as the square of the depth, and opens what was left open anew in each paragraph,
so that 100 KB can take minutes, or gigabytes. What is small can do neither. Of what is large the
tags are matched to each other; whatever makes that uncertain counts against it.
"""

from __future__ import annotations

import re

_FLAT_NAMES = (
    "area br col embed hr img input link meta source track wbr"
    " caption colgroup p tbody td tfoot th thead tr"
)
_REPEATED_NAMES = "a b big code em font i nobr s small strike strong tt u"
#: Elements that hold nothing, or hold none of their own kind without another around it.
_FLAT = frozenset(_FLAT_NAMES.split())
#: Elements that end by themselves where one of these begins right within them.
_ENDED_BY = {"dd": ("dd", "dt"), "dt": ("dd", "dt"), "li": ("li",), "option": ("option",)}
#: Elements that a parser opens anew in each paragraph until they are closed.
_REPEATED = frozenset(_REPEATED_NAMES.split())

#: Up to here it does not matter how elements nest.
_FEW = 5_000
#: Browsers cut at 512.
_MAX_DEPTH = 250
#: Of some hundred bytes each.
_MAX_ELEMENTS = 1_000_000

_OPENS = re.compile(r"<([A-Za-z][^\s/>]{0,40})")
_BEGINS = re.compile(r"<[A-Za-z/!?]")
_TAG_OR_COMMENT = re.compile(
    r"<(?:(/?[A-Za-z][A-Za-z0-9]*)"
    r"(?:\s+[^\s\"'<>/=]+(?:\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'|[^\s\"'=<>`]+))?)*\s*/?>"
    r"|!--[^<>]*-->)"
)


class TooMuchError(ValueError):
    """HTML of more elements, or deeper nested ones, than can be parsed in time and memory."""


def check(source: str) -> None:
    """Refuse what takes more time or memory to parse than its length tells.

    Raises:
        TooMuchError: it takes more, or perhaps does.
    """
    opened = [name.lower() for name in _OPENS.findall(source)]
    deepest = sum(name not in _FLAT for name in opened)
    repeated = sum(name in _REPEATED for name in opened)
    if deepest > _FEW or len(opened) * (1 + repeated) > _MAX_ELEMENTS:
        deepest, repeated = _nested(source)
        if deepest > _MAX_DEPTH or len(opened) * (1 + repeated) > _MAX_ELEMENTS:
            raise TooMuchError


def _nested(source: str) -> tuple[int, int]:
    """Return how many elements are open at once at most, and how many that are opened anew."""
    tags = _TAG_OR_COMMENT.findall(source)
    if len(tags) != len(_BEGINS.findall(source)):
        raise TooMuchError
    opened: list[str] = []
    deepest = repeated = most = 0
    for tag in map(str.lower, tags):
        if tag in _FLAT:
            continue
        # A tag that closes another element than the last closes none, or none for certain.
        if tag.startswith("/"):
            if opened and opened[-1] == tag[1:]:
                repeated -= opened.pop() in _REPEATED
        elif tag and not (opened and opened[-1] in _ENDED_BY.get(tag, ())):
            opened.append(tag)
            repeated += tag in _REPEATED
            deepest, most = max(deepest, len(opened)), max(most, repeated)
    return deepest, most
