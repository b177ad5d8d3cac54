"""Data that a front end's own viewer draws: plotly, Vega, GeoJSON.

A viewer runs in the page and does what the data says, which can be to load an address, a style or
an image. Data that plainly draws passes as data. Whatever else there is runs in a frame, with the
same library from its public address; so does data for which a front end may have no viewer at all,
since the library is installed in the session and not beside the front end.
"""

from __future__ import annotations

import html as escapes
import re
from itertools import repeat
from typing import TYPE_CHECKING, Any

from .json_text import pieces, written

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLOTLY = "https://cdn.plot.ly/plotly-4.1.1.min.js"
_VEGA_MAJORS = {"3": "5", "4": "5", "5": "5", "6": "6"}

_MAX_DEPTH = 100
_MAX_HEIGHT_PX = 8000
_HEIGHT_PX = 450


def bounded(value: Any) -> bool:
    """Whether JSON data is nested no deeper than viewers, which recurse, can follow."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return True
    return False


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Every value in JSON data with the key it stands under; list items keep their list's key."""
    waiting: list[Iterator[tuple[str, Any]]] = [iter([("", value)])]
    while waiting:
        for key, node in waiting[-1]:
            yield key, node
            if node and isinstance(node, dict):
                waiting.append(zip(map(str, node), node.values(), strict=True))
                break
            if node and isinstance(node, list):
                others = (item for item in node if not isinstance(item, (int, float)))
                waiting.append(zip(repeat(key), others, strict=False))
                break
        else:
            waiting.pop()


#: Keys whose text plotly loads, and the few texts that are names of its own.
_LOADING_KEYS = (
    "source style geojson url tiles sprite glyphs topojsonurl plotlyserverurl accesstoken"
    " mapboxaccesstoken images locationssrc"
)
_PLOTLY_LOADS = frozenset(_LOADING_KEYS.split())
#: The traces that draw what they hold; maps fetch their coasts, tiles and styles.
_TRACE_NAMES = (
    "bar barpolar box candlestick carpet cone contour contourcarpet funnel funnelarea heatmap"
    " histogram histogram2d histogram2dcontour icicle indicator isosurface mesh3d ohlc parcats"
    " parcoords pie sankey scatter scatter3d scattercarpet scattergl scatterpolar scatterpolargl"
    " scattersmith scatterternary splom streamtube sunburst surface table treemap violin volume"
    " waterfall"
)
_TRACES = frozenset(_TRACE_NAMES.split())
_MAP_TRACE = re.compile(r"(?:scatter|density|choropleth)map(?:box)?|scattergeo|choropleth")
_OF_MAPS = re.compile(rf"{_MAP_TRACE.pattern}|(?:map|mapbox|geo)\d*")
_PLOTLY_NAMES = frozenset({"", "basic", "https://plot.ly"})
_PLOTLY_CONFIG = frozenset({"plotlyServerURL", "responsive", "displayModeBar", "scrollZoom"})
#: In labels, which plotly puts together from several texts, each tag must be whole and bare.
_OTHER_TAG = re.compile(
    r"<(?![\s\d=]|/?(?:b|i|u|s|em|strong|sub|sup|br|extra) ?/?>)", re.IGNORECASE
)
_ADDRESS = re.compile(
    r"\s*(?:[a-z][a-z0-9+.-]*:)?[/\\]{2}|\s*(?:https?|javascript|data|vbscript):", re.IGNORECASE
)
_PATH = re.compile(r"[.\[\]]")


def plain_plotly(figure: Any) -> dict[str, Any] | None:
    """Return a plotly figure that loads nothing and styles nothing outside itself, None if it does.

    Plotly's own templates have a style for maps, too, which is left out: there is none to have it.
    """
    if not isinstance(figure, dict) or not bounded(figure):
        return None
    config = figure.get("config") or {}
    if not isinstance(config, dict) or not set(config) <= _PLOTLY_CONFIG:
        return None
    traces = figure.get("data") or []
    if not isinstance(traces, list) or not all(map(_plain_trace, traces)):
        return None
    figure = _without_maps(figure)
    return None if any(_loads(key, value) for key, value in _entries(figure)) else figure


def _without_maps(figure: dict[str, Any]) -> dict[str, Any]:
    layout = figure.get("layout")
    template = layout.get("template") if isinstance(layout, dict) else None
    if not isinstance(layout, dict) or not isinstance(template, dict):
        return figure
    kept = {part: _other_than_maps(value) for part, value in template.items()}
    return {**figure, "layout": {**layout, "template": kept}}


def _other_than_maps(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    return {name: value for name, value in part.items() if _OF_MAPS.fullmatch(name) is None}


def _loads(key: str, value: Any) -> bool:
    """Whether plotly loads, or styles the page with, what stands under a key."""
    if key.lower() == "images" and isinstance(value, list):
        return bool(value)
    if not isinstance(value, str) or value in _PLOTLY_NAMES:
        return False
    # Keys, and texts in the arguments of buttons, can be whole paths of keys.
    path = _PATH.split((value if key == "args" else key).lower())
    if not _PLOTLY_LOADS.isdisjoint(path) or _MAP_TRACE.fullmatch(value):
        return True
    return _ADDRESS.match(value) is not None or _OTHER_TAG.search(value) is not None


def _plain_trace(trace: Any) -> bool:
    kind = trace.get("type", "scatter") if isinstance(trace, dict) else None
    return isinstance(kind, str) and kind in _TRACES


def plotly_page(figure: Any) -> str:
    """Return an HTML document that draws a plotly figure with the library's public copy."""
    layout = figure.get("layout") if isinstance(figure, dict) else None
    height = layout.get("height") if isinstance(layout, dict) else None
    pixels = (
        int(height)
        if isinstance(height, (int, float)) and 0 < height < _MAX_HEIGHT_PX
        else _HEIGHT_PX
    )
    return (
        f'<div id="plot" style="height:{pixels}px"></div><script src="{_PLOTLY}"></script>'
        f"<script>const figure = {_script(figure)};"
        'Plotly.newPlot("plot", figure.data, figure.layout, {responsive: true})'
        ".then(() => figure.frames && Plotly.addFrames('plot', figure.frames));</script>"
    )


# Any of these words can make Vega load something, and expressions can build its addresses; data
# in which they occur by chance merely takes the other way.
_VEGA_LOADS = re.compile(
    r"url|href|cursor|image|usermeta|pivot|loader|getter|event\.view|://|\\u|\\\\|javascript:",
    re.IGNORECASE,
)


def plain_vega(spec: Any) -> bool:
    """Whether a Vega or Vega-Lite specification holds all its data and names no address."""
    if not isinstance(spec, dict) or not bounded(spec):
        return False
    body = {key: value for key, value in spec.items() if key != "$schema"}
    if any(key == "as" and not isinstance(value, str | list) for key, value in _entries(body)):
        return False  # a name that is computed can be any
    # No word of these stands across two pieces, since no text does.
    return not any(map(_VEGA_LOADS.search, pieces(body)))


def vega_page(mime: str, spec: Any) -> str:
    """Return an HTML document that draws a specification with Vega's public copy."""
    lite = "vegalite" in mime
    major = re.search(r"\.v(\d)", mime)
    version = major[1] if major else "5"
    vega = _VEGA_MAJORS.get(version, "5") if lite else version
    embed = "7" if vega == "6" else "6"
    names = [f"vega@{vega}", *([f"vega-lite@{version}"] if lite else []), f"vega-embed@{embed}"]
    loads = "".join(
        f'<script src="https://cdn.jsdelivr.net/npm/{name}"></script>' for name in names
    )
    mode = "vega-lite" if lite else "vega"
    return (
        f'<div id="chart"></div>{loads}<script>vegaEmbed("#chart", {_script(spec)}, '
        f'{{mode: "{mode}"}});</script>'
    )


def plain_geojson(data: Any) -> Any:
    """Return GeoJSON with its texts escaped, which viewers put into pop-ups as HTML."""
    if isinstance(data, str):
        return escapes.escape(data)
    if isinstance(data, list):
        numbers = all(isinstance(item, (int, float)) for item in data)
        return data if numbers else [plain_geojson(item) for item in data]
    if isinstance(data, dict) and data:
        return {escapes.escape(str(key)): plain_geojson(value) for key, value in data.items()}
    return data


def _script(value: Any) -> str:
    """Write JSON that stands within a script element."""
    return written(value).replace("<", "\\u003c")
