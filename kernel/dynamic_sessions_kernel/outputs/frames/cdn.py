"""The public libraries that plots load, and nothing else that a script could reach.

Whoever owns an address reads its access log, so an output that may load from anywhere can call
out. The hosts here serve published libraries: a session cannot read their logs, and where anybody
can publish (jsDelivr, unpkg) only the packages named here are allowed.
"""

from __future__ import annotations

import re

#: Hosts or folders that only their owners publish to.
CURATED = (
    "https://cdn.bokeh.org/bokeh/",
    "https://cdn.plot.ly/",
    "https://cdnjs.cloudflare.com/ajax/libs/",
    "https://code.jquery.com/",
    "https://netdna.bootstrapcdn.com/",
    "https://maxcdn.bootstrapcdn.com/",
    "https://stackpath.bootstrapcdn.com/",
)

#: Map tiles: pictures, at addresses made of three numbers.
TILES = (
    "https://tile.openstreetmap.org/",
    "https://*.tile.openstreetmap.org/",
    "https://*.basemaps.cartocdn.com/",
)

_PACKAGES = (
    "@fortawesome/fontawesome-free",
    "@jupyter-widgets/base",
    "@jupyter-widgets/controls",
    "@jupyter-widgets/html-manager",
    "@jupyter-widgets/output",
    "bokehjs",
    "bootstrap",
    "d3",
    "font-awesome",
    "jquery",
    "leaflet",
    "mathjax",
    "plotly.js-dist",
    "plotly.js-dist-min",
    "requirejs",
    "tom-select",
    "topojson",
    "vega",
    "vega-embed",
    "vega-lite",
    "vis-data",
    "vis-network",
)
_PUBLISHED = re.compile(
    r"https://(?:cdn\.jsdelivr\.net/npm|unpkg\.com)/"
    r"(?:" + "|".join(map(re.escape, _PACKAGES)) + r")(?:@[\w.^~-]{1,40})?(?![\w.@^~-])/?"
    r"|https://cdn\.jsdelivr\.net/gh/python-visualization/folium(?:@[\w.-]{1,40})?/"
)

#: Different addresses in one output; folium's longest map needs nine.
_MAX = 40


def addresses(html: str) -> list[str]:
    """Return the content-security-policy sources that an output's libraries need.

    Packages are listed as the output names them, a folder where a file within one is named.
    """
    plain = html.replace("\\/", "/")
    named = sorted(set(_PUBLISHED.findall(plain)))[:_MAX]
    return [*(place for place in CURATED if place in plain), *named]
