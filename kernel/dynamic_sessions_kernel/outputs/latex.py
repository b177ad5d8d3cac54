r"""Formulas: front ends typeset TeX wherever they find it, and some commands reach the page.

MathJax knows links, classes, ids and style attributes. JupyterLab sets it up so that it refuses the
worst; other front ends and exported notebooks do not. No character is added or taken away, since
people copy text out of outputs: in HTML an empty element parts such a command from its backslash,
and typesetters read no formula across an element; where there are no elements, the text passes
as preformatted HTML instead.
"""

from __future__ import annotations

import re

_COMMANDS = (
    "href|url|style|class|cssId|data|includegraphics|mmlToken|htmlClass|htmlId|htmlStyle"
    "|htmlData|html@mathml|csname|tooltip|texttip|mathtip|toggle|bbox|fcolorbox"
    # These may load the extensions that only draw, and take no attributes.
    r"|require(?!\{(?:ams\w{0,8}|boldsymbol|braket|cancel|color|enclose|mhchem|physics)\})"
    r"|enclose(?![ \t]{0,8}\{[\w ]{0,80}\}[ \t]{0,8}\{)"
)
#: A backslash before such a command, or before letters that are perhaps references to characters,
#: or a reference to a backslash, which nobody who writes HTML needs.
_REACHING = re.compile(
    rf"\\(?=(?:{_COMMANDS})(?![A-Za-z])|[A-Za-z@]{{0,16}}&(?:\#|commat))"
    r"|&(?i:bsol|\#0*92(?![0-9])|\#x0*5c(?![0-9a-f]));?"
)
#: A search lets no other thread run, so a long text is looked at in windows, each with what a
#: command that begins at its end is at most. References with more zeros than anybody writes act.
_WINDOW_CHARS = 256 * 1024
_LONGEST_CHARS = 512
_MANY_ZEROS = re.compile(r"&\#[xX]?0{200}")
#: What begins a formula in text, perhaps as a reference to a character.
_BEGINNING = re.compile(r"\$|\\[(\[]|\\begin|&(?:dollar|bsol|lpar|lsqb|lbrack|num|#)")
#: A tag, whose attributes are no text, or what begins a command.
_TAG_OR_REACHING = re.compile(rf'(<[^<>"]*(?:"[^"]*"[^<>"]*)*>)|{_REACHING.pattern}')


def acts(text: str) -> bool:
    r"""Whether a typesetter that reads `text` would follow commands such as `\href`."""
    if _MANY_ZEROS.search(text) is not None:
        return True
    for start in range(0, len(text), _WINDOW_CHARS):
        end = start + _WINDOW_CHARS
        # What begins behind the window's end is the next one's, which sees all of it.
        found = _REACHING.search(text, start, end + _LONGEST_CHARS)
        if found is not None and found.start() < end:
            return True
    return False


def inert(markup: str, parting: str = "<span></span>") -> str:
    r"""Return markup in which no typesetter finds commands such as `\href`; its text is the same.

    Args:
        markup: HTML or SVG as a parser writes it: attributes in double quotes, each `<` a tag's.
        parting: an empty element that may stand anywhere in its text.
    """
    if not acts(markup) or _BEGINNING.search(markup) is None:
        return markup
    return _TAG_OR_REACHING.sub(lambda found: found[0] if found[1] else found[0] + parting, markup)
