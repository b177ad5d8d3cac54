"""Markdown passes as it came where it only shows, and as sanitised HTML where it could do more.

Front ends read Markdown each with a parser of its own, so nothing here relies on knowing where
code ends and text begins. If nothing in a text could start HTML, a remote image, a link that runs
or a diagram, wherever that stands, each front end may render the text itself. Any other text is
rendered here, once, and sanitised like HTML. So no character is added to what people copy.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from . import latex
from .html import output, parse_cost

if TYPE_CHECKING:
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

#: Longer texts that may not pass as they are stay unrendered: the parser can take 500 times a text
#: in memory, and 30 s for each MB.
_MAX_RENDERED_CHARS = 50_000

_SAFE_TARGET = r"\s*<?(?:https?://|mailto:|\#|data:image/(?:png|jpeg|gif|webp);base64,)"
_INLINE_IMAGE = r"\[[^\[\]\n]*\]\(data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+\)"
#: Each may be read from any place in a text, so none keeps state or looks far beyond its place.
_DOES_MORE = re.compile(
    r"<[A-Za-z/!?]"
    rf"|!(?=\[)(?!{_INLINE_IMAGE})"
    rf"|\]\((?!{_SAFE_TARGET})"
    rf"|\]:(?!{_SAFE_TARGET})",
    re.IGNORECASE,
)


def passes(text: str) -> bool:
    """Whether a front end's own renderer neither loads nor runs anything for `text`."""
    return not (_DOES_MORE.search(text) or _has_diagram(text) or latex.acts(text))


def _has_diagram(text: str) -> bool:
    """Whether a fence of it may be a diagram, which a library lays out in the page itself."""
    return "mermaid" in text.lower() and any(
        "mermaid" in line and ("```" in line or "~~~" in line) for line in text.lower().split("\n")
    )


def rendered(text: str) -> str:
    """Return the sanitised HTML of a Markdown text; its formulas stay for the front end."""
    if len(text) > _MAX_RENDERED_CHARS:
        return output.preformatted(text)
    try:
        return output.sanitised(_MARKDOWN.render(text), paths=True)
    except parse_cost.TooMuchError:
        return output.preformatted(text)


def _formula(state: StateInline, silent: bool) -> bool:
    """Take a formula as text, so that nothing in it means anything to Markdown."""
    begins = state.pos
    if state.src[begins] != "$":
        return False
    sign = "$$" if state.src.startswith("$$", begins) else "$"
    ends = state.src.find(sign, begins + len(sign), state.posMax)
    if ends < 0:
        return False
    state.pos = ends + len(sign)
    if not silent:
        state.push("text", "", 0).content = state.src[begins : state.pos]
    return True


def _displayed_formula(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Take a formula of several lines as one paragraph, whatever its lines begin with."""
    begins = state.bMarks[first] + state.tShift[first]
    if not state.src.startswith("$$", begins):
        return False
    ends = state.src.find("$$", begins + 2, state.eMarks[last - 1])
    if ends < 0:
        return False
    if silent:
        return True
    line = first
    while state.eMarks[line] < ends:
        line += 1
    state.line = line + 1
    state.push("paragraph_open", "p", 1)
    inline = state.push("inline", "", 0)
    inline.content = state.src[begins : state.eMarks[line]]
    inline.map = [first, state.line]
    inline.children = []
    state.push("paragraph_close", "p", -1)
    return True


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.inline.ruler.before("escape", "formula", _formula)
    parser.block.ruler.before("fence", "formula", _displayed_formula, {"alt": ["paragraph"]})
    return parser


_MARKDOWN = _parser()
