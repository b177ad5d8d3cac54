"""HTML outputs: what only shows is sanitised and stays in place, what acts goes into a frame.

The decision is about looks alone. Whatever is taken for static is sanitised, so a wrong guess loses
an effect and never lets one through.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import nh3

from dynamic_sessions_kernel.outputs import cleaner, css, frame, glance, tex

_ACTIVE_NAMES = (
    "script iframe frame frameset object embed applet form input button select textarea link meta"
    " base svg math canvas dialog template noscript portal fencedframe"
)
_ACTIVE_TAGS = frozenset(_ACTIVE_NAMES.split())
_TAG = re.compile(r"<([A-Za-z][\w:-]*)")
_HANDLER = re.compile(r"[\s\"'/]on[a-z]{3,}\s*=", re.IGNORECASE)
_HANDLER_IN_TAG = re.compile(r"<[^<>]*[\s\"'/]on[a-z]{3,}\s*=", re.IGNORECASE)
_STYLE = re.compile(r"<style\b[^>]*>(.*?)(?:</style\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_REMOTE_FRAME = re.compile(
    r"<iframe\b[^>]*?\ssrc\s*=\s*([\"']?)(https?://[^\s\"'<>]+)\1[^>]*>\s*(?:</iframe\s*>)?",
    re.IGNORECASE,
)

#: Above this an output is neither parsed nor framed.
MAX_HTML = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shown:
    """How an HTML output is shown.

    Attributes:
        html: what goes to the front end.
        framed: whether it runs in frames.
        remote: whether remote images were left out of it.
    """

    html: str
    framed: bool
    remote: bool


def shown(source: str, *, plain: str = "") -> Shown:
    """Return how to show an HTML output of the session.

    Args:
        source: the output as it came.
        plain: its `text/plain`, shown instead where frames are dropped and nothing static is left.
    """
    sheets, unstyled = _apart(source)
    fits = sum(map(len, sheets)) <= css.MAX_SHEET
    if fits and (body := glance.rewritten(unstyled)) is not None:
        return Shown(_styled(source, sheets, body), False, False)
    source = _REMOTE_FRAME.sub(_as_link, source)
    if not fits or _acts(source):
        return Shown(framed(source, plain=plain), True, False)
    remote = "<img" in source.lower() and _loads_remotely(source)
    return Shown(sanitised(source), False, remote)


def _acts(source: str) -> bool:
    names = {name.lower() for name in set(_TAG.findall(source))}
    if names & _ACTIVE_TAGS:
        return True
    # The first search is much the faster, and nearly always enough.
    return bool(_HANDLER.search(source) and _HANDLER_IN_TAG.search(source))


def framed(source: str, *, plain: str) -> str:
    """Return the frames for HTML that acts, with what to show where frames are dropped."""
    return frame.framed(source, instead=_instead(source, plain))


def sanitised(source: str) -> str:
    """Return `source` without anything that runs, loads, or reaches beyond its own place."""
    sheets, unstyled = _apart(source)
    return _styled(source, sheets, cleaner.clean(unstyled))


def _apart(source: str) -> tuple[list[str], str]:
    """Return the style sheets in HTML, and the rest of it."""
    pieces = _STYLE.split(source)
    return pieces[1::2], "".join(pieces[::2])


def _styled(source: str, sheets: list[str], body: str) -> str:
    """Put the sheets of an output back before its sanitised body."""
    body = tex.harmless(body)
    if not sheets:
        return body
    # IPython's highlighted code addresses its front end's element, which the inner one stands for.
    scope = css.scope(source)
    sheet = css.sheet("\n".join(sheets), scope)
    return (
        f'<div class="{scope}"><style>{sheet}</style>'
        f'<div class="{css.PREFIX}output_html">{body}</div></div>'
    )


def _instead(source: str, plain: str) -> str:
    static = sanitised(source) if len(source) <= css.MAX_SHEET else ""
    if not _text_of(static).strip():
        static = f"<pre>{nh3.clean_text(plain)}</pre>" if plain else ""
    return f"{static}<p><em>The interactive part of this output shows after a run.</em></p>"


def _text_of(html: str) -> str:
    return html if "<img" in html else nh3.clean(html, tags=set())


def _as_link(match: re.Match[str]) -> str:
    address = nh3.clean_text(match[2]).replace("&#47;", "/")
    return f'<p><a href="{address}">{address}</a> (a page of another site, not loaded here)</p>'


def _loads_remotely(source: str) -> bool:
    return re.search(r"<img\b[^>]*\ssrc\s*=\s*[\"']?(?!data:)", source, re.IGNORECASE) is not None
