"""Markdown without HTML, remote images and links that run.

Front ends read Markdown each with a parser of its own, so nothing here relies on knowing where
code ends and text begins: what could start HTML, an image or a link is broken by a character of no
width, which looks the same in text and in code alike.
"""

from __future__ import annotations

import re

from . import latex

_ZERO_WIDTH = "\u200b"

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_INLINE_IMAGE = r"\[[^\[\]\n]*\]\(data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+\)"
_IMAGE = re.compile(rf"!(?=\[)(?!{_INLINE_IMAGE})")
_SAFE_TARGET = r"\s*<?(?:https?://|mailto:|\#|data:image/(?:png|jpeg|gif|webp);base64,)"
_LINK = re.compile(rf"\](?=\()(?!\({_SAFE_TARGET})", re.IGNORECASE)
_DEFINITION = re.compile(
    r"^(?P<label>[ \t>*+\-.)\d]*\[(?:[^\[\]\\]|\\.)+\])(?=:)"
    rf"(?!:{_SAFE_TARGET})",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
#: A fence of this language is a diagram, laid out by a library in the page itself.
_DIAGRAM = re.compile(r"(?<![`~])(?P<fence>[`~]{3,}(?:[^\S\n]|\ufeff)*)(?=mermaid)", re.IGNORECASE)


def harmless(text: str) -> str:
    """Return `text` such that rendering it loads nothing and runs nothing."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _TAG.sub("<" + _ZERO_WIDTH, text)
    text = _IMAGE.sub("!" + _ZERO_WIDTH, text)
    text = _LINK.sub("]" + _ZERO_WIDTH, text)
    text = _DEFINITION.sub(rf"\g<label>{_ZERO_WIDTH}", text)
    text = _DIAGRAM.sub(rf"\g<fence>{_ZERO_WIDTH}", text)
    return latex.harmless(text)
