"""Reads fields of the service's JSON strictly: a wrong type is an error, never a guess."""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.client.models import DATA_FOLDER, Image, RemoteFile, SessionInfo
from dynamic_sessions_kernel.client.remote_paths import printable
from dynamic_sessions_kernel.errors import UnexpectedAnswerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamic_sessions_kernel.client.http.messages import ApiResponse

# Python refuses to parse longer integers, which a cell that computes a large one would run into.
_MAX_DIGITS = 4000
# JSON has no such numbers; the service itself writes them as strings.
_CONSTANTS = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}


def json_object(response: ApiResponse) -> dict[str, Any]:
    """Return the response's body as a JSON object.

    Raises:
        UnexpectedAnswerError: it is empty, cut, no JSON, or no object.
    """
    body = _json(response)
    if not isinstance(body, dict):
        raise unexpected(response.doing, "is not a JSON object")
    return body


def json_listing(response: ApiResponse) -> dict[str, Any]:
    """Return the body of a listing, where a bare array stands for its `value`.

    Microsoft's interpreter image in a custom-container pool lists so.

    Raises:
        UnexpectedAnswerError: it is empty, cut, no JSON, or neither an object nor an array.
    """
    body = _json(response)
    if isinstance(body, list):
        return {"value": body}
    if not isinstance(body, dict):
        raise unexpected(response.doing, "is not a JSON object")
    return body


def _json(response: ApiResponse) -> Any:
    try:
        return json.loads(
            response.content, parse_int=_integer, parse_constant=_CONSTANTS.__getitem__
        )
    except (ValueError, RecursionError):
        kind = "is empty" if not response.content else "is not JSON or was cut"
        raise unexpected(response.doing, kind) from None


def unexpected(doing: str, what: str) -> UnexpectedAnswerError:
    """Return the error for a response on `doing` that `what` is wrong with."""
    return UnexpectedAnswerError(
        f"The service's answer on {doing} {what}. What was asked for may have been done. If this "
        "repeats, check that the endpoint is a session pool's and that `api_version` is one it "
        "knows."
    )


def field(body: Mapping[str, Any], name: str, kind: type | tuple[type, ...], doing: str) -> Any:
    """Return a field of that type; None where it is missing or null."""
    value = body.get(name)
    if value is None or (isinstance(value, kind) and not isinstance(value, bool)):
        return value
    raise unexpected(doing, f"has a {name} of a wrong type")


def text(body: Mapping[str, Any], name: str, doing: str) -> str:
    """Return a string, empty where it is missing, that can be encoded as UTF-8."""
    return _encodable(field(body, name, str, doing) or "")


def moment(value: Any) -> datetime | None:
    """Return a date and time with zone (UTC where none is given); None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def remote_file(name: str, directory: str, size: Any, doing: str, **more: Any) -> RemoteFile:
    """Return a file as the service lists it.

    Raises:
        UnexpectedAnswerError: its name could lead out of the session's folder, or its size is none.
    """
    directory = directory.removeprefix(DATA_FOLDER).strip("/")
    parts = directory.split("/") if directory else []
    if "/" in name or {"", ".", ".."}.intersection((*parts, name)):
        raise unexpected(doing, f"names a file {printable(name)}, which is no file's name")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
        raise unexpected(doing, "has a size that is no number of bytes")
    return RemoteFile(name=name, directory=directory, size=size or 0, **more)


def new_allocation(headers: Mapping[str, str]) -> bool | None:
    """Return whether a session was allocated for an execution; None where no header says."""
    return {"true": True, "false": False}.get(headers.get("x-ms-new-allocation", "").lower())


def session_info(body: Mapping[str, Any], doing: str) -> SessionInfo:
    """Return a session as the service describes it."""
    return SessionInfo(
        identifier=text(body, "identifier", doing),
        created=moment(body.get("createdAt")),
        last_accessed=moment(body.get("lastAccessedAt")),
        expires=moment(body.get("expireAt") or body.get("expiresAt")),
    )


def result_value(value: Any) -> Any:
    """Return the value of the last expression: `""` and null both mean none."""
    if isinstance(value, str):
        return _encodable(value) or None
    return value


def image(value: Any) -> Image | None:
    """Return the image that a result is, None where it is none or cannot be decoded."""
    if not isinstance(value, dict) or value.get("type") != "image":
        return None
    form, data = value.get("format"), value.get("base64_data")
    if not isinstance(form, str) or not re.fullmatch(r"[a-z0-9][a-z0-9.+-]{0,31}", form):
        return None
    if not isinstance(data, str):
        return None
    try:
        return Image(form, base64.b64decode("".join(data.split()), validate=True))
    except (binascii.Error, ValueError):
        return None


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


def _encodable(value: str) -> str:
    """Replace lone surrogates, which JSON can carry and no front end can."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
