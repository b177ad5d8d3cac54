"""HTML outputs: what only shows is sanitised and stays in place, what acts goes into a frame.

The decision is about looks alone. Whatever is taken for static is sanitised, so a wrong guess loses
an effect and never lets one through.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import nh3

from dynamic_sessions_kernel.outputs import css, frame, images, tables, tex

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

_TAGS = (nh3.ALLOWED_TAGS - {"area", "map", "wbr"}) | {
    "audio",
    "big",
    "font",
    "label",
    "meter",
    "progress",
    "source",
    "video",
}
_GENERIC = {"align", "aria-label", "class", "dir", "id", "lang", "role", "style", "title", "valign"}
_CELL = {"abbr", "bgcolor", "colspan", "headers", "height", "nowrap", "rowspan", "scope", "width"}
_ATTRIBUTES = {
    "*": _GENERIC,
    "a": {"href"},
    "audio": {"controls", "loop", "src"},
    "col": {"span", "width"},
    "colgroup": {"span", "width"},
    "details": {"open"},
    "font": {"color", "face", "size"},
    "img": {"alt", "height", "src", "width"},
    "li": {"value"},
    "meter": {"high", "low", "max", "min", "optimum", "value"},
    "ol": {"reversed", "start", "type"},
    "progress": {"max", "value"},
    "source": {"src", "type"},
    "table": {"bgcolor", "border", "cellpadding", "cellspacing", "frame", "rules", "width"},
    "td": _CELL,
    "th": _CELL,
    "time": {"datetime"},
    "tr": {"bgcolor", "height"},
    "video": {"controls", "height", "loop", "muted", "src", "width"},
}
_MEDIA = re.compile(r"data:(?:audio|video)/[\w.+-]{1,40};base64,[A-Za-z0-9+/=\s]+")
_PICTURE = re.compile(r"data:(image/(?:png|jpe?g|gif|webp));base64,(.*)", re.DOTALL | re.IGNORECASE)

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
    if tables.plain(source):
        return Shown(tex.harmless(source), False, False)
    source = _REMOTE_FRAME.sub(_as_link, source)
    sheets = _STYLE.findall(source)
    if _acts(source) or sum(map(len, sheets)) > css.MAX_SHEET:
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
    sheets = _STYLE.findall(source)
    unstyled = _STYLE.sub("", source) if sheets else source
    body = tex.harmless(unstyled if tables.plain(unstyled) else _CLEANER.clean(unstyled))
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


@lru_cache(maxsize=4096)
def _class(value: str) -> str:
    return css.class_attribute(value)


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "class":
        return _class(value)
    if name == "style":
        return css.style_attribute(value) or None
    if name == "src":
        return _source(tag, value)
    if name == "href" and value.lower().startswith("data:"):
        return None
    return value


def _source(tag: str, value: str) -> str | None:
    if tag != "img":
        return value if _MEDIA.fullmatch(value) else None
    match = _PICTURE.fullmatch(value.strip())
    if match is None:
        return None
    mime = match[1].lower().replace("/jpg", "/jpeg")
    data = images.checked(mime, match[2])
    return f"data:{mime};base64,{data}" if data else None


def _relative(address: str) -> str | None:
    # A link within the output still finds its place; any other would name this server's pages.
    return f"#{css.PREFIX}{address[1:]}" if address.startswith("#") else None


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style", "title", "noscript", "template"},
    attributes=_ATTRIBUTES,
    attribute_filter=_attribute,
    url_schemes={"http", "https", "mailto", "data"},
    url_relative=_relative,
    set_tag_attribute_values={"a": {"target": "_blank"}},
    link_rel="noopener noreferrer",
    id_prefix=css.PREFIX,
)
