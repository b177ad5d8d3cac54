"""What people plot with is drawn although it is isolated.

The browser's requests for libraries are answered from npm's packages; all others are refused and
noted. `DYNAMIC_SESSIONS_SCREENSHOTS` names a folder for pictures, taken for a person's eye.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import SimpleNamespace

PACKAGES = Path(__file__).parent / "node_modules"

pytestmark = [
    pytest.mark.skipif(not PACKAGES.exists(), reason="needs `npm install` in this folder"),
    pytest.mark.timeout(600),
]

FRAME = "iframe.dynamic-sessions-output"


@dataclass(frozen=True)
class Drawing:
    """A cell, and what must show in its output: in the page itself, in a frame, or in any."""

    name: str
    place: str
    selector: str
    code: str


def _read_drawings() -> dict[str, Drawing]:
    text = (Path(__file__).parent / "drawings.txt").read_text("utf-8")
    entries = re.findall(r"^== (\S+) (\S+) (.+)\n((?:(?!== ).*\n)+)", text, re.MULTILINE)
    return {
        name: Drawing(name, place, selector, code.strip())
        for name, place, selector, code in entries
    }


DRAWN = _read_drawings()

_FOLDERS = {
    r"https://cdn\.bokeh\.org/bokeh/release/bokeh(.*?)-3\.[\d.]+\.min\.js": (
        "@bokeh/bokehjs/build/js/bokeh{0}.min.js"
    ),
    r"https://cdn\.plot\.ly/plotly-[\d.]+\.min\.js": "plotly.js-dist-min/plotly.min.js",
    r"https://cdn\.jsdelivr\.net/npm/(vega[a-z-]*)@[\d.]+(?:\?noext)?": "{0}/build/{0}.min.js",
    r"https://cdn\.jsdelivr\.net/npm/(@?[\w./-]+?)@[\d.]+/([\w./-]+)": "{0}/{1}",
    r"https://cdnjs\.cloudflare\.com/ajax/libs/(vis-network)/[\d.]+/dist/([\w./-]+)": (
        "vis-network/standalone/umd/{1}"
    ),
    r"https://code\.jquery\.com/jquery-[\d.]+(.min)?\.js": "jquery/dist/jquery.min.js",
}


def packaged(url: str) -> Path | None:
    """Where npm's packages have what an address serves."""
    for pattern, place in _FOLDERS.items():
        match = re.fullmatch(pattern, url)
        if match:
            file = PACKAGES / place.format(*(group or "" for group in match.groups()))
            return file if file.is_file() else None
    return None


@pytest.fixture(scope="module")
def refused() -> set[str]:
    return set()


@pytest.fixture(scope="module")
def page(
    chromium: Callable[[], Any], front_end: SimpleNamespace, refused: set[str]
) -> Iterator[Any]:
    """A notebook in which everything was drawn."""

    def answer(route: Any) -> None:
        url = route.request.url
        if url.startswith((front_end.lab.address, "data:", "blob:", "ws:")):
            route.continue_()
        elif file := packaged(url):
            route.fulfill(path=file, headers={"Access-Control-Allow-Origin": "*"})
        else:
            refused.add(url)
            route.abort()

    name = front_end.lab.write(
        "libraries.ipynb", [drawing.code for drawing in DRAWN.values()], "isolated"
    )
    opened = chromium().page(answer)
    front_end.open(opened, front_end.lab.url(name))
    front_end.run_all(opened)
    yield opened
    opened.context.close()


def frames_of(cell: Any) -> list[Any]:
    """The frames of a cell's outputs, nested ones too."""
    found = [handle.content_frame() for handle in cell.query_selector_all(FRAME)]
    for frame in found:
        found.extend(frame.child_frames)
    return found


def drawn(cell: Any, drawing: Drawing) -> bool:
    inside = [] if drawing.place == "frame" else [cell]
    if drawing.place != "page":
        inside.extend(frames_of(cell))
    return any(
        element.is_visible() and element.bounding_box()["height"] > 1
        for part in inside
        for element in part.query_selector_all(drawing.selector)
    )


@pytest.mark.parametrize("name", DRAWN)
def test_it_is_drawn(name: str, page: Any) -> None:
    cell = page.query_selector_all(".jp-CodeCell")[list(DRAWN).index(name)]
    cell.scroll_into_view_if_needed()
    for _ in range(100):
        if drawn(cell, DRAWN[name]):
            break
        page.wait_for_timeout(100)
    if folder := os.environ.get("DYNAMIC_SESSIONS_SCREENSHOTS"):
        cell.query_selector(".jp-Cell-outputWrapper").screenshot(path=f"{folder}/{name}.png")
    assert drawn(cell, DRAWN[name])


def test_a_frame_is_as_high_as_its_content(page: Any) -> None:
    cell = page.query_selector_all(".jp-CodeCell")[list(DRAWN).index("pyvis")]
    assert 300 <= cell.query_selector(FRAME).bounding_box()["height"] < 500


def test_only_libraries_and_map_tiles_were_asked_for(page: Any, refused: set[str]) -> None:
    allowed = re.compile(
        r"https://(?:cdn\.jsdelivr\.net|cdnjs\.cloudflare\.com|netdna\.bootstrapcdn\.com"
        r"|tile\.openstreetmap\.org)/"
    )
    assert [url for url in refused if not allowed.match(url)] == []
