"""Style sheets and style attributes of static outputs, kept to the output that brought them.

A style sheet in an output styles the whole page, can lay a false dialog over it, and can call out
with `url()`. So each selector is put under a class of the output's own, names get a prefix that no
class or id of the page has, and of the declarations only those stay that colour and arrange.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import tinycss2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tinycss2.ast import Node

#: Before every class and id that comes from a session: no page's own rule or script looks for it.
PREFIX = "dynses-"

#: Classes that front ends style for their own tables and that do nothing else.
KEPT_CLASSES = frozenset({"dataframe"})

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
)
_PROPERTIES = frozenset(_FAMILIES.split())
_GROUPS = ("border-", "padding", "margin", "font", "text-")
#: Only an image's own coordinates can be transformed without leaving the output.
_DRAWING_ONLY = frozenset({"transform", "transform-origin", "mask", "filter", "clip-path"})
_REFUSED = frozenset({"text-shadow", "border-image", "border-image-source"})
#: An inline drawing is clipped to its box only as long as it does not say otherwise.
_PAGE_ONLY = frozenset({"overflow", "overflow-x", "overflow-y"})
_FUNCTION_NAMES = (
    "rgb rgba hsl hsla hwb lab lch oklab oklch color color-mix calc min max clamp var repeat minmax"
    " fit-content linear-gradient radial-gradient conic-gradient repeating-linear-gradient"
    " matrix translate scale rotate skewx skewy"
)
_FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
_NO_NEGATIVE = ("margin", "text-indent", "letter-spacing", "word-spacing")
_LOCAL_URL = re.compile(r"#[\w.:-]{1,200}")

# A styled table's sheet has a rule for the ids of all cells of one look. Where nothing is quoted or
# nested no parser is needed to tell where rules and selectors end.
_NEEDS_PARSER = re.compile(r"""[@"'\\]|/\*|<!|\{[^{}]*(?:\{|\Z)""")
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
_IDS = re.compile(r"\s*#[A-Za-z_][\w-]*(?:,\s*#[A-Za-z_][\w-]*)*\s*", re.ASCII)

#: Longer attributes are left out: what was judged is remembered, and would fill the memory.
MAX_ATTRIBUTE = 4_000

#: Larger sheets go into a frame, where the browser's own parser reads them.
MAX_SHEET = 400_000
_MAX_NESTING = 8


def _harmless_value(tokens: Sequence[Node], *, drawing: bool, depth: int = 0) -> bool:
    if depth > _MAX_NESTING:
        return False
    for token in tokens:
        kind = token.type
        if kind == "function":
            if token.lower_name not in _FUNCTIONS or not _harmless_value(
                token.arguments, drawing=drawing, depth=depth + 1
            ):
                return False
        elif kind == "() block":
            if not _harmless_value(token.content, drawing=drawing, depth=depth + 1):
                return False
        elif kind == "url":
            if not drawing or _LOCAL_URL.fullmatch(token.value) is None:
                return False
        elif kind in {"error", "at-keyword", "{} block", "[] block", "unicode-range"}:
            return False
    return True


def _negative(tokens: Iterable[Node]) -> bool:
    return any(
        token.type == "function" or (hasattr(token, "value") and _below_zero(token.value))
        for token in tokens
    )


def _below_zero(value: Any) -> bool:
    return isinstance(value, (int, float)) and value < 0


def _declared(node: Node, *, drawing: bool) -> str | None:
    """Return a declaration as text if it is one that an output may make."""
    if node.type != "declaration":
        return None
    name = node.lower_name
    if name in _REFUSED or name in (_PAGE_ONLY if drawing else _DRAWING_ONLY):
        return None
    if name not in _PROPERTIES and name != "border" and not name.startswith(_GROUPS):
        return None
    if name.startswith(_NO_NEGATIVE) and _negative(node.value):
        return None
    if not _harmless_value(node.value, drawing=drawing):
        return None
    return f"{name}:{_local(node.value).strip()}{' !important' if node.important else ''}"


def _local(tokens: Sequence[Node]) -> str:
    """Write a value, its references to ids of the same drawing prefixed like the ids themselves."""
    return "".join(
        f"url(#{PREFIX}{token.value[1:]})" if token.type == "url" else token.serialize()
        for token in tokens
    )


def _declarations(source: str | Sequence[Node], *, drawing: bool) -> str:
    nodes = tinycss2.parse_blocks_contents(source, skip_comments=True, skip_whitespace=True)
    kept = (_declared(node, drawing=drawing) for node in nodes)
    return _unbreakable(";".join(text for text in kept if text))


def _unbreakable(css: str) -> str:
    # `<` could end a style element; the escape means the same within strings and names.
    return css.replace("<", "\\3c ")


def style_attribute(source: str) -> str:
    """Return a `style` attribute with only what colours and arranges the output itself."""
    return _style(source, drawing=False) if len(source) <= MAX_ATTRIBUTE else ""


def drawing_style(source: str) -> str:
    """As `style_attribute`, for an element of an SVG drawing."""
    return _style(source, drawing=True) if len(source) <= MAX_ATTRIBUTE else ""


@lru_cache(maxsize=4096)
def _style(source: str, *, drawing: bool) -> str:
    return _declarations(source, drawing=drawing)


def class_attribute(value: str) -> str:
    """Return a `class` attribute whose names are the output's own."""
    return _classes(value) if len(value) <= MAX_ATTRIBUTE else ""


@lru_cache(maxsize=4096)
def _classes(value: str) -> str:
    return " ".join(name if name in KEPT_CLASSES else PREFIX + name for name in value.split()[:50])


def scope(source: str) -> str:
    """Return the class that stands for one output; equal outputs may share it."""
    return PREFIX + blake2b(source.encode("utf-8", "replace"), digest_size=6).hexdigest()


def sheet(source: str, within: str, *, drawing: bool = False) -> str:
    """Return a style sheet that reaches nothing outside the element of class `within`.

    Rules that cannot be kept so are left out, and every at-rule but `@media`.
    """
    if drawing or _NEEDS_PARSER.search(source):
        return _parsed(source, within, drawing=drawing)
    rules = (_rule(selectors, body, within) for selectors, body in _RULE.findall(source))
    return "\n".join(rule for rule in rules if rule)


def _rule(selectors: str, body: str, within: str) -> str:
    if _IDS.fullmatch(selectors) is None:
        return _parsed(f"{selectors}{{{body}}}", within, drawing=False)
    kept = style_attribute(body)
    return f"{selectors.strip().replace('#', f'.{within} #{PREFIX}')}{{{kept}}}" if kept else ""


def _parsed(source: str, within: str, *, drawing: bool) -> str:
    rules = tinycss2.parse_stylesheet(source, skip_comments=True, skip_whitespace=True)
    return _unbreakable("\n".join(_rules(rules, within, drawing=drawing)))


def _rules(nodes: Iterable[Node], within: str, *, drawing: bool, depth: int = 0) -> list[str]:
    written = []
    for node in nodes:
        if node.type == "qualified-rule":
            selectors = _selectors(node.prelude, within)
            body = _declarations(node.content, drawing=drawing)
            if selectors and body:
                written.append(f"{selectors}{{{body}}}")
        elif node.type == "at-rule" and node.lower_at_keyword == "media" and node.content:
            if depth > 1 or not _harmless_value(node.prelude, drawing=False):
                continue
            inner = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
            body = "\n".join(_rules(inner, within, drawing=drawing, depth=depth + 1))
            written.append(f"@media {tinycss2.serialize(node.prelude).strip()}{{{body}}}")
    return written


def _selectors(prelude: Sequence[Node], within: str) -> str:
    parts: list[list[Node]] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    scoped = (_selector(part) for part in parts)
    return ",".join(f".{within} {text}" for text in scoped if text)


def _selector(tokens: Sequence[Node]) -> str | None:
    """Return one selector with its names prefixed, None if it could reach outside its scope."""
    while tokens and tokens[0].type == "whitespace":
        tokens = tokens[1:]
    # A leading combinator would select the scope's siblings.
    if not tokens or (tokens[0].type == "literal" and tokens[0].value in "+~>|&"):
        return None
    written = []
    after_dot = False
    for token in tokens:
        if token.type in {"error", "{} block", "url", "at-keyword"}:
            return None
        if token.type == "literal" and token.value == "&":
            return None
        written.append(_named(token, after_dot=after_dot))
        after_dot = token.type == "literal" and token.value == "."
    return "".join(written).strip()


def _named(token: Node, *, after_dot: bool) -> str:
    if token.type == "hash":
        return f"#{PREFIX}{token.serialize()[1:]}"
    if token.type == "ident" and after_dot and token.value not in KEPT_CLASSES:
        return PREFIX + str(token.serialize())
    if token.type == "function":
        return f"{token.serialize().split('(', 1)[0]}({_argument(token.arguments)})"
    return str(token.serialize())


def _argument(tokens: Sequence[Node]) -> str:
    written, after_dot = [], False
    for token in tokens:
        written.append(_named(token, after_dot=after_dot))
        after_dot = token.type == "literal" and token.value == "."
    return "".join(written)
