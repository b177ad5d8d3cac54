"""The public libraries that plots load, and nothing else that a script could reach.

Whoever owns an address reads its access log, so an output that may load from anywhere can call
out. The hosts here serve published libraries: a session cannot read their logs, and where anybody
can publish (jsDelivr, unpkg) only the packages named here are allowed.
"""

from __future__ import annotations

import re

#: Hosts or folders that only their owners publish to.
CURATED = (
    "https://api.tiles.mapbox.com/mapbox-gl-js/",
    "https://assets.pyecharts.org/assets/",
    "https://cdn.bokeh.org/bokeh/",
    "https://cdn.holoviz.org/",
    "https://cdn.plot.ly/",
    "https://cdnjs.cloudflare.com/ajax/libs/",
    "https://code.jquery.com/",
    "https://d3js.org/",
    "https://kozea.github.io/pygal.js/",
    "https://maxcdn.bootstrapcdn.com/",
    "https://mpld3.github.io/",
    "https://netdna.bootstrapcdn.com/",
    "https://stackpath.bootstrapcdn.com/",
    "https://teastman.github.io/Leaflet.pattern/",
)

#: Map tiles: pictures, at addresses made of three numbers.
TILES = (
    "https://tile.openstreetmap.org/",
    "https://*.tile.openstreetmap.org/",
    "https://*.basemaps.cartocdn.com/",
)

_PACKAGES = (
    "3dmol",
    "@bokeh/bokehjs",
    "@deck.gl/jupyter-widget",
    "@deck.gl/widgets",
    "@fortawesome/fontawesome-free",
    "@geoman-io/leaflet-geoman-free",
    "@joergdietrich/leaflet.terminator",
    "@jupyter-widgets/base",
    "@jupyter-widgets/controls",
    "@jupyter-widgets/html-manager",
    "@jupyter-widgets/output",
    "@vizzu/vizzu",
    "bokehjs",
    "bootstrap",
    "css-ripple-effect",
    "d3",
    "dt_for_itables",
    "font-awesome",
    "iso8601-js-period",
    "jquery",
    "leaflet",
    "leaflet-ant-path",
    "leaflet-control-geocoder",
    "leaflet-easybutton",
    "leaflet-polylineoffset",
    "leaflet-search",
    "leaflet-semicircle",
    "leaflet-tag-filter-button",
    "leaflet-textpath",
    "leaflet-timedimension",
    "leaflet.boatmarker",
    "leaflet.control.layers.tree",
    "leaflet.featuregroup.subgroup",
    "leaflet.fullscreen",
    "leaflet.timeline",
    "leaflet.vectorgrid",
    "maplibre-gl",
    "mathjax",
    "plotly.js-dist",
    "plotly.js-dist-min",
    "polyline-encoded",
    "requirejs",
    "tom-select",
    "topojson",
    "vega",
    "vega-embed",
    "vega-lite",
    "vis-data",
    "vis-network",
    "vizzu",
)
#: Repositories that jsDelivr serves: owner and name.
_REPOSITORIES = (
    "JetBrains/lets-plot",
    "ardhi/Leaflet.MousePosition",
    "digidem/leaflet-side-by-side",
    "jieter/Leaflet.Sync",
    "ljagis/leaflet-measure",
    "marslan390/BeautifyMarker",
    "python-visualization/folium",
)
_PUBLISHED = re.compile(
    r"https://(?:cdn\.jsdelivr\.net/npm|(?:www\.)?unpkg\.com)/"
    r"(?:" + "|".join(map(re.escape, _PACKAGES)) + r")(?:@[\w.^~*-]{1,40})?(?![\w.@^~*-])/?"
    r"|https://cdn\.jsdelivr\.net/gh/"
    r"(?:" + "|".join(map(re.escape, _REPOSITORIES)) + r")(?:@[\w.-]{1,40})?/"
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
