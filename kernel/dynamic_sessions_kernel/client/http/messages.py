"""What goes over the wire and what comes back, in this package's own words.

The two generations of the API write `ApiRequest`s and read `ApiResponse`s; the transport sends the
one and returns the other. Neither knows the other's business.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Readable(Protocol):
    """The part of a binary stream that a request's body needs."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, nothing at the end."""


class Body:
    """A request's body that knows whether its last byte has left.

    The service acts on a request only when it has all of it. So a failure before the last byte
    was handed over proves that nothing ran, and the request may be repeated.
    """

    def __init__(self, stream: Readable, length: int, content_type: str) -> None:
        self.len = length  # the name by which requests asks for it
        self.content_type = content_type
        self.failure: Exception | None = None  # of the stream itself, not of the network
        self._stream = stream
        self._read = 0

    @property
    def handed_over(self) -> bool:
        """Whether all of it was given to the connection."""
        return self._read >= self.len

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, as http.client asks for them."""
        try:
            chunk = self._stream.read(size)
        except Exception as error:
            self.failure = error
            raise
        self._read += len(chunk)
        return chunk


def json_body(value: Mapping[str, Any]) -> Callable[[], Body]:
    """Return a maker of bodies that hold `value` as JSON."""
    data = json.dumps(value, separators=(",", ":")).encode()
    return lambda: Body(io.BytesIO(data), len(data), "application/json")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One call of the API.

    Attributes:
        method: the HTTP method.
        path: below the pool's endpoint, percent-encoded, without a leading slash.
        doing: what it does, to complete "The service refused …", such as `listing files`.
        params: the query, `api-version` always among it.
        body: makes the body, anew for each attempt; None for none.
        allocates: whether it allocates the session that it names, if there is none.
        names_file: whether it is about one file that is there.
        repeatable: whether doing it twice is the same as doing it once.
        if_lost: what to say when no response came: what is unknown, and what to do.
        headers: beyond those that every call has.
    """

    method: str
    path: str
    doing: str
    params: Mapping[str, str] = field(repr=False)
    body: Callable[[], Body] | None = None
    allocates: bool = False
    names_file: bool = False
    repeatable: bool = True
    if_lost: str = "Try again."
    headers: Mapping[str, str] = field(default_factory=dict)

    def within(self, identifier: str) -> ApiRequest:
        """Return this call, made to the session of that identifier."""
        return self.asking(identifier=identifier)

    def asking(self, **params: str) -> ApiRequest:
        """Return this call with more in its query."""
        return replace(self, params={**self.params, **params})


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A successful response, read whole.

    Attributes:
        status: the HTTP status.
        headers: by lower-case name.
        content: the body, decompressed.
        doing: the call's own word, for what is wrong with the response.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    doing: str
