"""What it costs to parse HTML, estimated before it is parsed.

Parsing is quadratic for some inputs: deep nesting, unclosed tags, content that a table has no place
for, attributes and references by the thousand. So 100 KB can take minutes, or gigabytes. A few of
these cost nothing. Where there are many, this module matches the tags to each other, and counts
what it cannot match against the output.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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
#: What a parser keeps for an element with a short text in it, and for a `<` that begins no tag.
_ELEMENT_BYTES = 350
_LONE_BYTES = 60
#: What parsing may take: this much in any case, which a table of 30,000 cells needs, and beyond it
#: so much for each character.
_ALWAYS_BYTES = 32 * 1024**2
_BYTES_A_CHAR = 10
#: Elements that an ending tag is compared with, all together.
_MAX_WALK = 200_000_000
#: Things in a table that it has no place for; each is put before it by a search.
_MAX_MISPLACED = 2_000
_MAX_ATTRIBUTES = 20_000
#: References to characters, times the length of the text that they stand in.
_MAX_REFERRED = 20_000_000_000

#: Names of elements in one output; with more, keeping them costs more than its length.
_MAX_NAMES = 5_000
_SLICE_CHARS = 100_000

_OPENS = re.compile(r"<([A-Za-z][^\s/>]{0,40})")
_LONG_TAG = re.compile(rf"<[A-Za-z][^<]{{{_MAX_ATTRIBUTES},}}")
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
    if _referred(source) > _MAX_REFERRED or any(map(_crowded, _LONG_TAG.finditer(source))):
        raise TooMuchError
    opened, tags = _opened(source), source.count("<") + 1
    # Within SVG and mathematics no element ends by itself.
    flat = _FLAT if {"svg", "math"}.isdisjoint(opened) else frozenset[str]()
    nesting = _Nesting(
        depth=sum(times for name, times in opened.items() if name not in flat),
        repeated=sum(times for name, times in opened.items() if name in _REPEATED),
        misplaced=tags if "table" in opened else 0,
    )
    total = opened.total()
    if _kept_bytes(source, total) > max(_ALWAYS_BYTES, _BYTES_A_CHAR * len(source)):
        raise TooMuchError
    if _bearable(nesting, total, tags, depth=_FEW, misplaced=_FEW):
        return
    nesting = _nesting(source, flat)
    if not _bearable(nesting, total, tags, depth=_MAX_DEPTH, misplaced=_MAX_MISPLACED):
        raise TooMuchError


def _slices(source: str) -> Iterator[str]:
    """Return the source in slices that begin with a tag: each is a list of tags for a while."""
    start = 0
    while start < len(source):
        end = source.find("<", start + _SLICE_CHARS)
        end = end if end >= 0 else len(source)
        yield source[start:end]
        start = end


def _opened(source: str) -> Counter[str]:
    """Count the elements that begin, by name."""
    found: Counter[str] = Counter()
    for part in _slices(source):
        found.update(_OPENS.findall(part))
        if len(found) > _MAX_NAMES:
            raise TooMuchError
    opened: Counter[str] = Counter()
    for name, times in found.items():
        opened[name.lower()] += times
    return opened


def _bearable(nesting: _Nesting, opened: int, tags: int, *, depth: int, misplaced: int) -> bool:
    return (
        nesting.depth <= depth
        and nesting.misplaced <= misplaced
        and nesting.depth * tags <= _MAX_WALK
        and (1 + nesting.repeated) * opened <= _MAX_ELEMENTS
    )


def _kept_bytes(source: str, opened: int) -> int:
    """Return what a parser keeps in memory, of what is short in HTML and long there."""
    lone = source.count("<") - opened - source.count("</") - source.count("<!")
    return opened * _ELEMENT_BYTES + max(lone, 0) * _LONE_BYTES


def _referred(source: str) -> int:
    """Return what it takes to write the references to characters in text."""
    total = (source.count("&") + source.count("\xa0")) * len(source)
    if total <= _MAX_REFERRED:
        return total
    texts = (text for part in _slices(source) for text in part.split("<"))
    return sum((text.count("&") + text.count("\xa0")) * len(text) for text in texts)


def _crowded(tag_and_text: re.Match[str]) -> bool:
    """Whether a tag, with the text behind it, could have very many attributes."""
    piece = tag_and_text[0]
    head = piece.partition(">")[0]
    # Only where nothing is quoted does a tag end with its first sign for it.
    tag = piece if '"' in head or "'" in head else head
    return sum(1 for _ in _PARTED.finditer(tag)) > _MAX_ATTRIBUTES


def _nesting(source: str, flat: frozenset[str]) -> _Nesting:
    """Match the tags to each other."""
    found = _Nesting()
    opened: list[str] = []
    repeated, tables, between = 0, 0, False
    for tag in _tags(source, found):
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


def _tags(source: str, found: _Nesting) -> Iterator[str]:
    """Return the names of tags, in lower case; count what stands misplaced beside them.

    Raises:
        TooMuchError: something else begins like a tag.
    """
    for part in _slices(source):
        tags = _TAG_OR_COMMENT.findall(part)
        if len(tags) != len(_BEGINS.findall(part)):
            raise TooMuchError
        found.misplaced += len(_MISPLACED_TEXT.findall(part))
        yield from map(str.lower, tags)
