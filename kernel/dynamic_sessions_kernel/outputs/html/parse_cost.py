"""What it costs to parse HTML, estimated before it is parsed.

Parsing is quadratic for some inputs: deep nesting, unclosed tags, content that a table has no place
for, attributes and references by the thousand. So 100 KB can take minutes, or gigabytes. A few of
these cost nothing. Where there are many, this module matches the tags to each other, and counts
what it cannot match against the output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
#: Elements that an ending tag is compared with, all together.
_MAX_WALK = 200_000_000
#: Things in a table that it has no place for; each is put before it by a search.
_MAX_MISPLACED = 2_000
_MAX_ATTRIBUTES = 20_000
#: References to characters, times the length of the text that they stand in.
_MAX_REFERRED = 20_000_000_000

_OPENS = re.compile(r"<([A-Za-z][^\s/>]{0,40})")
_BEGINS = re.compile(r"<[A-Za-z/!?]")
_TAG_OR_COMMENT = re.compile(
    r"<(?:(/?[A-Za-z][A-Za-z0-9]*)"
    r"(?:\s+[^\s\"'<>/=]+(?:\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'|[^\s\"'=<>`]+))?)*\s*/?>"
    r"|!--[^<>]*-->)"
)
_BETWEEN_NAMES = "table tbody thead tfoot tr /table /tbody /thead /tfoot /tr /td /th /caption"
_BETWEEN_CELLS = frozenset(_BETWEEN_NAMES.split())
_CELLS = frozenset({"td", "th", "caption"})
_PARTS = _CELLS | {"col", "colgroup", "style", "script", "template"}
_MISPLACED_TEXT = re.compile(rf"<(?:{'|'.join(_BETWEEN_CELLS)})\b[^<>]*>\s*[^\s<]", re.IGNORECASE)
_PARTED = re.compile(r"[\s/=]")


class TooMuchError(ValueError):
    """HTML of more elements, or deeper nested ones, than can be parsed in time and memory."""


@dataclass(slots=True)
class _Nesting:
    """How elements stand in each other, at most.

    Attributes:
        depth: how many are open at once.
        repeated: how many of these are opened anew in each paragraph.
        misplaced: how many things stand in tables that have no place for them.
    """

    depth: int = 0
    repeated: int = 0
    misplaced: int = 0


def check(source: str) -> None:
    """Refuse what takes more time or memory to parse than its length suggests.

    Raises:
        TooMuchError: it takes more, or perhaps does.
    """
    pieces = source.split("<")
    if _referred(source, pieces) > _MAX_REFERRED or any(map(_crowded, pieces)):
        raise TooMuchError
    opened = [name.lower() for name in _OPENS.findall(source)]
    # Within SVG and mathematics no element ends by itself.
    flat = _FLAT if {"svg", "math"}.isdisjoint(opened) else frozenset[str]()
    nesting = _Nesting(
        depth=sum(name not in flat for name in opened),
        repeated=sum(name in _REPEATED for name in opened),
        misplaced=len(pieces) if "table" in opened else 0,
    )
    if _bearable(nesting, len(opened), len(pieces), depth=_FEW, misplaced=_FEW):
        return
    nesting = _nesting(source, flat)
    if not _bearable(nesting, len(opened), len(pieces), depth=_MAX_DEPTH, misplaced=_MAX_MISPLACED):
        raise TooMuchError


def _bearable(nesting: _Nesting, opened: int, tags: int, *, depth: int, misplaced: int) -> bool:
    return (
        nesting.depth <= depth
        and nesting.misplaced <= misplaced
        and nesting.depth * tags <= _MAX_WALK
        and (1 + nesting.repeated) * opened <= _MAX_ELEMENTS
    )


def _referred(source: str, pieces: list[str]) -> int:
    """Return what it takes to write the references to characters in text."""
    total = (source.count("&") + source.count("\xa0")) * len(source)
    if total <= _MAX_REFERRED:
        return total
    return sum((piece.count("&") + piece.count("\xa0")) * len(piece) for piece in pieces)


def _crowded(piece: str) -> bool:
    """Whether a tag, with the text behind it, could have very many attributes."""
    if len(piece) <= _MAX_ATTRIBUTES or not piece[:1].isalpha():
        return False
    head = piece.partition(">")[0]
    # Only where nothing is quoted does a tag end with its first sign for it.
    tag = piece if '"' in head or "'" in head else head
    return len(_PARTED.findall(tag)) > _MAX_ATTRIBUTES


def _nesting(source: str, flat: frozenset[str]) -> _Nesting:
    """Match the tags to each other."""
    tags = [tag.lower() for tag in _TAG_OR_COMMENT.findall(source)]
    if len(tags) != len(_BEGINS.findall(source)):
        raise TooMuchError
    found = _Nesting(misplaced=len(_MISPLACED_TEXT.findall(source)))
    opened: list[str] = []
    repeated, tables, between = 0, 0, False
    for tag in tags:
        if tag in _BETWEEN_CELLS or tag in _CELLS:
            between = tag not in _CELLS and (tag != "/table" or tables > 1)
        elif between and tag and tag[0] != "/" and tag not in _PARTS:
            found.misplaced += 1
        if tag in flat:
            continue
        # A closing tag that does not match the innermost open element is ignored.
        if tag.startswith("/"):
            if opened and opened[-1] == tag[1:]:
                closed = opened.pop()
                repeated -= closed in _REPEATED
                tables -= closed == "table"
        elif tag and not (opened and opened[-1] in _ENDED_BY.get(tag, ())):
            opened.append(tag)
            repeated += tag in _REPEATED
            tables += tag == "table"
            found.depth = max(found.depth, len(opened))
            found.repeated = max(found.repeated, repeated)
            if found.depth > _MAX_DEPTH:
                break
    return found
