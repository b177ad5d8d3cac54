"""What a style may declare, in an attribute or a sheet: what colours and arranges its own output.

Style that comes from a session could lay a false dialog over the page, or call out with `url()`. So
declarations are read by a parser and written anew: of the properties that are listed, from tokens
each of which needs no escape, with a space between any two. Nothing is carried over as text, since
what a comment or an escape held apart or together would mean something else on the way out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import tinycss2

from dynamic_sessions_kernel.outputs.cache import MAX_ATTRIBUTE_CHARS, remembered
from dynamic_sessions_kernel.outputs.prefixes import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tinycss2.ast import Node

_FAMILIES = (
    "background-color background-image background-size background-repeat background-position"
    " background border-collapse border-spacing caption-side empty-cells table-layout"
    " color opacity visibility display float clear vertical-align direction"
    " width height min-width max-width min-height max-height box-sizing overflow overflow-x"
    " overflow-y aspect-ratio columns column-count column-gap"
    " white-space word-break word-wrap overflow-wrap hyphens tab-size line-height letter-spacing"
    " word-spacing list-style list-style-type list-style-position cursor content"
    " flex flex-direction flex-wrap flex-grow flex-shrink flex-basis flex-flow gap row-gap"
    " justify-content align-items align-content align-self justify-items justify-self order"
    " grid-template-columns grid-template-rows grid-column grid-row grid-auto-flow"
    " quotes unicode-bidi writing-mode color-scheme print-color-adjust"
    # What SVG drawings use.
    " fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap"
    " stroke-linejoin stroke-miterlimit stroke-dasharray stroke-dashoffset clip-path clip-rule"
    " stop-color stop-opacity paint-order shape-rendering text-rendering image-rendering"
    " dominant-baseline alignment-baseline baseline-shift text-anchor vector-effect"
    " mask marker-start marker-mid marker-end filter transform transform-origin color-interpolation"
    " mix-blend-mode isolation"
    # What may leave its place, so that an output with them is clipped to its own box.
    " position top right bottom left inset z-index box-shadow outline outline-color outline-offset"
    " outline-style outline-width"
)
_PROPERTIES = frozenset(_FAMILIES.split())
_GROUPS = ("border-", "padding", "margin", "font", "text-")
#: On its root, a drawing may have none: they would move it out of its place.
DRAWING_ONLY = frozenset({"transform", "transform-origin", "mask", "filter", "clip-path"})
_TRANSFORMS = frozenset({"transform", "transform-origin"})
#: What begins with these is not kept to its output by itself, but by the box around it.
LEAVING = ("position:", "transform:", "box-shadow:", "outline")
#: Never `fixed`, which an output's box holds too, but means the page.
_POSITIONS = frozenset({"static", "relative", "absolute", "sticky"})
_REFUSED = frozenset({"text-shadow", "border-image", "border-image-source"})
#: An inline drawing is clipped to its box only as long as it does not say otherwise.
_PAGE_NAMES = (
    "overflow overflow-x overflow-y position top right bottom left inset z-index box-shadow outline"
    " outline-color outline-offset outline-style outline-width"
)
_PAGE_ONLY = frozenset(_PAGE_NAMES.split())
_FUNCTION_NAMES = (
    "rgb rgba hsl hsla hwb lab lch oklab oklch color color-mix calc min max clamp var repeat minmax"
    " fit-content linear-gradient radial-gradient conic-gradient repeating-linear-gradient"
    " matrix translate scale rotate skewx skewy"
)
_FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
_NO_NEGATIVE = ("margin", "text-indent", "letter-spacing", "word-spacing")

_MAX_NESTING = 8
_MAX_STRING_CHARS = 1_000

_PROPERTY = re.compile(r"[a-z-]{1,40}")
_CUSTOM = re.compile(r"--[A-Za-z][\w-]{0,80}", re.ASCII)
_IDENTIFIER = re.compile(r"-{0,2}[^\W\d][\w-]{0,80}")
_NUMBER = re.compile(r"[-+]?[0-9.]{1,24}(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)
_UNIT = re.compile(r"[A-Za-z]{1,8}")
_COLOUR = re.compile(r"[0-9a-fA-F]{3,8}")
_REFERENCE = re.compile(r"#[\w.:-]{1,200}", re.ASCII)
_IN_A_STRING = re.compile(r"[^\w .,:;!?()%#/+*=-]")


class RefusedError(ValueError):
    """Something that an output may not have, or that cannot be written without an escape."""


def style_attribute(source: str, *, drawing: bool = False) -> str:
    """Return a `style` attribute with only what colours and arranges the output itself.

    Args:
        source: the attribute as it came.
        drawing: whether it is an element's of an SVG drawing.
    """
    return "" if len(source) > MAX_ATTRIBUTE_CHARS else declarations(source, drawing=drawing)


@remembered
def declarations(source: str, *, drawing: bool = False) -> str:
    """Return the text of a rule's or an attribute's declarations with only the harmless ones."""
    return declared(parsed(tinycss2.parse_blocks_contents, source), drawing=drawing)


def parsed(parse: Callable[[str], list[Node]], source: str) -> list[Node]:
    """Parse CSS; what the parser cannot bear, such as a number of 5000 digits, is nothing."""
    try:
        return parse(source)
    except (ValueError, RecursionError):
        return []


def declared(nodes: Iterable[Node], *, drawing: bool) -> str:
    """Return the text of the declarations among some nodes that an output may make."""
    written = []
    for node in nodes:
        if node.type == "declaration":
            try:
                written.append(_declaration(node, drawing=drawing))
            except (RefusedError, RecursionError):
                continue
    return ";".join(written)


def _declaration(node: Node, *, drawing: bool) -> str:
    name = str(node.name if node.name.startswith("--") else node.lower_name)
    if not _declarable(name, drawing=drawing):
        raise RefusedError(name)
    if name.startswith(_NO_NEGATIVE) and any(map(_perhaps_negative, node.value)):
        raise RefusedError(name)
    if name == "position" and not _stays(node.value):
        raise RefusedError(name)
    value = _value(node.value, drawing=drawing)
    if not value:
        raise RefusedError(name)
    return f"{name}:{value}{' !important' if node.important else ''}"


def _declarable(name: str, *, drawing: bool) -> bool:
    if name.startswith("--"):
        # Its value is written from the same words, and refers to the output's own alone.
        return not drawing and _CUSTOM.fullmatch(name) is not None
    if name in _REFUSED or name in (_PAGE_ONLY if drawing else DRAWING_ONLY - _TRANSFORMS):
        return False
    known = name in _PROPERTIES or name == "border" or name.startswith(_GROUPS)
    return known and _PROPERTY.fullmatch(name) is not None


def _stays(value: Iterable[Node]) -> bool:
    words = [token for token in value if token.type not in {"whitespace", "comment"}]
    return len(words) == 1 and getattr(words[0], "lower_value", "") in _POSITIONS


def _perhaps_negative(token: Node) -> bool:
    value = getattr(token, "value", None)
    return token.type == "function" or (isinstance(value, (int, float)) and value < 0)


def _value(tokens: Iterable[Node], *, drawing: bool, depth: int = 0) -> str:
    """Write a value, or the arguments of a function in it."""
    pieces: list[str] = []
    for token in tokens:
        if token.type in {"whitespace", "comment"}:
            continue
        piece = _piece(token, drawing=drawing, depth=depth)
        if piece == "," and pieces:
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return " ".join(pieces)


def _piece(token: Node, *, drawing: bool, depth: int) -> str:
    if depth > _MAX_NESTING:
        raise RefusedError("nested too deep")
    kind = token.type
    if kind == "function" and token.lower_name in _FUNCTIONS:
        return f"{token.lower_name}({_value(token.arguments, drawing=drawing, depth=depth + 1)})"
    if kind == "() block" and depth:
        return f"({_value(token.content, drawing=drawing, depth=depth + 1)})"
    if kind == "literal" and token.value in (",/+-*" if depth else ",/"):
        return str(token.value)
    if kind == "url" and drawing and _REFERENCE.fullmatch(token.value):
        # References to parts of the same drawing, prefixed like the ids themselves.
        return f"url(#{PREFIX}{token.value[1:]})"
    if kind in {"ident", "number", "percentage", "dimension", "hash", "string"}:
        return word(token)
    raise RefusedError(kind)


def word(token: Node) -> str:
    """Return the text of a token that is a word, a number or a string.

    Raises:
        RefusedError: it would need an escape.
    """
    kind = token.type
    if kind == "string":
        return _string(token.value)
    if kind == "ident":
        return matching(_IDENTIFIER, token.value)
    if kind == "hash":
        return f"#{matching(_COLOUR, token.value)}"
    number = matching(_NUMBER, token.representation)
    if kind == "dimension":
        return number + matching(_UNIT, token.unit)
    return f"{number}%" if kind == "percentage" else number


def matching(pattern: re.Pattern[str], text: str) -> str:
    """Return text that matches a pattern whole.

    Raises:
        RefusedError: it does not.
    """
    if pattern.fullmatch(text) is None:
        raise RefusedError(text[:40])
    return text


def _string(value: str) -> str:
    if len(value) > _MAX_STRING_CHARS:
        raise RefusedError("a long string")
    return '"' + _IN_A_STRING.sub(_escaped, value) + '"'


def _escaped(found: re.Match[str]) -> str:
    # A numbered escape ends with its space, and means that one character and nothing else.
    return f"\\{ord(found[0]):x} "
