"""HTTP: who may ask, which route answers, and how bodies come in and go out.

Bodies are always read to their end before an answer is sent. A client that is still sending when
its connection closes may never see the answer, so a refusal waits until all has arrived.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from dynamic_sessions_kernel.api_versions import ApiVersion
from dynamic_sessions_kernel.localpool import errors, proof
from dynamic_sessions_kernel.localpool.errors import Refusal

from . import current, legacy, management
from .routes import ApiRequest, ApiResponse, Download, PlainText, Route, find_route
from .uploads import Upload

if TYPE_CHECKING:
    from pathlib import Path

    from dynamic_sessions_kernel.localpool.faults import FaultInjector
    from dynamic_sessions_kernel.localpool.profiles import Profile
    from dynamic_sessions_kernel.localpool.sessions.store import SessionStore

#: The pool's address below its host, in the form that Azure gives to pools.
POOL_PATH = "/subscriptions/local/resourceGroups/local/sessionPools/local"
_LARGEST_JSON = 64 * 1024**2
# Over any body that disks hold: what is too large is read, dropped and told, not cut off.
_LARGEST_BODY_BYTES = 1 << 50
_CHUNK_BYTES = 1 << 18
_SENT_AT_ONCE_BYTES = 1 << 20

# The characters that the service's documentation lists, and how many.
_IDENTIFIER = re.compile(r"[A-Za-z0-9|\-&^%$#(){}\[\];<>]{4,128}")

#: The names of this machine under which the pool can be called.
_HOST = re.compile(r"(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?", re.IGNORECASE)
_CHALLENGE = re.compile(f"[0-9a-f]{{{proof.CHALLENGE_CHARS}}}")
_OPERATION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

_log = logging.getLogger(__name__)


class Service:
    """What all calls share.

    Args:
        token: that callers must show.
        incoming: a folder for uploads on their way.
        profile: the kind of pool whose answers are given.

    Attributes:
        calls: how many are under way.
        last_call: when the last one came or ended, by `time.monotonic`.
    """

    def __init__(
        self,
        store: SessionStore,
        faults: FaultInjector,
        token: str,
        incoming: Path,
        profile: Profile,
    ) -> None:
        self.store = store
        self.faults = faults
        self.incoming = incoming
        self.profile = profile
        self.calls = 0
        self.last_call = time.monotonic()
        self._token = token.encode()

    def listen(self) -> HTTPServer:
        """Return a server that is not bound yet."""
        # Addresses carry identifiers, which are secrets: nothing of them is logged.
        application = Application(
            [(".*", _Handler, {"service": self})], log_function=lambda _handler: None
        )
        return HTTPServer(application, max_body_size=_LARGEST_BODY_BYTES, chunk_size=_CHUNK_BYTES)

    def proof(self, challenge: str) -> str:
        """Return what proves to a caller that this is the pool whose token it knows."""
        return proof.answer(self._token.decode(), challenge)

    def admits(self, authorization: str) -> bool:
        """Whether a call with this header is let in."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), self._token)


@stream_request_body
class _Handler(RequestHandler):
    """Carries one call to its route and the answer back."""

    def initialize(self, service: Service) -> None:
        self._service = service
        self._refusal: Refusal | None = None
        self._route: Route | None = None
        self._arguments: list[str] = []
        self._query: dict[str, str] = {}
        self._body = bytearray()
        self._upload: Upload | None = None
        self._challenge = ""
        self._responding = False

    def prepare(self) -> None:
        self._service.last_call = time.monotonic()
        try:
            self._admit()
        except Refusal as refusal:
            self._refusal = refusal
        else:
            if self._route is not None and self._route.takes == "upload":
                kind = self.request.headers.get("Content-Type", "")
                self._upload = Upload(
                    kind, self._service.incoming, self._service.profile.largest_file_bytes
                )

    def data_received(self, chunk: bytes) -> None:
        if self._upload is not None:
            self._upload.feed(chunk)
        elif self._refusal is None:
            if len(self._body) + len(chunk) > _LARGEST_JSON:
                self._refusal = errors.too_large("The body is too large.")
                self._body.clear()
            else:
                self._body += chunk

    async def _respond(self) -> None:
        service = self._service
        service.calls += 1
        self._responding = True
        try:
            answer = await self._answer()
            await service.faults.delay()
            if answer.ran and service.faults.drops():
                self.detach().close()
            else:
                await self._send(answer)
        except StreamClosedError:
            pass  # nobody waits for the answer any more
        finally:
            service.calls -= 1
            service.last_call = time.monotonic()
            self._discard()

    # Each of them comes here, to be refused in the service's words where it is not supported.
    get = head = post = put = patch = delete = options = _respond

    async def _answer(self) -> ApiResponse:
        try:
            if self._challenge and self._refusal is None:
                return ApiResponse(200, PlainText(self._service.proof(self._challenge)))
            if self._refusal is not None or self._route is None:
                raise self._refusal or errors.no_such_pool()
            if self._service.faults.errs():
                raise errors.unavailable()
            call = ApiRequest(
                store=self._service.store,
                url=f"{self.request.protocol}://{self.request.host}{self.request.path}",
                version=_version(self._query["api-version"]),
                profile=self._service.profile,
                query=self._query,
                arguments=self._arguments,
                body=bytes(self._body),
                files=self._upload.files() if self._upload is not None else (),
                operation_id=self._operation_id(),
            )
            return await self._route.act(call)
        except Refusal as refusal:
            return ApiResponse(refusal.status, refusal, refusal.headers)

    def _admit(self) -> None:
        """Check who asks for what, in the order in which the service does."""
        self._refuse_pages()
        if self.request.path == f"{POOL_PATH}/{proof.PATH}" and self.request.method == "GET":
            self._challenge = self.get_query_argument("challenge", "")
            if not _CHALLENGE.fullmatch(self._challenge):
                raise errors.invalid("challenge must be hexadecimal digits.")
            return
        if not self._service.admits(self.request.headers.get("Authorization", "")):
            raise errors.unauthorized()
        path = self.request.path
        if not path.startswith(f"{POOL_PATH}/"):
            raise errors.no_such_pool()
        for name, values in self.request.query_arguments.items():
            try:
                self._query[name] = values[-1].decode()
            except UnicodeDecodeError:
                raise errors.invalid("The query is not UTF-8.") from None
        routes = _routes(self._service.profile, _version(self._query.get("api-version", "")))
        path = path.removeprefix(f"{POOL_PATH}/")
        self._route, self._arguments = find_route(routes, self.request.method or "", path)
        if self._route.names_session and not _IDENTIFIER.fullmatch(
            self._query.get("identifier", "")
        ):
            raise errors.invalid(
                "identifier is required: 4 to 128 letters, digits and | - & ^ % $ # ( ) { } [ ] ; "
                "< >."
            )

    def _refuse_pages(self) -> None:
        """Refuse what a web page in the person's browser could send here.

        Raises:
            Refusal: 403; a page's own requests carry `Origin`, and those under a host name that
                leads here carry that name.
        """
        if "Origin" in self.request.headers or not _HOST.fullmatch(self.request.host):
            raise errors.no_page()

    def _operation_id(self) -> str:
        """Return the caller's name for an execution; empty where none is given.

        Raises:
            Refusal: it cannot stand in an address.
        """
        name = self.request.headers.get("operation-id", "")
        if name and not _OPERATION_ID.fullmatch(name):
            raise errors.invalid("operation-id must be 1 to 128 letters, digits, - and _.")
        return name

    async def _send(self, answer: ApiResponse) -> None:
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        body = answer.body
        if isinstance(body, Download):
            await self._send_file(body)
            return
        if isinstance(body, PlainText):
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            await self.finish(body.text)
            return
        kind = "application/json; charset=utf-8"
        if isinstance(body, Refusal):
            kind, body = body.content_type, body.body()
        if body is None:
            self.clear_header("Content-Type")
            await self.finish()
            return
        self.set_header("Content-Type", kind)
        await self.finish(json.dumps(body))

    async def _send_file(self, download: Download) -> None:
        """Send what was announced; a file that shrinks meanwhile breaks the connection instead."""
        try:
            self.set_header("Content-Type", "application/octet-stream")
            self.set_header("Content-Length", str(download.size))
            left = download.size
            while left:
                chunk = await asyncio.to_thread(
                    os.read, download.file, min(left, _SENT_AT_ONCE_BYTES)
                )
                if not chunk:
                    self.detach().close()
                    return
                left -= len(chunk)
                self.write(chunk)
                await self.flush()
            await self.finish()
        finally:
            os.close(download.file)

    def compute_etag(self) -> None:
        """Send none, as the service."""

    def set_default_headers(self) -> None:
        """Say nothing of what serves, as the service."""
        self.clear_header("Server")

    def on_connection_close(self) -> None:
        """Drop a half upload; what runs goes on, as it does in the service."""
        if not self._responding:
            self._discard()

    def _discard(self) -> None:
        if self._upload is not None:
            self._upload.discard()

    def write_error(self, status_code: int, **_: Any) -> None:
        """Answer what never reached a route, or failed in one, in the service's shapes."""
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            refusal = errors.not_supported("This method is not supported.")
        elif status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            refusal = errors.invalid("The request cannot be understood.")
        else:
            refusal = errors.failed("Something went wrong in the pool; its log tells what.")
        self.set_status(refusal.status)
        self.set_header("Content-Type", refusal.content_type)
        for name, value in refusal.headers.items():
            self.set_header(name, value)
        self.finish(json.dumps(refusal.body()))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log without the address, which holds the identifier."""
        if not isinstance(value, HTTPError):
            _log.error("A %s call failed.", self.request.method, exc_info=(typ, value, tb))


def _version(name: str) -> ApiVersion:
    """Return the api-version of that name.

    Raises:
        Refusal: it is unknown, which the service answers like a wrong token.
    """
    try:
        return ApiVersion(name)
    except ValueError:
        raise errors.unauthorized() from None


def _routes(profile: Profile, version: ApiVersion) -> tuple[Route, ...]:
    """Return the calls that an api-version has in this kind of pool."""
    if version.is_legacy:
        return legacy.ROUTES if profile.legacy_data else ()
    data = current.ROUTES if profile.current_data else ()
    if not version.has_sessions:
        return data
    return data + management.routes(profile)
