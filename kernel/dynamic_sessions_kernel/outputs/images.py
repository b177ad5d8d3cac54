"""An image must be what its MIME type claims, and small enough to unpack.

The check reads the header alone: a decoder fed with hostile bytes would be a new way in.
"""

from __future__ import annotations

import base64
import re
import struct

#: Pixels above which a browser tab may run out of memory: four bytes each, 400 MB.
MAX_PIXELS = 100_000_000

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_HEADER_BYTES = 64 * 1024
_SPACE = re.compile(r"\s+")

_MAGIC: dict[str, tuple[bytes, ...]] = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
    "application/pdf": (b"%PDF-",),
}

#: Start-of-frame markers of JPEG: those of the range 0xC0 to 0xCF that are no tables.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def checked(mime: str, data: object) -> str | None:
    """Return the base64 text of an image or a PDF, or None if it is not what `mime` claims."""
    text = _SPACE.sub("", data) if isinstance(data, str) else ""
    if not text or len(text) % 4 or _BASE64.fullmatch(text) is None:
        return None
    head = base64.b64decode(text[: _HEADER_BYTES // 3 * 4])
    return text if head.startswith(_MAGIC[mime]) and _small(mime, head) else None


def _small(mime: str, head: bytes) -> bool:
    if mime == "application/pdf":
        return True
    size = _SIZES[mime](head)
    return size is not None and size[0] * size[1] <= MAX_PIXELS


def _png_size(head: bytes) -> tuple[int, int] | None:
    if len(head) < 24 or head[12:16] != b"IHDR":  # noqa: PLR2004 - signature, length, type, size
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def _gif_size(head: bytes) -> tuple[int, int] | None:
    if len(head) < 10:  # noqa: PLR2004 - signature and logical screen size
        return None
    width, height = struct.unpack("<HH", head[6:10])
    return width, height


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:  # noqa: PLR2004 - every marker's first byte
        marker = head[at + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        (length,) = struct.unpack(">H", head[at + 2 : at + 4])
        at += 2 + max(length, 2)
    # Camera profiles can push the size beyond the header read here; a JPEG cannot claim more
    # than 65,535 each way, so let the browser judge one whose size is further in.
    return (0, 0) if at > len(head) else None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    if len(head) < 30 or head[8:12] != b"WEBP":  # noqa: PLR2004 - the longest of three headers
        return None
    kind = head[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(head[24:27], "little") + 1
        height = int.from_bytes(head[27:30], "little") + 1
    elif kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = struct.unpack("<HH", head[26:30])
        width, height = width & 0x3FFF, height & 0x3FFF
    return width, height


_SIZES = {
    "image/png": _png_size,
    "image/jpeg": _jpeg_size,
    "image/gif": _gif_size,
    "image/webp": _webp_size,
}
