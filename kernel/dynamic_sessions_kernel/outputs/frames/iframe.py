"""The frames in which active outputs run: they draw and compute, and can reach nothing.

Two frames are nested. The inner one holds the output; its sandbox gives it an origin of its own,
so the page, its cookies and the server's API are out of its reach. A frame alone could still call
out by navigating itself, and what a frame may navigate to is its parent's policy to say: so
an outer frame of ours stands between, whose policy allows no navigation. The policy is inherited by
what is inside. The scripts in `scripts/` pass the content's height and a clicked link's address
outward and the page's look inward. Each checks which window it hears.

WebRTC asks no policy. `scripts/guard.js` takes it away before any script of the session runs, and
lets no frame within the inner one run a script. An output that is nothing but frames with content
of their own, as folium's are, needs no nesting: `nested.py` takes that content out, and each gets a
frame of ours.

Beside the frame stands its sanitised form, hidden. It shows where a sanitiser drops the frame, as
JupyterLab's does in a notebook that it does not trust.
"""

from __future__ import annotations

import base64
import gzip
import html as escapes
import re
from importlib.resources import files

from . import cdn

#: The class of our frames. A session cannot use it: its own classes always carry `prefixes.PREFIX`.
FRAME_CLASS = "dynamic-sessions-output"

_INITIAL_HEIGHT_PX = 150
_MAX_HEIGHT_PX = 8000
_MAX_LINK_CHARS = 2000

_SCRIPTS = files(__package__) / "scripts"


def _script(name: str) -> str:
    """Return one of our scripts or styles without its comments, which notebooks need not store."""
    lines = (_SCRIPTS / name).read_text("utf-8").splitlines()
    return "\n".join(line.strip() for line in lines if not line.lstrip().startswith("//"))


_GUARD_SCRIPT = _script("guard.js")
_INNER_SCRIPT = _script("inner.js")
_OUTER_SCRIPT = _script("outer.js")
_PAGE_SCRIPT = (
    _script("page.js")
    .replace("FRAME_CLASS", FRAME_CLASS)
    .replace("MAX_HEIGHT", str(_MAX_HEIGHT_PX))
    .replace("MAX_LINK_CHARS", str(_MAX_LINK_CHARS))
)
_INNER_STYLE = _script("inner.css")
_OUTER_STYLE = (
    "html,body{margin:0;height:100%;overflow:hidden}"
    "iframe{border:0;width:100%;height:100%;display:block}"
)
#: Hides the static form while its frame is there; where a sanitiser drops the frame, it shows.
_INSTEAD_STYLE = f"iframe.{FRAME_CLASS}+div{{display:none}}"

_IFRAME_END = re.compile(r"</(?=\s*iframe)", re.IGNORECASE)
_DENIED_FEATURES = "; ".join(
    f"{feature} 'none'"
    for feature in (
        "camera",
        "microphone",
        "geolocation",
        "display-capture",
        "clipboard-read",
        "clipboard-write",
        "fullscreen",
        "payment",
        "usb",
        "serial",
        "hid",
        "midi",
        "publickey-credentials-get",
    )
)


def policy(html: str) -> str:
    """Return the content-security policy for the frames of one active output."""
    libraries = " ".join(cdn.addresses(html))
    tiles = " ".join(cdn.TILES)
    return "; ".join(
        (
            "default-src 'none'",
            # What a script made itself (`blob:`, `data:`) is read within the browser.
            f"script-src 'unsafe-inline' 'unsafe-eval' blob: {libraries}",
            f"style-src 'unsafe-inline' {libraries}",
            f"img-src data: blob: {tiles} {libraries}",
            f"font-src data: {libraries}",
            "media-src data: blob:",
            "worker-src blob:",
            "connect-src data: blob:",
            "frame-src 'none'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def framed(html: str, *, instead: str, height: int = _INITIAL_HEIGHT_PX) -> str:
    """Return the markup that shows `html` in its frames.

    Args:
        html: an output of the session as it came.
        instead: sanitised HTML, shown where frames are dropped; empty to show nothing there.
        height: pixels of the frame until its content sends its own height.
    """
    # A sanitiser that works on text may end a frame at the first such tag, even in an attribute.
    instead = _IFRAME_END.sub("&lt;/", instead)
    static = f"<div>{instead}</div><style>{_INSTEAD_STYLE}</style>" if instead else ""
    return (
        f'<iframe class="{FRAME_CLASS}" title="Isolated output" {_attributes()}'
        f' style="display:block;border:0;width:100%;height:{height}px"'
        f' srcdoc="{escapes.escape(_outer(html))}"></iframe>'
        f"{static}<script>{_PAGE_SCRIPT}</script>"
    )


def _outer(html: str) -> str:
    return (
        "<!doctype html>"
        f'<meta http-equiv="Content-Security-Policy" content="{escapes.escape(policy(html))}">'
        f"<style>{_OUTER_STYLE}</style>"
        f'<script data-content="{_packed(_inner(html))}">{_OUTER_SCRIPT}</script>'
        f"<body><iframe {_attributes()}></iframe>"
    )


def _inner(html: str) -> str:
    # The output follows without a tag of ours, so that a whole document's own head and body work.
    return (
        "<!doctype html>"
        f"<script>{_GUARD_SCRIPT}</script>"
        '<meta http-equiv="x-dns-prefetch-control" content="off">'
        f"<style>{_INNER_STYLE}</style><script>{_INNER_SCRIPT}</script>{html}"
    )


def _attributes() -> str:
    return (
        f'sandbox="allow-scripts" referrerpolicy="no-referrer" allow="{_DENIED_FEATURES}"'
        ' loading="eager"'
    )


def _packed(html: str) -> str:
    # Escaped for an attribute within an attribute, a plot's data would be several times as long.
    packed = gzip.compress(html.encode("utf-8", "replace"), compresslevel=6, mtime=0)
    return base64.b64encode(packed).decode("ascii")
