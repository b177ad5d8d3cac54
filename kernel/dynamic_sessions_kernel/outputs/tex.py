"""Formulas: front ends typeset TeX wherever they find it, and some commands reach the page.

MathJax knows links, classes, ids and style attributes. JupyterLab sets it up so that it refuses the
worst; other front ends and exported notebooks do not.
"""

from __future__ import annotations

import html
import re

_COMMANDS = (
    "href|url|style|class|cssId|data|require|includegraphics|mmlToken|htmlClass|htmlId|htmlStyle"
    "|htmlData|html@mathml|csname|tooltip|texttip|mathtip|toggle|bbox|fcolorbox|enclose"
)
_REACHING = re.compile(rf"(?:{_COMMANDS})(?![A-Za-z])")
#: A command, its backslash and its letters perhaps written as HTML's references to characters.
_COMMAND = re.compile(r"(\\|&(?i:bsol|#0*92|#x0*5c);?)((?:[A-Za-z@]|&#?\w{1,12};?){1,30})")
#: After the backslash it makes an unknown command of a known one; text looks as before.
_ZERO_WIDTH = "\u200c"


def harmless(text: str) -> str:
    r"""Return `text` with commands such as `\href` broken, so that no typesetter acts on them."""
    if "\\" not in text and "&" not in text:
        return text
    return _COMMAND.sub(_broken, text)


def _broken(command: re.Match[str]) -> str:
    if _REACHING.match(html.unescape(command[2])) is None:
        return command[0]
    return f"{command[1]}{_ZERO_WIDTH}{command[2]}"
