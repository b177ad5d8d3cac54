"""One table: what becomes of each MIME type on its way to the notebook page.

A bundle offers one output in several types, and a front end picks the one it likes best. So each
type is judged by itself, as though it were the only one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import ansi, images, latex, markdown, notices, pdf, svg
from .html import file_links, output
from .plots import viewers
from .plots.bokeh import EXEC, LOAD, Bokeh, escaped, greeting

if TYPE_CHECKING:
    from .notices import Notice

PLAIN = "text/plain"
HTML = "text/html"

#: The longest text of one type; the browser would not live through more.
MAX_TEXT_CHARS = 64 * 1024 * 1024
_MAX_TYPES = 40
_MAX_SIDE_PX = 20_000
_MAX_ALT_CHARS = 4_000

#: Programs that read outputs as data, under types of their own that no front end draws. A rule
#: for every type that nobody is known to draw would be too wide: front ends have extensions for
#: types such as `application/vdom.v1+json`, which puts elements into the page.
_PIPELINES = ("scrapbook", "papermill")
_DATA = re.compile(rf"application/(?:{'|'.join(_PIPELINES)})\.[\w.+/-]{{1,100}}", re.ASCII)


@dataclass(slots=True)
class Bundle:
    """An output on its way through the table.

    Attributes:
        data: by MIME type, as the session sent it.
        metadata: likewise.
        plain: its `text/plain`, made harmless.
        bokeh: what is known of the session's Bokeh.
        shown: what reaches the front end.
        files: HTML that offers a file to be saved, shown if the bundle shows nothing but text.
        frames: HTML that stands in for types which may not pass as they are, offered if the bundle
            has no HTML.
        notices: what the person should know about this output.
    """

    data: Mapping[str, Any]
    metadata: Mapping[str, Any]
    plain: str
    bokeh: Bokeh
    shown: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


def passed(
    data: Mapping[str, Any], metadata: Mapping[str, Any], bokeh: Bokeh
) -> tuple[dict[str, Any], dict[str, Any], list[Notice]]:
    """Return data and metadata of an output as the front end may have them, and notices.

    There is always `text/plain` in it, except where nothing at all is to be shown.
    """
    plain = ansi.harmless(_text(data.get(PLAIN)) or "")
    bundle = Bundle(data, metadata, plain, bokeh)
    for mime in list(data)[:_MAX_TYPES]:
        _RULES.get(mime, _unknown)(str(mime), data[mime], bundle)
    if bundle.frames:
        bundle.shown.setdefault(HTML, bundle.frames[0])
    if bundle.files and set(bundle.shown) <= {PLAIN}:
        bundle.shown[HTML] = bundle.files[0]
    if data and not (LOAD in data and not bundle.shown):
        bundle.shown.setdefault(PLAIN, plain or "<output>")
    if bundle.shown.keys() - {PLAIN}:
        # Nothing is lost where another form of the same output is drawn.
        bundle.notices = [due for due in bundle.notices if not due.of_one_type]
    return bundle.shown, _metadata(metadata, bundle.shown), bundle.notices


def _metadata(metadata: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what describes an output; other keys make front ends act, or mean nothing to them."""
    kept: dict[str, Any] = {}
    if metadata.get("needs_background") in ("light", "dark"):
        kept["needs_background"] = metadata["needs_background"]
    for owner in _PIPELINES:
        if owner in metadata and viewers.bounded(metadata[owner]):
            kept[owner] = metadata[owner]
    for mime in shown:
        given = metadata.get(mime)
        if isinstance(given, dict) and (described := _described(mime, given)):
            kept[mime] = described
    return kept


def _described(mime: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of one type: sizes, the text for who cannot see it, the fold of JSON."""
    picture, data = mime.startswith("image/"), mime == "application/json"
    if not picture and not data:
        return {}
    described = {key: given[key] for key in ("width", "height") if _size(given.get(key))}
    if data and isinstance(given.get("expanded"), bool):
        described["expanded"] = given["expanded"]
    if picture and isinstance(given.get("alt"), str):
        described["alt"] = ansi.harmless(given["alt"][:_MAX_ALT_CHARS])
    return described


def _size(value: object) -> bool:
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < _MAX_SIDE_PX
    )


def _text(value: object) -> str | None:
    """Return text that may come whole or as lines; None if it is neither, or too long."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "".join(value)
    return value if isinstance(value, str) and len(value) <= MAX_TEXT_CHARS else None


Rule = Callable[[str, Any, Bundle], None]


def _unknown(mime: str, value: Any, bundle: Bundle) -> None:
    if _DATA.fullmatch(mime) is None:
        bundle.notices.append(notices.unknown_type(mime))
    else:
        _json(mime, value, bundle)


def _silent(_mime: str, _value: Any, _bundle: Bundle) -> None:
    """Leave out what only repeats another type of the same bundle."""


def _textual(clean: Callable[[str], str]) -> Rule:
    def rule(mime: str, value: Any, bundle: Bundle) -> None:
        text = _text(value)
        if text is None:
            bundle.notices.append(notices.malformed(mime))
        else:
            bundle.shown[mime] = clean(text)

    return rule


def _markdown(mime: str, value: Any, bundle: Bundle) -> None:
    text = _text(value)
    if text is None:
        bundle.notices.append(notices.malformed(mime))
    elif markdown.passes(text):
        bundle.shown[mime] = text
    else:
        rendered = markdown.rendered(text)
        bundle.frames.append(rendered)
        if output.lacks_image(rendered) and HTML not in bundle.data:
            bundle.notices.append(notices.REMOTE_IMAGES)


def _latex(mime: str, value: Any, bundle: Bundle) -> None:
    text = _text(value)
    if text is None:
        bundle.notices.append(notices.malformed(mime))
    elif latex.acts(text):
        bundle.frames.append(output.preformatted(text))
    else:
        bundle.shown[mime] = text


def _image(mime: str, value: Any, bundle: Bundle) -> None:
    data = images.checked(mime, _text(value))
    if data is None:
        bundle.notices.append(notices.malformed(mime))
    else:
        bundle.shown[mime] = data


def _pdf(mime: str, value: Any, bundle: Bundle) -> None:
    data = images.checked(mime, _text(value))
    if data is None:
        bundle.notices.append(notices.malformed(mime))
    else:
        bundle.files.append(pdf.link(data))


def _html(mime: str, value: Any, bundle: Bundle) -> None:
    text = _text(value)
    if text is None:
        bundle.notices.append(notices.malformed(mime))
        return
    text = file_links.named(greeting(text), bundle.plain)
    shown = output.shown(text, plain=bundle.plain)
    bundle.shown[mime] = shown.html
    if shown.remote:
        bundle.notices.append(notices.REMOTE_IMAGES)


def _svg(mime: str, value: Any, bundle: Bundle) -> None:
    text = _text(value)
    if text is None:
        bundle.notices.append(notices.malformed(mime))
        return
    try:
        bundle.shown[mime] = svg.drawing(text)
    except svg.NotADrawingError:
        bundle.frames.append(output.framed(text, plain=bundle.plain))


def _javascript(mime: str, value: Any, bundle: Bundle) -> None:
    text = _text(value)
    if text is None:
        bundle.notices.append(notices.malformed(mime))
    elif LOAD in bundle.data:
        # The library comes with each figure, not with the cell that asks for it.
        bundle.bokeh.load(_text(bundle.data[LOAD]) or text)
    elif EXEC in bundle.data:
        bundle.frames.append(output.framed(bundle.bokeh.figure(text), plain=bundle.plain))
    else:
        page = f"<div></div><script>const element = document.querySelector('div');{escaped(text)}"
        bundle.frames.append(output.framed(f"{page}</script>", plain=bundle.plain))


def _json(mime: str, value: Any, bundle: Bundle) -> None:
    if viewers.bounded(value):
        bundle.shown[mime] = value
    else:
        bundle.notices.append(notices.malformed(mime))


def _geojson(mime: str, value: Any, bundle: Bundle) -> None:
    if isinstance(value, dict) and viewers.bounded(value):
        bundle.shown[mime] = viewers.plain_geojson(value)
    else:
        bundle.notices.append(notices.malformed(mime))


def _plotly(mime: str, value: Any, bundle: Bundle) -> None:
    if not viewers.bounded(value):
        bundle.notices.append(notices.malformed(mime))
        return
    if (figure := viewers.plain_plotly(value)) is not None:
        bundle.shown[mime] = figure
    bundle.frames.append(output.framed(viewers.plotly_page(value), plain=bundle.plain))


def _vega(mime: str, value: Any, bundle: Bundle) -> None:
    if not viewers.bounded(value):
        bundle.notices.append(notices.malformed(mime))
        return
    if viewers.plain_vega(value):
        bundle.shown[mime] = value
    bundle.frames.append(output.framed(viewers.vega_page(mime, value), plain=bundle.plain))


def _widget(_mime: str, _value: Any, bundle: Bundle) -> None:
    bundle.notices.append(notices.WIDGET_VIEW)


_RULES: dict[str, Rule] = {
    PLAIN: _textual(ansi.harmless),
    HTML: _html,
    "text/markdown": _markdown,
    "text/latex": _latex,
    "image/png": _image,
    "image/jpeg": _image,
    "image/gif": _image,
    "image/webp": _image,
    "application/pdf": _pdf,
    "image/svg+xml": _svg,
    "application/json": _json,
    "application/javascript": _javascript,
    "text/javascript": _javascript,
    "application/geo+json": _geojson,
    "application/vnd.plotly.v1+json": _plotly,
    **{f"application/vnd.vega.v{major}+json": _vega for major in (5, 6)},
    **{f"application/vnd.vegalite.v{major}+json": _vega for major in (3, 4, 5, 6)},
    "application/vnd.jupyter.widget-view+json": _widget,
    "application/vnd.jupyter.widget-state+json": _widget,
    LOAD: _silent,
    EXEC: _silent,
}
