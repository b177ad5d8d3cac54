"""Sends requests and returns responses: sign-in, time-outs, and retries.

The rule for retries stands here once. A request is repeated when the service certainly did not act
on it (never sent, or refused with 429 or 401), or when doing it twice is the same as doing it once.
Neither holds for an execution whose response was lost, so no code runs twice by our doing.

The retries are our own, and not azure-core's or urllib3's: those know no request that was sent in
part, and so could not distinguish one that never ran from one that perhaps did.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlsplit

from dynamic_sessions_kernel.client.redaction import hide_identifiers
from dynamic_sessions_kernel.errors import (
    AnswerLostError,
    DynamicSessionsError,
    NotSentError,
    PoolFullError,
    ServiceError,
    TransportError,
    UnauthorizedError,
    UnavailableError,
    UnexpectedAnswerError,
)

from .connections import Bearer, examine_connections, open_connections
from .error_responses import given_token_refused, service_error
from .messages import ApiResponse
from .network_errors import NETWORK_ERRORS, translate, worth_repeating
from .traffic import Counter

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    import requests

    from dynamic_sessions_kernel.client.endpoint import Endpoint
    from dynamic_sessions_kernel.client.sign_in import SignIn

    from .messages import ApiRequest, Body

    T = TypeVar("T")

#: A response that is read whole may be this long; a session decides how long its results are.
MAX_RESPONSE_BYTES = 64 << 20
#: How often a call is tried before its error is told.
ATTEMPTS = 5

_SUCCESS, _REDIRECT = range(200, 300), range(300, 400)
_CHUNK_BYTES = 1 << 16
_ERROR_BYTES = 1 << 16
_REPEATABLE = (TransportError, PoolFullError, UnavailableError)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for what, in seconds.

    Attributes:
        connect: for a connection, and for the network to take a piece of a request.
        read: for the next bytes of a response, and for the whole of a short one.
        margin: what an execution's response may take beyond the execution's own limit: allocating a
            session, and waiting for one that runs already.
        sign_in: for a person to finish signing in.
        first_pause, longest_pause: between attempts of one call; the pause doubles from the one
            to the other.
        longest_wish: the longest `Retry-After` of the service that is honoured.
        renew_pause: between attempts to renew a token that still holds.
        idle: after so long without use, a connection is not used again.
    """

    connect: float = 10.0
    read: float = 60.0
    margin: float = 30.0
    sign_in: float = 900.0
    first_pause: float = 0.5
    longest_pause: float = 8.0
    longest_wish: float = 30.0
    renew_pause: float = 30.0
    idle: float = 30.0


class Incoming:
    """A successful response whose body has not been read yet."""

    def __init__(
        self, response: requests.Response, call: ApiRequest, host: str, body: Body | None
    ) -> None:
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.call = call
        self._response = response
        self._host = host
        self._body = body
        self.received = 0

    def chunks(self, until: float | None = None) -> Iterator[bytes]:
        """Yield the body, decompressed, piece by piece.

        Args:
            until: of `time.monotonic()`, when to give up; a body may trickle for ever.

        Raises:
            TransportError: the connection broke, or time is over.
        """
        while True:
            try:
                chunk = self._response.raw.read1(_CHUNK_BYTES, decode_content=True)
            except NETWORK_ERRORS as error:
                raise translate(error, self.call, self._host, self._body) from None
            if not chunk:
                return
            self.received += len(chunk)
            yield chunk
            if until is not None and time.monotonic() > until:
                raise AnswerLostError(
                    f"{self._host} sends its answer too slowly ({self.call.doing}). "
                    f"{self.call.if_lost}"
                )

    def beginning(self, until: float) -> bytes:
        """Return the first part of the body, enough for an error; less if the rest is lost."""
        content = bytearray()
        try:
            for chunk in self.chunks(until):
                content += chunk
                if len(content) > _ERROR_BYTES:
                    break
        except DynamicSessionsError:
            _log.debug("the body of an error answer was lost")
        return bytes(content)


class Transport:
    """The way to one pool. Thread-safe; calls block until there is a response or an error."""

    def __init__(
        self, endpoint: Endpoint, sign_in: SignIn, timeouts: Timeouts, attempts: int = ATTEMPTS
    ) -> None:
        hide_identifiers()
        self.timeouts = timeouts
        self._endpoint = endpoint
        self._sign_in = sign_in
        self._attempts = attempts
        self._http = open_connections(endpoint, idle_seconds=timeouts.idle)
        self._closed = threading.Event()
        self._look_again: Callable[[ServiceError, ApiRequest], ServiceError] | None = None
        self.counter = Counter()

    @property
    def url(self) -> str:
        """The pool's address, without a slash at its end."""
        return self._endpoint.url

    def examine_connections(self, examine: Callable[[socket.socket], None]) -> None:
        """Have each new connection looked at before a request is sent on it.

        Args:
            examine: raises an `OSError` where a connection must not be used.
        """
        examine_connections(self._http, examine)

    def look_again_with(
        self, look_again: Callable[[ServiceError, ApiRequest], ServiceError]
    ) -> None:
        """Have each refusal of the service looked at again before it is raised.

        Args:
            look_again: returns what the refusal of a call means; it may make calls of its own.
        """
        self._look_again = look_again

    def close(self) -> None:
        """Close the connections and end all waiting between attempts. Repeatable."""
        self._closed.set()
        self._http.close()

    def pause(self, seconds: float) -> None:
        """Wait between attempts; ends at once when the transport is closed."""
        self._closed.wait(seconds)

    def send(
        self, call: ApiRequest, *, read_timeout: float | None = None, attempts: int | None = None
    ) -> ApiResponse:
        """Make a call and read its response whole.

        Args:
            call: what to ask.
            read_timeout: seconds to wait for the response; `Timeouts.read` when None.
            attempts: how often to try at most; the transport's own number when None.

        Raises:
            DynamicSessionsError: every kind that a call can end in, see `errors`.
        """
        patience = self.timeouts.read if read_timeout is None else read_timeout

        def read(incoming: Incoming) -> ApiResponse:
            return _read_whole(incoming, time.monotonic() + max(patience, self.timeouts.read))

        return self.receive(call, read, read_timeout=patience, attempts=attempts)

    def receive(
        self,
        call: ApiRequest,
        read: Callable[[Incoming], T],
        *,
        read_timeout: float | None = None,
        attempts: int | None = None,
    ) -> T:
        """Make a call and let `read` have its response; `read` runs anew with each attempt."""
        patience = self.timeouts.read if read_timeout is None else read_timeout
        limit = self._attempts if attempts is None else attempts
        number, uncertain, renewed = 1, False, False
        while True:
            if self._closed.is_set():
                raise NotSentError("This pool's client was closed; open another.")
            token = self._sign_in.token()
            try:
                return self._attempt(call, read, token, patience)
            except UnauthorizedError as refused:
                if self._sign_in.given:
                    raise given_token_refused(refused, call) from None
                # A token can be withdrawn before it expires; a new one is worth one try.
                if renewed or self._sign_in.renew(token) == token:
                    raise
                renewed = True
                continue
            except _REPEATABLE as error:
                if number >= limit or not _may_repeat(error, call):
                    raise
                uncertain = uncertain or isinstance(error, AnswerLostError | UnavailableError)
                delay = self._delay(number, error)
                _log.debug("%s: %s; again in %.1f s", _label(call), type(error).__name__, delay)
            except ServiceError as error:
                error.repeated = uncertain
                raise
            number += 1
            self.pause(delay)

    def _delay(self, number: int, error: DynamicSessionsError) -> float:
        """Return the seconds until the next attempt: doubling, never in step with others."""
        times = self.timeouts
        jitter = random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing
        pause: float = min(times.longest_pause, times.first_pause * 2 ** (number - 1)) * jitter
        wish = error.retry_after if isinstance(error, ServiceError) else None
        return max(pause, min(wish or 0.0, times.longest_wish))

    def _attempt(
        self, call: ApiRequest, read: Callable[[Incoming], T], token: str | None, patience: float
    ) -> T:
        host = self._endpoint.host
        body = call.body() if call.body else None
        headers = dict(call.headers)
        if body is not None:
            headers["Content-Type"] = body.content_type
        started = time.monotonic()
        try:
            response = self._http.request(
                call.method,
                f"{self._endpoint.url}/{call.path}",
                params=dict(call.params),
                data=body,
                headers=headers,
                auth=Bearer(token),
                timeout=(self.timeouts.connect, patience),
                allow_redirects=False,
                stream=True,
            )
        except NETWORK_ERRORS as error:
            if body is not None and body.failure is not None:
                raise body.failure from None
            failure = translate(error, call, host, body)
            self._note(call, type(failure).__name__, started, body)
            raise failure from None
        with response:
            incoming = Incoming(response, call, host, body)
            try:
                if incoming.status not in _SUCCESS:
                    raise self._refusal(incoming, token)
                return read(incoming)
            finally:
                self._note(call, str(incoming.status), started, body, incoming.received)

    def _note(
        self, call: ApiRequest, outcome: str, started: float, body: Body | None, received: int = 0
    ) -> None:
        """Count and log an attempt: kind, time and sizes, and nothing of what was in it."""
        sent = 0 if body is None else body.len
        self.counter.add(sent=sent, received=received)
        _log.debug(
            "%s: %s in %.0f ms, %d bytes sent, %d received",
            _label(call),
            outcome,
            (time.monotonic() - started) * 1000,
            sent,
            received,
        )

    def _refusal(self, incoming: Incoming, token: str | None) -> DynamicSessionsError:
        call, host = incoming.call, self._endpoint.host
        if incoming.status in _REDIRECT:
            try:
                target = urlsplit(incoming.headers.get("location", "")).hostname or host
            except ValueError:
                target = "another address"
            return UnexpectedAnswerError(
                f"{host} redirects to {target[:100]} ({incoming.status}, {call.doing}). It was not "
                "followed: it would carry the token away, or run code twice. Check the endpoint."
            )
        identifier = call.params.get("identifier", "")
        secrets = [value for value in (identifier, quote(identifier), token) if value]
        error = service_error(
            incoming.status,
            incoming.headers,
            incoming.beginning(time.monotonic() + self.timeouts.connect),
            call=call,
            host=host,
            secrets=secrets,
        )
        return error if self._look_again is None else self._look_again(error, call)


def _read_whole(incoming: Incoming, until: float) -> ApiResponse:
    content = bytearray()
    for chunk in incoming.chunks(until):
        content += chunk
        if len(content) > MAX_RESPONSE_BYTES:
            raise UnexpectedAnswerError(
                f"The service's answer on {incoming.call.doing} is longer than "
                f"{MAX_RESPONSE_BYTES >> 20} MB and was given up; the service has acted on it. "
                "Write large results to a file and download that."
            )
    return ApiResponse(incoming.status, incoming.headers, bytes(content), incoming.call.doing)


def _may_repeat(error: DynamicSessionsError, call: ApiRequest) -> bool:
    if isinstance(error, NotSentError):
        return worth_repeating(error)
    return call.repeatable or isinstance(error, PoolFullError)


def _label(call: ApiRequest) -> str:
    """Return a call's kind for the log, without the names of files or sessions."""
    return f"{call.method} {call.path.split('/', 1)[0]}"
