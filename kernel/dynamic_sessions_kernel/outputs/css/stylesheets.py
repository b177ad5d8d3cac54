"""Style sheets of static outputs, scoped to the output that defines them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import tinycss2

from dynamic_sessions_kernel.outputs.prefixes import PREFIX

from . import declarations, selectors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tinycss2.ast import Node

#: Larger sheets go into a frame, where the browser's own parser reads them.
MAX_SHEET_CHARS = 400_000

_MAX_NESTING = 2
_MEDIA = re.compile(r"[\w\s():,.-]{1,200}")

# A styled table's sheet has a rule for the ids of all cells of one look. Where nothing is quoted,
# commented or nested no parser is needed to see where rules and selectors end.
_NEEDS_PARSER = re.compile(r"""[@"'\\]|/\*|<!|\{[^{}]*(?:\{|\Z)""")
_IDS = re.compile(r"\s*#[A-Za-z_][\w-]*(?:,\s*#[A-Za-z_][\w-]*)*\s*", re.ASCII)


def sheet(source: str, within: str, *, drawing: bool = False) -> str:
    """Return a style sheet that reaches nothing outside the element of class `within`.

    Rules that cannot be kept so are left out, and every at-rule but `@media`.

    Args:
        source: the sheet as it came.
        within: the class.
        drawing: whether it styles an SVG drawing, which may refer to its own parts.
    """
    if drawing or _NEEDS_PARSER.search(source):
        return _parsed(source, within, drawing=drawing)
    rules = (_rule(*rule.partition("{")[::2], within) for rule in source.split("}"))
    return "\n".join(rule for rule in rules if rule)


def _rule(selector: str, body: str, within: str) -> str:
    if _IDS.fullmatch(selector) is None:
        return _parsed(f"{selector}{{{body}}}", within, drawing=False)
    kept = declarations.declarations(body)
    return f"{selector.strip().replace('#', f'.{within} #{PREFIX}')}{{{kept}}}" if kept else ""


def _parsed(source: str, within: str, *, drawing: bool) -> str:
    nodes = declarations.parsed(tinycss2.parse_stylesheet, source)
    return "\n".join(_rules(nodes, within, drawing=drawing, depth=0))


def _rules(nodes: Iterable[Node], within: str, *, drawing: bool, depth: int) -> list[str]:
    written = []
    for node in nodes:
        if node.type == "qualified-rule":
            selected = selectors.scoped(node.prelude, within)
            contents = tinycss2.parse_blocks_contents(node.content)
            body = declarations.declared(contents, drawing=drawing)
            if selected and body:
                written.append(f"{selected}{{{body}}}")
        elif node.type == "at-rule" and node.lower_at_keyword == "media" and node.content:
            prelude = tinycss2.serialize(node.prelude)
            if depth < _MAX_NESTING and _MEDIA.fullmatch(prelude):
                inner = tinycss2.parse_rule_list(node.content)
                rules = _rules(inner, within, drawing=drawing, depth=depth + 1)
                written.append(f"@media {prelude.strip()}{{{''.join(rules)}}}")
    return written
