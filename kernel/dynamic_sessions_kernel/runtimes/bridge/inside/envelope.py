"""The wire format, shared word for word by both ends, because neither may trust the wire.

An exchange is one execution of the service: an envelope goes down inside the code, another comes
up as the value of its last expression. An envelope is text,

    ~dsk1.<base64url of: flags, length, checksum, body>.<filler>~

where the body, compressed if that helps, is a small JSON head and a slice of a byte stream
(`stream.py`). The alphabet needs no escape in JSON or in a Python literal. Some containers decode
results that look like base64: the tildes stop strict decoders, and the filler makes the number of
letters one that no base64 text can have, which stops those that skip unknown characters.

This module runs in the session too: standard library alone, Python 3.10.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
import zlib
from typing import Any

PREFIX = "~dsk1."
SUFFIX = "~"

#: Most bytes of a stream in one envelope; more could be a decompression bomb.
MAX_SLICE = 16 << 20
#: Most bytes of a head.
MAX_HEAD = 16 << 10
#: Most characters of an envelope: a slice that did not compress, and what goes around it.
MAX_TEXT = (MAX_SLICE + MAX_HEAD) // 3 * 4 + 1024

_COMPRESSED = 1
_LEAD = struct.Struct(">BII")  # flags, length of the body, its CRC-32
_HEAD = struct.Struct(">H")
_DIALECT = str.maketrans("-_", "+/")


class EnvelopeError(ValueError):
    """What came is not an envelope, or one that was cut, damaged or made to do harm."""


def seal(head: dict[str, Any], data: bytes = b"") -> str:
    """Make an envelope of a head and a slice."""
    encoded = json.dumps(head, separators=(",", ":")).encode()
    body = _HEAD.pack(len(encoded)) + encoded + data
    packed, flags = body, 0
    if len(body) > 1024:  # noqa: PLR2004 - below that, it takes longer than it saves
        smaller = zlib.compress(body, 1)
        if len(smaller) < len(body):
            packed, flags = smaller, _COMPRESSED
    lead = _LEAD.pack(flags, len(body), zlib.crc32(body))
    text = PREFIX + base64.urlsafe_b64encode(lead + packed).decode("ascii").rstrip("=") + "."
    return text + _filler(text) + SUFFIX


def unseal(text: str) -> tuple[dict[str, Any], bytes]:
    """Take an envelope apart.

    Quotes and other text around it are ignored: some containers hand strings over as their repr.

    Raises:
        EnvelopeError: the text holds no whole, sound envelope.
    """
    start, end = text.find(PREFIX), text.rfind(SUFFIX)
    if start < 0 or end < start + len(PREFIX):
        raise EnvelopeError("no whole envelope in the answer")
    if end - start > MAX_TEXT:
        raise EnvelopeError("an envelope over the limit")
    encoded, dot, _ = text[start + len(PREFIX) : end].partition(".")
    if not dot:
        raise EnvelopeError("an envelope that was cut")
    try:
        raw = binascii.a2b_base64(encoded.translate(_DIALECT) + "=" * (-len(encoded) % 4))
        flags, length, checksum = _LEAD.unpack_from(raw)
    except (ValueError, struct.error):
        raise EnvelopeError("an envelope that is damaged") from None
    body = _inflated(raw[_LEAD.size :], flags, length)
    if len(body) != length or zlib.crc32(body) != checksum:
        raise EnvelopeError("an envelope whose length or checksum is wrong")
    return _split(body)


def _filler(text: str) -> str:
    dashes = text.count("-") + text.count("_")
    letters = len(text) - dashes - text.count(".") - text.count("~")
    return "-" * (-dashes % 4) + "x" * ((1 - letters) % 4)


def _inflated(packed: bytes, flags: int, length: int) -> bytes:
    if length > MAX_SLICE + MAX_HEAD + _HEAD.size:
        raise EnvelopeError("an envelope that claims to be over the limit")
    if flags == 0:
        return packed
    if flags != _COMPRESSED:
        raise EnvelopeError("an envelope with unknown flags")
    inflater = zlib.decompressobj()
    try:
        body = inflater.decompress(packed, length + 1)
    except zlib.error:
        raise EnvelopeError("an envelope that does not decompress") from None
    return body


def _split(body: bytes) -> tuple[dict[str, Any], bytes]:
    if len(body) < _HEAD.size:
        raise EnvelopeError("an envelope without a head")
    (size,) = _HEAD.unpack_from(body)
    end = _HEAD.size + size
    if size > MAX_HEAD or end > len(body):
        raise EnvelopeError("an envelope whose head is over the limit")
    return load_object(body[_HEAD.size : end], depth=4), body[end:]


def load_object(data: bytes, *, depth: int = 100) -> dict[str, Any]:
    """Read a JSON object from a peer that may lie.

    Args:
        data: UTF-8. An ipykernel also sends bytes that are none, such as those of an odd file
            name: they become U+FFFD, as Jupyter's clients read them. `NaN` and the infinities,
            which JSON does not know, and numbers of more digits than Python converts become null.
        depth: how deep it may nest.

    Raises:
        EnvelopeError: not JSON, not an object, or nested deeper.
    """
    text = data.decode("utf-8", "replace")
    try:
        value = _loads(text)
    except RecursionError:
        raise EnvelopeError("content nested too deep") from None
    except ValueError:
        raise EnvelopeError("content that is not JSON") from None
    if not isinstance(value, dict):
        raise EnvelopeError("content that is not a JSON object")
    if data.count(b"{") + data.count(b"[") > depth:
        _check_depth(value, depth)
    if b"\\u" in data:
        return dict(_without_surrogates(value))
    return value


def _loads(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_null)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a number of too many digits
        return json.loads(text, parse_constant=_null, parse_int=_number)


def _null(_: str) -> None:
    return None


def _number(digits: str) -> int | None:
    try:
        return int(digits)
    except ValueError:
        return None


def _check_depth(value: Any, depth: int) -> None:
    level: list[Any] = [value]
    while level:
        if depth == 0:
            raise EnvelopeError("content nested too deep")
        depth -= 1
        below: list[Any] = []
        for item in level:
            members = item.values() if isinstance(item, dict) else item
            below.extend(member for member in members if isinstance(member, (dict, list)))
        level = below


def _without_surrogates(value: Any) -> Any:
    """Replace halves of surrogate pairs, which JSON can carry and UTF-8 cannot."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    return value
