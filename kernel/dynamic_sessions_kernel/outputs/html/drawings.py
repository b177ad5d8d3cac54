"""Drawings within static HTML: taken out before it is sanitised, and put back rebuilt.

HTML's sanitiser knows no SVG. So each drawing is read and written anew by the parser for drawings,
and an empty element holds its place meanwhile. Its name cannot be foreseen, and the sanitiser
writes it where the element stands alone: in attributes it writes quotation marks as references.
"""

from __future__ import annotations

import re
import secrets

from dynamic_sessions_kernel.outputs import prefixes, svg

_TAG = re.compile(r"<(/?)svg\b[^<>]*>", re.IGNORECASE)
#: A picture in an attribute, whose tags need no reference there.
_PICTURE = re.compile(r"=\s*(?:\"data:image/svg[^\"]*\"|'data:image/svg[^']*')", re.IGNORECASE)
#: Each takes a parser of its own.
_MAX_DRAWINGS = 5_000


def apart(source: str) -> tuple[str, dict[str, str]]:
    """Return HTML with an element in place of each drawing, and the rebuilt drawing for each.

    Raises:
        NotADrawingError: one of them does more than draw, or is not well-formed.
    """
    source = _PICTURE.sub(lambda found: found[0].replace("<", "%3C").replace(">", "%3E"), source)
    name, rest, after = secrets.token_hex(8), "", 0
    drawn: dict[str, str] = {}
    for begins, ends in _places(source):
        place = f"{name}-{len(drawn)}"
        rest += f'{source[after:begins]}<b id="{place}"></b>'
        drawn[f'<b id="{prefixes.PREFIX}{place}"></b>'] = _rebuilt(source[begins:ends])
        after = ends
    return rest + source[after:], drawn


def together(body: str, drawn: dict[str, str]) -> str:
    """Return sanitised HTML with its drawings put back."""
    for place, drawing in drawn.items():
        before, found, behind = body.partition(place)
        body = f"{before}{drawing}{behind}" if found else body
    return body


def _places(source: str) -> list[tuple[int, int]]:
    """Return where outermost drawings begin and end."""
    places: list[tuple[int, int]] = []
    depth, begins = 0, 0
    for tag in _TAG.finditer(source):
        if tag[1]:
            depth = max(depth - 1, 0)
            if depth == 0:
                places.append((begins, tag.end()))
        elif not tag[0].endswith("/>"):
            begins = begins if depth else tag.start()
            depth += 1
        if len(places) > _MAX_DRAWINGS:
            raise svg.NotADrawingError("there are too many of them")
    if depth:
        raise svg.NotADrawingError("it does not end")
    return places


def _rebuilt(source: str) -> str:
    # HTML knows this prefix without a declaration, XML does not.
    if "xlink:" in source and "xmlns:xlink" not in source:
        source = source.replace("<svg", '<svg xmlns:xlink="http://www.w3.org/1999/xlink"', 1)
    return svg.drawing(source)
