"""What people plot with is drawn although it is isolated.

The browser finds the public addresses of libraries on this machine, answered from npm's packages,
some with the digest that the markup demands; all other requests are refused and noted.
`DYNAMIC_SESSIONS_SCREENSHOTS` names a folder for pictures of it beside stock ipykernel's, taken for
a person's eye.
"""

from __future__ import annotations

import datetime as dt
import io
import mimetypes
import os
import re
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import SimpleNamespace

PICTURES = os.environ.get("DYNAMIC_SESSIONS_SCREENSHOTS")

pytestmark = pytest.mark.timeout(600)

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


def packaged(packages: Path, url: str) -> Path | None:
    """Where npm's packages have what an address serves."""
    for pattern, place in _FOLDERS.items():
        match = re.fullmatch(pattern, url)
        if match:
            file = packages / place.format(*(group or "" for group in match.groups()))
            return file if file.is_file() else None
    return None


class Libraries(ThreadingHTTPServer):
    """All the public addresses of libraries, on this machine."""

    daemon_threads = True

    def __init__(self, packages: Path, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), Library)
        self.packages = packages
        self.refused: set[str] = set()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    def handle_error(self, *_: object) -> None:
        """Browsers drop connections as they like."""


class Library(BaseHTTPRequestHandler):
    server: Libraries

    def do_GET(self) -> None:
        url = f"https://{self.headers['Host']}{self.path}"
        file = packaged(self.server.packages, url)
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


def _certificate() -> bytes:
    """A key and a certificate that nobody vouches for; the browser is told not to ask."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "libraries")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def libraries(npm_packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Libraries]:
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(_certificate())
    with Libraries(npm_packages, file) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def draw_all(opened: Any, front_end: SimpleNamespace, kernel: str) -> None:
    """Draw everything in a notebook of a kernel."""
    name = front_end.lab.write(
        f"libraries-{kernel}.ipynb", [drawing.code for drawing in DRAWN.values()], kernel
    )
    front_end.open(opened, front_end.lab.url(name))
    front_end.run_all(opened)


@pytest.fixture(scope="module")
def page(
    chromium: Callable[..., Any], front_end: SimpleNamespace, libraries: Libraries
) -> Iterator[Any]:
    """A notebook in which everything was drawn."""
    opened = chromium(libraries.server_port).page()
    draw_all(opened, front_end, "isolated")
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
    assert drawn(cell, DRAWN[name])


def test_a_frame_is_as_high_as_its_content(page: Any) -> None:
    cell = page.query_selector_all(".jp-CodeCell")[list(DRAWN).index("pyvis")]
    assert 300 <= cell.query_selector(FRAME).bounding_box()["height"] < 500


#: How text, a link and a table's cells look, in a place that has them.
_LOOK = """
(place) => {
  const names = ["color", "fontFamily", "fontSize", "lineHeight", "textAlign", "padding",
                 "backgroundColor", "borderTopWidth", "verticalAlign"];
  return ["p", "a", "th", "tr:nth-child(2) td", "tr:nth-child(2)"].map((selector) => {
    const style = getComputedStyle(document.querySelector(`${place} ${selector}`));
    return names.map((name) => `${selector} ${name} ${style[name].replace("start", "left")}`);
  }).flat();
}
"""
_SAMPLE = (
    "<p>x <a href='https://site.test/'>y</a></p><table><thead><tr><th>a</th></tr></thead><tbody>"
    "<tr><td>1</td></tr><tr><td>2</td></tr></tbody></table>"
)


@pytest.fixture(scope="module")
def framed_sample(page: Any) -> Any:
    """The sample in the page and in a frame, which is returned."""
    cell = page.query_selector_all(".jp-CodeCell")[list(DRAWN).index("javascript")]
    cell.scroll_into_view_if_needed()
    for _ in range(300):
        if any(frame.query_selector("#made") for frame in frames_of(cell)):
            break
        page.wait_for_timeout(100)
    inner = frames_of(cell)[-1]
    inner.evaluate("html => document.body.innerHTML = `<div id=s>${html}</div>`", _SAMPLE)
    put = "([element, html]) => { element.id = 's'; element.innerHTML = html; }"
    page.evaluate(put, [page.query_selector(".jp-RenderedHTMLCommon"), _SAMPLE])
    return inner


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_a_frame_looks_like_the_page_and_follows_its_theme(
    page: Any, framed_sample: Any, theme: str
) -> None:
    page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
    )
    light = str("Light" in theme).lower()
    page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)
    for _ in range(100):
        if framed_sample.evaluate(_LOOK, "#s") == page.evaluate(_LOOK, "#s"):
            break
        page.wait_for_timeout(100)
    assert framed_sample.evaluate(_LOOK, "#s") == page.evaluate(_LOOK, "#s")


def test_only_libraries_and_map_tiles_were_asked_for(page: Any, libraries: Libraries) -> None:
    allowed = re.compile(
        r"https://(?:cdn\.jsdelivr\.net|cdnjs\.cloudflare\.com|netdna\.bootstrapcdn\.com"
        r"|tile\.openstreetmap\.org)/"
    )
    assert [url for url in libraries.refused if not allowed.match(url)] == []


if PICTURES:

    def test_pictures_beside_those_of_ipykernel_are_kept(
        page: Any, chromium: Callable[..., Any], front_end: SimpleNamespace, libraries: Libraries
    ) -> None:
        stock = chromium(libraries.server_port).page()
        draw_all(stock, front_end, "ipykernel")
        # Stock's plots have no sign of their own for being done, in whatever form they come.
        stock.wait_for_timeout(10_000)
        sheet = beside_each_other(pictures(page), pictures(stock))
        sheet.save(Path(PICTURES) / "libraries.png", optimize=True)


def pictures(page: Any) -> list[Image.Image]:
    """Each cell's outputs as a person sees them."""
    taken = []
    for cell in page.query_selector_all(".jp-CodeCell"):
        cell.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        png = cell.query_selector(".jp-Cell-outputWrapper").screenshot()
        taken.append(Image.open(io.BytesIO(png)).convert("RGB"))
    return taken


def beside_each_other(isolated: list[Image.Image], stock: list[Image.Image]) -> Image.Image:
    """Put pairs of pictures on a sheet, a few colours deep so that it stays small."""
    width, gap, head = 560, 10, 18
    heights = [
        max(round(one.height * width / one.width) for one in pair)
        for pair in zip(isolated, stock, strict=True)
    ]
    size = (2 * width + 3 * gap, head + gap + sum(height + head + gap for height in heights))
    sheet = Image.new("RGB", size, "#e2e8f0")
    pen, top = ImageDraw.Draw(sheet), head + gap
    for column, title in enumerate(("isolated", "ipykernel")):
        pen.text((gap + column * (width + gap), 4), title, fill="black")
    for name, height, *pair in zip(DRAWN, heights, isolated, stock, strict=True):
        pen.text((gap, top), name, fill="black")
        for column, one in enumerate(pair):
            fitted = one.resize((width, round(one.height * width / one.width)), Image.LANCZOS)
            sheet.paste(fitted, (gap + column * (width + gap), top + head))
        top += head + gap + height
    return sheet.quantize(128)
