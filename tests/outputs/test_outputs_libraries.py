"""What people plot with is drawn although it is isolated.

The browser finds the public addresses of libraries on this machine, answered from npm's packages,
some with the digest that the markup demands; all other requests are refused and noted.
`DYNAMIC_SESSIONS_SCREENSHOTS` names a folder for pictures, taken for a person's eye.
"""

from __future__ import annotations

import mimetypes
import os
import re
import ssl
import subprocess
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
        "vis-network/dist/{1}"
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


class Libraries(ThreadingHTTPServer):
    """All the public addresses of libraries, on this machine."""

    daemon_threads = True

    def __init__(self, certificate: Path, key: Path) -> None:
        super().__init__(("127.0.0.1", 0), Library)
        self.refused: set[str] = set()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    def handle_error(self, *_: object) -> None:
        """Browsers drop connections as they like."""


class Library(BaseHTTPRequestHandler):
    server: Libraries

    def do_GET(self) -> None:
        url = f"https://{self.headers['Host']}{self.path}"
        file = packaged(url)
        if file is None:
            if self.headers["Sec-Fetch-Site"] != "none":  # what the browser asks by itself
                self.server.refused.add(url)
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Type", mimetypes.guess_type(file)[0] or "text/plain")
        self.send_header("Content-Length", str(file.stat().st_size))
        self.end_headers()
        self.wfile.write(file.read_bytes())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Libraries]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=libraries"]
    subprocess.run(
        [*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    with Libraries(certificate, key) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def page(
    chromium: Callable[..., Any], front_end: SimpleNamespace, libraries: Libraries
) -> Iterator[Any]:
    """A notebook in which everything was drawn."""
    name = front_end.lab.write(
        "libraries.ipynb", [drawing.code for drawing in DRAWN.values()], "isolated"
    )
    opened = chromium(libraries.server_port).page()
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
    for _ in range(300):
        if drawn(cell, DRAWN[name]):
            break
        page.wait_for_timeout(100)
    if folder := os.environ.get("DYNAMIC_SESSIONS_SCREENSHOTS"):
        cell.query_selector(".jp-Cell-outputWrapper").screenshot(path=f"{folder}/{name}.png")
    assert drawn(cell, DRAWN[name])


def test_a_frame_is_as_high_as_its_content(page: Any) -> None:
    cell = page.query_selector_all(".jp-CodeCell")[list(DRAWN).index("pyvis")]
    assert 300 <= cell.query_selector(FRAME).bounding_box()["height"] < 500


def test_only_libraries_and_map_tiles_were_asked_for(page: Any, libraries: Libraries) -> None:
    allowed = re.compile(
        r"https://(?:cdn\.jsdelivr\.net|cdnjs\.cloudflare\.com|netdna\.bootstrapcdn\.com"
        r"|tile\.openstreetmap\.org)/"
    )
    assert [url for url in libraries.refused if not allowed.match(url)] == []
