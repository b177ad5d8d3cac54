"""Bokeh's figures, which come in pieces that expect one page.

`output_notebook()` sends a script that loads the library, and each `show()` an element and a script
that draws into it. Each output runs in a frame of its own here, so that a figure's frame needs all
of it: the library, the element and the script.
"""

from __future__ import annotations

import re

LOAD = "application/vnd.bokehjs_load.v0+json"
EXEC = "application/vnd.bokehjs_exec.v0+json"

_LIBRARY = re.compile(r"https://cdn\.bokeh\.org/bokeh/[\w./-]{1,120}\.js")
_ROOTS = re.compile(r'"roots":\{([^{}]{0,10000})\}')
_ROOT = re.compile(r'"([\w-]{1,80})":"([\w-]{1,80})"')

#: The library in one piece is 5 MB; a session that sends more does something else.
_MAX_INLINE_CHARS = 16 * 1024 * 1024

#: Where the library would be, had the session not said: figures still carry their version.
_VERSION = re.compile(r'"version":"(\d{1,3}\.\d{1,3}\.\d{1,3})"')


class Bokeh:
    """What a session's figures need, remembered from its `output_notebook()`."""

    def __init__(self) -> None:
        self._library = ""

    def load(self, script: str) -> None:
        """Remember how the session wants the library loaded."""
        addresses = dict.fromkeys(_LIBRARY.findall(script))
        if addresses:
            self._library = "".join(f'<script src="{address}"></script>' for address in addresses)
        elif len(script) <= _MAX_INLINE_CHARS:
            self._library = f"<script>{escaped(script)}</script>"

    def figure(self, script: str) -> str:
        """Return an HTML document that draws one figure."""
        roots = "".join(
            f'<div id="{element}" data-root-id="{root}"></div>'
            for mapping in _ROOTS.findall(script)
            for root, element in _ROOT.findall(mapping)
        )
        return f"{self._library or _from_version(script)}{roots}<script>{escaped(script)}</script>"


def greeting(html: str) -> str:
    """Return what `output_notebook()` shows, without the promise that only its script keeps."""
    return html.replace("Loading BokehJS ...", "BokehJS comes with each figure.")


def _from_version(script: str) -> str:
    version = _VERSION.search(script)
    if version is None:
        return ""
    folder = "https://cdn.bokeh.org/bokeh/release"
    return f'<script src="{folder}/bokeh-{version[1]}.min.js"></script>'


def escaped(script: str) -> str:
    """Return a script that can stand in a script element and means the same."""
    return re.sub(r"<(?=/script|!--|script)", r"\\x3c", script, flags=re.IGNORECASE)
