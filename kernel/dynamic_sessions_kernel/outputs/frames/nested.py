"""Outputs that are nothing but frames with content of their own: folium, ydata-profiling, pyvis.

No frame within a frame of ours runs a script, so the content is taken out and framed by itself. The
reading here decides about looks alone: whatever it returns is framed as any other output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

_DEFAULT_HEIGHT_PX = 500
_MAX_HEIGHT_PX = 4000
_MAX_FRAMES = 20
_PIXELS = re.compile(r"\s*(\d{2,4})(?:\.\d+)?(?:px)?\s*")
_STYLE_HEIGHT = re.compile(r"(?:^|;)\s*height\s*:\s*(\d{2,4})(?:\.\d+)?px", re.IGNORECASE)
#: What acts outside the frames, so that the output is more than its frames.
_ACTS = frozenset({"script", "object", "embed", "canvas", "form", "input", "button", "select"})
#: What folium writes beside its map, for front ends that do not show it.
_FOR_OTHERS = re.compile(r"Make this Notebook Trusted to load map: File -> Trust Notebook")


@dataclass(frozen=True, slots=True)
class Content:
    """One frame's own document, and the pixels that it asks to be high."""

    html: str
    height: int


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.frames: list[Content] = []
        self.outside: list[str] = []
        self.more = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in reversed(attributes)}
        height = _height(given)
        if tag == "iframe" and given.get("srcdoc"):
            self.frames.append(Content(given["srcdoc"], height or _DEFAULT_HEIGHT_PX))
        elif tag in _ACTS or tag == "iframe" or any(name.startswith("on") for name in given):
            self.more = True

    def handle_data(self, data: str) -> None:
        self.outside.append(data)


def contents(html: str) -> list[Content]:
    """Return the documents in the frames of an output, none if it is more than these frames."""
    if "srcdoc" not in html.lower():
        return []
    reader = _Reader()
    reader.feed(html)
    reader.close()
    outside = _FOR_OTHERS.sub("", "".join(reader.outside)).strip()
    if reader.more or outside or len(reader.frames) > _MAX_FRAMES:
        return []
    return reader.frames


def _height(attributes: dict[str, str]) -> int | None:
    found = _PIXELS.fullmatch(attributes.get("height", "")) or _STYLE_HEIGHT.search(
        attributes.get("style", "")
    )
    return min(int(found[1]), _MAX_HEIGHT_PX) if found else None
