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
#: Nobody who writes HTML needs a reference for a backslash.
_REFERRED = re.compile(r"&(?i:bsol|#0*92(?![0-9])|#x0*5c(?![0-9a-f]));?")
#: A command, letters of which are perhaps written as HTML's references to characters.
_COMMAND = re.compile(r"\\((?:[A-Za-z@]|&#[0-9A-Za-z]+;?|&commat;)+)")
#: After the backslash it makes an unknown command of a known one; text looks as before.
_ZERO_WIDTH = "\u200c"


def harmless(text: str) -> str:
    r"""Return `text` with commands such as `\href` broken, so that no typesetter acts on them."""
    if "&" in text:
        text = _REFERRED.sub(rf"\g<0>{_ZERO_WIDTH}", text)
    return _COMMAND.sub(_broken, text) if "\\" in text else text


def _broken(command: re.Match[str]) -> str:
    if _REACHING.match(html.unescape(command[1])) is None:
        return command[0]
    return f"\\{_ZERO_WIDTH}{command[1]}"
