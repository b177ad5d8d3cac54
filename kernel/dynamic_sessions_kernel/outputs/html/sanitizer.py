"""The one list of what static HTML may hold, and the parser that writes it anew accordingly."""

from __future__ import annotations

import re

import nh3

from dynamic_sessions_kernel.outputs import images, prefixes
from dynamic_sessions_kernel.outputs.css import declarations

from . import parse_cost

_TAGS = (nh3.ALLOWED_TAGS - {"area", "map", "wbr"}) | {
    "audio",
    "big",
    "font",
    "label",
    "meter",
    "progress",
    "source",
    "tfoot",
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
_LINK = re.compile(r"https?://|mailto:|#", re.IGNORECASE)
#: It has no scheme, host, query or step upward, since it stands on Jupyter's origin.
_PATH = re.compile(r"[^\W_][\w .,()+@%/-]{0,400}\.[a-z]{1,8}(?:#[\w.-]{0,200})?")
_PICTURE = re.compile(r"data:(image/(?:png|jpe?g|gif|webp));base64,(.*)", re.DOTALL | re.IGNORECASE)

_HANDLER = re.compile(r"[\s\"'/]on[a-z]{3,}\s*=", re.IGNORECASE)
_HANDLER_IN_TAG = re.compile(r"<[^<>]*[\s\"'/]on[a-z]{3,}\s*=", re.IGNORECASE)


def clean(source: str) -> str:
    """Return HTML with the listed elements and attributes alone, every name in it the output's own.

    Style elements are dropped with all other content that is no text.

    Raises:
        TooMuchError: it would take too long, or too much memory.
    """
    parse_cost.check(source)
    return _CLEANER.clean(source)


def handles(source: str) -> bool:
    """Whether a tag of it handles an event."""
    # The first search is much the faster, and nearly always enough.
    return bool(_HANDLER.search(source) and _HANDLER_IN_TAG.search(source))


def _attribute(tag: str, name: str, value: str) -> str | None:
    """Return an attribute's value as it may be, None to leave it out; never raises.

    nh3 leaves an attribute out where its filter raises, and reports the exception elsewhere.
    """
    try:
        kept = _judged(tag, name, value)
    except Exception:  # noqa: BLE001 - whatever was wrong with it
        return None
    return kept if kept is None or _encodes(kept) else None


def _encodes(text: str) -> bool:
    return text.isascii() or text.encode("utf-8", "replace").decode() == text


def _judged(tag: str, name: str, value: str) -> str | None:
    if name == "class":
        return prefixes.class_attribute(value)
    if name == "style":
        return declarations.style_attribute(value) or None
    if name == "src":
        return _source(tag, value)
    if name == "href":
        return value if _LINK.match(value) or _is_path(value) else None
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
    # A link within the output still finds its place, and one to a file beside the notebook; any
    # other would name this server's pages.
    if address.startswith("#"):
        return f"#{prefixes.PREFIX}{address[1:]}"
    return address if _is_path(address) else None


def _is_path(address: str) -> bool:
    """Whether an address is plainly one of a file beside the notebook, or below its folder."""
    return (
        _PATH.fullmatch(address) is not None
        and ".." not in address
        and "//" not in address
        and "%" not in address.replace("%20", "")
    )


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style", "title", "noscript", "template"},
    attributes=_ATTRIBUTES,
    attribute_filter=_attribute,
    url_schemes={"http", "https", "mailto", "data"},
    url_relative=_relative,
    set_tag_attribute_values={"a": {"target": "_blank"}},
    link_rel="noopener noreferrer",
    id_prefix=prefixes.PREFIX,
)
