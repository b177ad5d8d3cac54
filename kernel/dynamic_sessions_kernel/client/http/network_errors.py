"""What requests and urllib3 raise, in our words.

Their exceptions quote whole addresses, identifiers included, so each is translated and none is
chained. The translation also answers the one question that matters: may the call be repeated?
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import requests
import urllib3.exceptions as u3

from dynamic_sessions_kernel.errors import (
    AnswerLostError,
    NotSentError,
    TransportError,
    UnexpectedAnswerError,
    UntrustedServerError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .messages import ApiRequest, Body

#: Everything that a call over requests, or reading its raw answer, can raise.
NETWORK_ERRORS = (requests.RequestException, u3.HTTPError, OSError, ssl.SSLError)

# Where several are found in one exception, the first of this table names the cause.
_NEVER_CONNECTED: tuple[tuple[type[BaseException], str], ...] = (
    (u3.NameResolutionError, "its name cannot be resolved: check the endpoint, and the network"),
    (requests.exceptions.ProxyError, "the proxy could not be used: check HTTPS_PROXY and NO_PROXY"),
    (u3.ProxyError, "the proxy could not be used: check HTTPS_PROXY and NO_PROXY"),
    (u3.NewConnectionError, "the connection was refused: check the endpoint, and the network"),
    (u3.ConnectTimeoutError, "it does not take connections: check the network"),
    (requests.exceptions.InvalidSchema, "the proxy is of a kind that is not installed"),
    (requests.exceptions.InvalidProxyURL, "the proxy's address is wrong: check HTTPS_PROXY"),
)


def translate(error: BaseException, call: ApiRequest, host: str, body: Body | None) -> Exception:
    """Return our own error for a network failure of `call`, to be raised `from None`."""
    causes = tuple(_chain(error))
    if _any(causes, ssl.SSLCertVerificationError):
        return UntrustedServerError(
            f"{host} could not prove who it is (TLS certificate), so nothing was sent. Behind a "
            "proxy that opens TLS, name its CA file in REQUESTS_CA_BUNDLE; else check the endpoint."
        )
    for kind, reason in _NEVER_CONNECTED:
        if _any(causes, kind):
            return NotSentError(f"{host} could not be reached: {reason}. Nothing was sent.")
    if _any(causes, u3.DecodeError, requests.exceptions.ContentDecodingError):
        return UnexpectedAnswerError(
            f"The service's answer on {call.doing} could not be decompressed. {call.if_lost}"
        )
    if body is not None and not body.handed_over:
        return NotSentError(
            f"The connection to {host} broke before the request was sent whole, so the service did "
            "not act on it. Try again."
        )
    waited = _any(causes, u3.ReadTimeoutError, TimeoutError)
    what = "did not answer in time" if waited else "broke the connection before its answer came"
    return AnswerLostError(f"{host} {what} ({call.doing}). {call.if_lost}")


def worth_repeating(error: Exception) -> bool:
    """Whether a transport error can pass by itself."""
    return isinstance(error, TransportError) and not isinstance(error, UntrustedServerError)


def _any(causes: tuple[BaseException, ...], *kinds: type[BaseException]) -> bool:
    return any(isinstance(cause, kinds) for cause in causes)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it wraps: urllib3 keeps causes in `reason`, requests in `args`."""
    waiting, seen = [error], set[int]()
    while waiting:
        cause = waiting.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = (getattr(cause, "reason", None), cause.__cause__, cause.__context__, *cause.args)
        waiting.extend(item for item in inner if isinstance(item, BaseException))
