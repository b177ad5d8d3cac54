"""The frames in which active outputs run: they draw and compute, and can reach nothing.

Two frames are nested. The inner one holds the output; its sandbox gives it an origin of its own,
so the page, its cookies and the server's API are out of its reach. A frame alone could still call
out by navigating itself, and what a frame may navigate to is its parent's policy to say: so
an outer frame of ours stands between, whose policy allows no navigation. The policy is inherited by
what is inside. Scripts pass the content's height outward, each checking whom it hears.

Between an iframe's tags stands what to show without it. Browsers never show that, but sanitisers
that drop frames keep it, JupyterLab's for notebooks it does not trust among them.
"""

from __future__ import annotations

import base64
import gzip
import html as escapes
import re

from . import cdn

#: The class of our frames. A session cannot use it: its own classes always carry `prefixes.PREFIX`.
FRAME_CLASS = "dynamic-sessions-output"

_INITIAL_HEIGHT_PX = 150
_MAX_HEIGHT_PX = 8000

# WebRTC asks no policy, so its constructors go. A frame within the frame would bring them back:
# none can be reached from outside, all of them being of different origins, and those that bring
# their own content get this script put before it. A shadow tree would hide a frame from the
# observer, so trees are observed as they are made, and markup cannot make them.
_INNER_SCRIPT = """
(() => {
  const prelude = "<script>" + document.currentScript.textContent + "<\\/script>";
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "mozRTCPeerConnection",
                      "RTCIceTransport", "WebTransport", "XSLTProcessor"]) {
    delete self[name];
  }
  delete Element.prototype.setHTMLUnsafe;
  delete ShadowRoot.prototype.setHTMLUnsafe;
  delete Document.parseHTMLUnsafe;
  const closed = (html) => String(html).replace(/shadowroot/gi, "data-shadowroot");
  const enter = (root) => {
    for (const frame of root.querySelectorAll("iframe[srcdoc]")) {
      const html = frame.getAttribute("srcdoc");
      if (!html.startsWith(prelude)) frame.setAttribute("srcdoc", prelude + closed(html));
    }
  };
  const observer = new MutationObserver((records) => {
    for (const record of records) enter(record.target.getRootNode());
  });
  const everything = {childList: true, subtree: true, attributes: true,
                      attributeFilter: ["srcdoc"]};
  observer.observe(document, everything);
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (options) {
    const root = attach.call(this, {...options, clonable: false, serializable: false});
    observer.observe(root, everything);
    return root;
  };
  const write = (...parts) => {
    const script = document.currentScript;
    const made = document.createRange().createContextualFragment(parts.join(""));
    if (script && script.parentNode) script.after(made);
    else document.body.append(made);
  };
  Document.prototype.write = write;
  Document.prototype.writeln = write;

  let last = -1, grown = 0;
  const tell = () => {
    if (!document.body) return;
    const height = Math.ceil(Math.max(
      document.body.scrollHeight, document.documentElement.getBoundingClientRect().height));
    if (height === last || (height > last && ++grown > 50)) return;
    last = height;
    parent.postMessage({dynamicSessionsHeight: height}, "*");
  };
  addEventListener("DOMContentLoaded", () => {
    new ResizeObserver(tell).observe(document.body);
    new MutationObserver(tell).observe(document.body, {childList: true, subtree: true});
    tell();
  });
  addEventListener("load", tell);
})();
"""

# The content travels compressed: escaped for an attribute within an attribute it would be several
# times as long, and a plot's data sits in the notebook file.
_OUTER_SCRIPT = """
const packed = document.currentScript.dataset.content;
addEventListener("DOMContentLoaded", async () => {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  document.querySelector("iframe").srcdoc = await new Response(stream).text();
});
addEventListener("message", (event) => {
  const frame = document.querySelector("iframe");
  const height = event.data && event.data.dynamicSessionsHeight;
  if (!frame || event.source !== frame.contentWindow || !Number.isFinite(height)) return;
  parent.postMessage({dynamicSessionsHeight: height}, "*");
});
"""

# A frame may not take the keyboard: what the person types belongs where the person put it.
_PAGE_SCRIPT = f"""
if (!window.dynamicSessionsFrames) {{
  window.dynamicSessionsFrames = true;
  window.addEventListener("message", (event) => {{
    const height = event.data && event.data.dynamicSessionsHeight;
    if (!Number.isFinite(height) || height < 0) return;
    for (const frame of document.querySelectorAll("iframe.{FRAME_CLASS}")) {{
      if (event.source === frame.contentWindow) {{
        frame.style.height = Math.min(Math.ceil(height), {_MAX_HEIGHT_PX}) + "px";
      }}
    }}
  }});
  let focused = null, tabbed = 0;
  const guard = () => {{
    const frame = document.activeElement;
    if (!frame || !frame.matches("iframe.{FRAME_CLASS}")) return;
    if (frame.matches(":hover") || Date.now() - tabbed < 500) return;
    if (focused && focused.isConnected) focused.focus(); else frame.blur();
  }};
  document.addEventListener("focusin", (event) => {{ focused = event.target; }}, true);
  document.addEventListener("keydown", (event) => {{
    if (event.key === "Tab") tabbed = Date.now();
  }}, true);
  window.addEventListener("blur", () => setTimeout(guard, 0));
}}
"""

_OUTER_STYLE = (
    "html,body{margin:0;height:100%;overflow:hidden;background:#fff}"
    "iframe{border:0;width:100%;height:100%;display:block}"
)
_INNER_STYLE = "html{background:#fff;color:#000;color-scheme:light}body{margin:4px}"

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
_SHADOW = re.compile("shadowroot", re.IGNORECASE)
_IFRAME_END = re.compile(r"</(?=\s*iframe)", re.IGNORECASE)


def policy(html: str) -> str:
    """Return the content-security policy for the frames of one active output."""
    libraries = " ".join(cdn.addresses(html))
    tiles = " ".join(cdn.TILES)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'unsafe-inline' 'unsafe-eval' {libraries}",
            f"style-src 'unsafe-inline' {libraries}",
            f"img-src data: blob: {tiles} {libraries}",
            f"font-src data: {libraries}",
            "media-src data: blob:",
            "worker-src blob:",
            "connect-src 'none'",
            "frame-src 'none'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def framed(html: str, *, instead: str) -> str:
    """Return the markup that shows `html` in its frames.

    Args:
        html: an output of the session as it came.
        instead: sanitised HTML, shown where frames are dropped.
    """
    # What a frame's text may hold ends at its first closing tag, even within an attribute.
    fallback = _IFRAME_END.sub("&lt;/", instead)
    return (
        f'<iframe class="{FRAME_CLASS}" title="Isolated output" {_attributes()}'
        f' style="display:block;border:0;width:100%;height:{_INITIAL_HEIGHT_PX}px"'
        f' srcdoc="{escapes.escape(_outer(html))}">{fallback}</iframe>'
        f"<script>{_PAGE_SCRIPT}</script>"
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
        '<meta http-equiv="x-dns-prefetch-control" content="off">'
        f"<style>{_INNER_STYLE}</style><script>{_INNER_SCRIPT}</script>"
        + _SHADOW.sub("data-shadowroot", html)
    )


def _attributes() -> str:
    return (
        f'sandbox="allow-scripts" referrerpolicy="no-referrer" allow="{_DENIED_FEATURES}"'
        ' loading="eager"'
    )


def _packed(html: str) -> str:
    packed = gzip.compress(html.encode("utf-8", "replace"), compresslevel=6, mtime=0)
    return base64.b64encode(packed).decode("ascii")
