"""The one list of what static HTML may hold, and the parser that writes it anew accordingly."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import nh3

from dynamic_sessions_kernel.outputs import images, prefixes, svg
from dynamic_sessions_kernel.outputs.css import declarations

from . import parse_cost

if TYPE_CHECKING:
    from collections.abc import Callable

_MATHEMATICS_NAMES = (
    "math merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms"
    " mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none semantics"
)
_MATHEMATICS = frozenset(_MATHEMATICS_NAMES.split())
_TAGS = (nh3.ALLOWED_TAGS - {"area", "map", "wbr"}) | {
    *_MATHEMATICS,
    "address",
    "audio",
    "big",
    "fieldset",
    "font",
    "input",
    "label",
    "legend",
    "main",
    "meter",
    "progress",
    "section",
    "source",
    "tfoot",
    "video",
}
_GENERIC = {"align", "aria-label", "class", "dir", "id", "lang", "role", "style", "title", "valign"}
_CELL = {"abbr", "bgcolor", "colspan", "headers", "height", "nowrap", "rowspan", "scope", "width"}
_OF_MATHEMATICS = {
    "accent",
    "columnalign",
    "columnspan",
    "display",
    "displaystyle",
    "fence",
    "form",
}
_OF_MATHEMATICS |= {
    "linethickness",
    "mathvariant",
    "rowspan",
    "scriptlevel",
    "separator",
    "stretchy",
}
_ATTRIBUTES = {
    **dict.fromkeys(_MATHEMATICS, _OF_MATHEMATICS),
    "*": _GENERIC,
    "a": {"download", "href"},
    "audio": {"controls", "loop", "src"},
    "col": {"span", "width"},
    "colgroup": {"span", "width"},
    "details": {"open"},
    "font": {"color", "face", "size"},
    "img": {"alt", "height", "src", "width"},
    "input": {"checked", "disabled"},
    "label": {"for"},
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
#: What a person saves by a click; browsers open no such address, and none of these types acts.
_SAVED = re.compile(
    r"data:(?:text/(?:plain|csv)|image/(?:png|jpeg|gif|webp)|application/(?:json|octet-stream|pdf|zip"
    r"|vnd\.openxmlformats-officedocument\.[\w.-]{1,80}))"
    r"(?:;charset=[\w-]{1,20})?(?:;base64)?,[A-Za-z0-9+/=%_.~-]*",
    re.ASCII,
)
_FILE_NAME = re.compile(r"\w[\w .()+-]{0,120}")
_DRAWING = re.compile(
    r"data:image/svg\+xml(?:;charset=utf-?8|;utf-?8)?(;base64)?,(.*)", re.DOTALL | re.IGNORECASE
)
_PICTURE = re.compile(r"data:(image/(?:png|jpe?g|gif|webp));base64,(.*)", re.DOTALL | re.IGNORECASE)

_HANDLER = re.compile(r"[\s\"'/]on[a-z]{3,}\s*=", re.IGNORECASE)
_HANDLER_IN_TAG = re.compile(r"<[^<>]*[\s\"'/]on[a-z]{3,}\s*=", re.IGNORECASE)


def clean(source: str, *, paths: bool = False) -> str:
    """Return HTML with the listed elements and attributes alone, every name in it the output's own.

    Style elements are dropped with all other content that is no text.

    Args:
        source: HTML of the session.
        paths: whether its links may lead to files beside the notebook.

    Raises:
        TooMuchError: it would take too long, or too much memory.
    """
    parse_cost.check(source)
    return (_CLEANER_WITH_PATHS if paths else _CLEANER).clean(source)


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
    if name == "src":
        return _source(tag, value)
    rule = _RULES.get(name)
    return value if rule is None else rule(value)


def _target(value: str) -> str | None:
    kept = _LINK.match(value) or _SAVED.fullmatch(value) or _is_path(value)
    return value if kept else None


_RULES: dict[str, Callable[[str], str | None]] = {
    "class": prefixes.class_attribute,
    "style": lambda value: declarations.style_attribute(value) or None,
    "for": lambda value: prefixes.PREFIX + value,
    "download": lambda value: value if _FILE_NAME.fullmatch(value) else "",
    "href": _target,
}


def _source(tag: str, value: str) -> str | None:
    if tag != "img":
        return value if _MEDIA.fullmatch(value) else None
    match = _PICTURE.fullmatch(value.strip())
    if match is None:
        return _drawing(value.strip())
    mime = match[1].lower().replace("/jpg", "/jpeg")
    data = images.checked(mime, match[2])
    return f"data:{mime};base64,{data}" if data else None


def _drawing(address: str) -> str | None:
    match = _DRAWING.fullmatch(address)
    if match is None:
        return None
    content = unquote_to_bytes(match[2])
    source = base64.b64decode(content) if match[1] else content
    rebuilt = base64.b64encode(svg.drawing(source.decode()).encode()).decode()
    return f"data:image/svg+xml;base64,{rebuilt}"


def _relative(address: str) -> str | None:
    # A link within the output still finds its place; any other would name this server's pages.
    return f"#{prefixes.PREFIX}{address[1:]}" if address.startswith("#") else None


def _path_or_place(address: str) -> str | None:
    return address if _is_path(address) else _relative(address)


def _is_path(address: str) -> bool:
    """Whether an address is plainly one of a file beside the notebook, or below its folder."""
    return (
        _PATH.fullmatch(address) is not None
        and ".." not in address
        and "//" not in address
        and "%" not in address.replace("%20", "")
    )


def _cleaner(relative: Callable[[str], str | None]) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=_TAGS,
        clean_content_tags={"script", "style", "title", "noscript", "template", "annotation"},
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "data"},
        url_relative=relative,
        # A box to tick is the one input that only shows: sheets fold and unfold parts by it.
        set_tag_attribute_values={"a": {"target": "_blank"}, "input": {"type": "checkbox"}},
        link_rel="noopener noreferrer",
        id_prefix=prefixes.PREFIX,
    )


_CLEANER, _CLEANER_WITH_PATHS = _cleaner(_relative), _cleaner(_path_or_place)
