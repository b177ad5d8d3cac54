"""Selectors of a session's style sheets, scoped to the output that defines them.

A selector is put under a class of the output's own, and its names get the prefix that the names of
the output get. As in `declarations`, a parser reads it, and it is written anew from words that need
no escape.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import tinycss2

from dynamic_sessions_kernel.outputs.prefixes import KEPT_CLASSES, PREFIX

from .declarations import RefusedError, matching, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinycss2.ast import Node

_NAME = re.compile(r"[\w-]{1,200}")
_PSEUDO = re.compile(r"[a-z-]{1,40}")
_COUNTED = re.compile(r" *(?:odd|even|[-+]?[0-9n]{1,10}(?: *[-+] *[0-9]{1,9})?) *")
_OF_SELECTORS = frozenset({"not", "is", "where", "has"})
_OF_NUMBERS = frozenset({"nth-child", "nth-last-child", "nth-of-type", "nth-last-of-type"})
_COMBINING = ">+~"
_MAX_NESTING = 4


def scoped(prelude: Sequence[Node], within: str) -> str:
    """Return the selectors of a rule that select in an element of class `within`, "" if none."""
    parts: list[list[Node]] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    written = (_scoped(part) for part in parts)
    return ",".join(f".{within} {text}" for text in written if text)


def _scoped(tokens: Sequence[Node]) -> str:
    try:
        text = _selector(tokens, 0)
    except (RefusedError, RecursionError):
        return ""
    if text == ":root":
        return "> *"  # the element around the output, which hands down what it has
    # A combinator at the beginning would select the scope's siblings.
    return "" if text[:1] in _COMBINING else text


def _selector(tokens: Sequence[Node], depth: int) -> str:
    if depth > _MAX_NESTING:
        raise RefusedError("nested too deep")
    written: list[str] = []
    before = ""
    for token in tokens:
        piece = _piece(token, before, depth)
        written.append(piece)
        before = piece
    return "".join(written).strip(" ")


def _piece(token: Node, before: str, depth: int) -> str:
    """Write a part of a selector; `before` is what was written before it."""
    kind = token.type
    if kind == "whitespace":
        return " "
    if kind == "hash":
        return f"#{PREFIX}{matching(_NAME, token.value)}"
    if kind == "literal" and token.value in (".:*,>+~" if depth else ".:*>+~"):
        return str(token.value)
    if kind == "[] block":
        return f"[{_attribute(token.content)}]"
    if kind == "ident":
        return _named(word(token), before)
    if kind == "function" and before == ":":
        return _function(token, depth)
    raise RefusedError(kind)


def _named(name: str, before: str) -> str:
    if before == ":":
        return matching(_PSEUDO, name)
    return PREFIX + name if before == "." and name not in KEPT_CLASSES else name


def _function(token: Node, depth: int) -> str:
    name = token.lower_name
    if name in _OF_SELECTORS:
        return f"{name}({_selector(token.arguments, depth + 1)})"
    if name in _OF_NUMBERS:
        return f"{name}({matching(_COUNTED, _counted(token))})"
    raise RefusedError(name)


def _counted(function: Node) -> str:
    # Between `2n` and `+1`, two numbers to a parser, it writes a comment.
    return str(tinycss2.serialize(function.arguments)).replace("/**/", "")


def _attribute(tokens: Sequence[Node]) -> str:
    written = []
    for token in tokens:
        if token.type == "literal" and token.value in "=~|^$*":
            written.append(str(token.value))
        elif token.type in {"ident", "string"}:
            written.append(word(token))
        elif token.type != "whitespace":
            raise RefusedError(token.type)
    return "".join(written)
