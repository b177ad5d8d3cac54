"""HTML outputs: what only shows is sanitised and stays in place, what acts goes into a frame.

The decision is about looks alone. Whatever is taken for static is sanitised, so a wrong guess loses
an effect and never lets one through.
"""

from __future__ import annotations

import html as escapes
import re
from dataclasses import dataclass

import nh3

from dynamic_sessions_kernel.outputs import latex, prefixes, svg
from dynamic_sessions_kernel.outputs.css import declarations, stylesheets
from dynamic_sessions_kernel.outputs.frames import iframe, nested

from . import drawings, fast_path, parse_cost, sanitizer

_ACTIVE_NAMES = (
    "script iframe frame frameset object embed applet form button select textarea link meta"
    " base svg canvas dialog template noscript portal fencedframe"
)
_ACTIVE_TAGS = frozenset(_ACTIVE_NAMES.split())
# No pattern looks for the end of a tag beyond the next `<`: of megabytes of tags that never end,
# each would else be read to the end of all.
_TAG = re.compile(r"<([A-Za-z][\w:-]*)")
_STYLE = re.compile(r"<style\b[^<>]*>(.*?)(?:</style\s*>|\Z)", re.IGNORECASE | re.DOTALL)
#: Scripts and styles alone: they prepare later outputs, and show nothing.
_SET_UP = re.compile(
    r"(?:\s++|<!--(?:(?!-->).)*+-->|<(script|style)\b[^<>]*+>(?:(?!</\1).)*+</\1\s*+>"
    r"|<link\b[^<>]*+>)*+",
    re.IGNORECASE | re.DOTALL,
)
_FRAME = re.compile(r"<iframe\b([^<>]{0,4000})>\s*(?:</iframe\s*>)?", re.IGNORECASE)
_ADDRESS = re.compile(r"\ssrc\s*=\s*([\"']?)(https?://[^\s\"'<>]+)\1(?=[\s>]|\Z)", re.IGNORECASE)
_REMOTE_IMAGE = re.compile(
    r"<img\b[^<>]*\ssrc\s*=(?!\s*+[\"']?+\s*+(?:data:|[\"'>]))", re.IGNORECASE
)
#: In sanitised HTML, whose attributes are quoted and hold no quote.
_WITHOUT_SOURCE = re.compile(r"<img\b(?![^<>]*\ssrc=\")")
#: Declarations are written without spaces, so that each begins behind one of these signs.
_LEAVING = re.compile(rf"[\";{{](?:{'|'.join(declarations.LEAVING)})")
_INPUT = re.compile(r"<input\b(?![^<>]*\stype\s*=\s*[\"']?checkbox[\"'\s/>])", re.IGNORECASE)


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
    sheet, unstyled = _apart(source)
    fits = len(sheet) <= stylesheets.MAX_SHEET_CHARS
    if fits and (body := fast_path.rewritten(unstyled)) is not None:
        return Shown(_styled(source, sheet, latex.inert(body)), False, False)
    linked = _FRAME.sub(_as_link, unstyled)
    if fits:
        try:
            body = _static(linked)
        except (parse_cost.TooMuchError, svg.NotADrawingError, _ActsError):
            pass  # the browser has limits of its own, and a frame keeps the harm
        else:
            # A comment or a title may hold what looks like an image.
            remote = lacks_image(body) and _REMOTE_IMAGE.search(linked) is not None
            return Shown(_styled(source, sheet, body), False, remote)
    return Shown(framed(_FRAME.sub(_as_link, source), plain=plain), True, False)


class _ActsError(ValueError):
    """HTML would lose what it does if it were sanitised."""


def _static(source: str) -> str:
    """Return the body of an output that only shows, sanitised.

    Raises:
        TooMuchError, NotADrawingError, _ActsError: it does not only show.
    """
    rest, drawn = drawings.apart(source)
    if _acts(rest):
        raise _ActsError
    return drawings.together(latex.inert(sanitizer.clean(rest)), drawn)


def _acts(source: str) -> bool:
    tags = {tag.lower() for tag in set(_TAG.findall(source))}
    return (
        not tags.isdisjoint(_ACTIVE_TAGS)
        or ("input" in tags and _INPUT.search(source) is not None)
        or sanitizer.handles(source)
    )


def framed(source: str, *, plain: str) -> str:
    """Return the frames for HTML that acts, with what to show where frames are dropped."""
    instead = _instead(source, plain)
    if inside := nested.contents(source):
        markup = [iframe.framed(one.html, instead="", height=one.height) for one in inside[1:]]
        first = iframe.framed(inside[0].html, instead=instead, height=inside[0].height)
        return "".join([first, *markup])
    return iframe.framed(source, instead=instead)


def sanitised(source: str, *, paths: bool = False) -> str:
    """Return `source` without anything that runs, loads, or reaches beyond its own place.

    Args:
        source: HTML of the session.
        paths: whether its links may lead to files beside the notebook.

    Raises:
        TooMuchError: to parse it would take too long, or too much memory.
    """
    sheet, unstyled = _apart(source)
    try:
        rest, drawn = drawings.apart(unstyled)
    except svg.NotADrawingError:
        rest, drawn = unstyled, {}
    body = latex.inert(sanitizer.clean(rest, paths=paths))
    return _styled(source, sheet, drawings.together(body, drawn))


def lacks_image(html: str) -> bool:
    """Whether an image was left out of sanitised HTML."""
    return _WITHOUT_SOURCE.search(html) is not None


def preformatted(text: str) -> str:
    """Return HTML that shows a text letter by letter."""
    return latex.inert(f"<pre>{escapes.escape(text, quote=False)}</pre>")


def _apart(source: str) -> tuple[str, str]:
    """Return the style sheets in HTML as one, and the rest of it."""
    pieces = _STYLE.split(source)
    return "\n".join(pieces[1::2]), "".join(pieces[::2])


def _styled(source: str, sheet: str, body: str) -> str:
    """Put the sheet of an output back before its sanitised body."""
    if not sheet:
        return _clipped(body)
    # IPython's highlighted code addresses its front end's element, which the inner one stands for.
    scope = prefixes.scope(source)
    return _clipped(
        f'<div class="{scope}"><style>{stylesheets.sheet(sheet, scope)}</style>'
        f'<div class="{prefixes.PREFIX}output_html">{body}</div></div>'
    )


def _clipped(html: str) -> str:
    """Put an output in a box that it cannot paint outside of, if its styles could."""
    if _LEAVING.search(html) is None:
        return html
    return f'<div style="contain:paint;width:fit-content;min-width:100%">{html}</div>'


def _instead(source: str, plain: str) -> str:
    try:
        static = sanitised(source) if len(source) <= stylesheets.MAX_SHEET_CHARS else ""
    except parse_cost.TooMuchError:
        static = ""
    if not _text_of(static).strip():
        if _SET_UP.fullmatch(source):
            return ""
        static = preformatted(plain) if plain else ""
    return f"{static}<p><em>The interactive part of this output shows after a run.</em></p>"


def _text_of(html: str) -> str:
    return html if "<img" in html else nh3.clean(html, tags=set())


def _as_link(frame: re.Match[str]) -> str:
    found = _ADDRESS.search(frame[1])
    if found is None:
        return frame[0]
    address = nh3.clean_text(found[2]).replace("&#47;", "/")
    return f'<p><a href="{address}">{address}</a> (a page of another site, not loaded here)</p>'
