"""Formulas: front ends typeset TeX wherever they find it, and some commands reach the page.

MathJax knows links, classes, ids and style attributes. JupyterLab sets it up so that it refuses the
worst; other front ends and exported notebooks do not.
"""

from __future__ import annotations

import re

_COMMANDS = (
    "href|url|style|class|cssId|data|require|includegraphics|mmlToken|htmlClass|htmlId|htmlStyle"
    "|htmlData|html@mathml|csname|tooltip|texttip|mathtip|toggle"
)
_REACHING = re.compile(rf"\\(?=(?:{_COMMANDS})(?![A-Za-z]))")
#: After the backslash it makes an unknown command of a known one; text looks as before.
_ZERO_WIDTH = "\u200c"


def harmless(text: str) -> str:
    r"""Return `text` with commands such as `\href` broken, so that no typesetter acts on them."""
    if "\\" not in text:
        return text
    return _REACHING.sub("\\\\" + _ZERO_WIDTH, text)
