"""Sessions of a pool as such: looked at, listed, ended; and what kind of pool it is.

Pools of code interpreters have `/session`, `/listSessions` and `/metadata` for that, pools of
custom containers `/.management` (docs/service.md, "Pool types"). Which of them a pool has is seen
by its host where that is Azure's own, and else by what it answers to the first call.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from dynamic_sessions_kernel.errors import (
    BadRequestError,
    DynamicSessionsError,
    PoolNotFoundError,
    PoolTypeError,
    ServiceError,
    SessionNotFoundError,
)

from .http.error_responses import nothing_found
from .paging import pages
from .pool_types import other_language

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .api.base import Generation
    from .http.messages import ApiRequest, ApiResponse
    from .http.transport import Transport
    from .models import PoolMetadata, SessionInfo

    T = TypeVar("T")

#: Every custom-container pool of Azure lives below this name; others can host there, too.
CUSTOM_CONTAINER_DOMAIN = ".azurecontainerapps.io"
_NO_METADATA = "A pool of custom containers does not say what its sessions have installed."
#: How often a second look at a refusal is tried: the refusal itself is an answer already.
_LOOKS = 2
_MEBIBYTE_BYTES = 1 << 20
_FILE_BYTES, _CUSTOM_CONTAINER_FILE_BYTES = 128 * _MEBIBYTE_BYTES, 250 * _MEBIBYTE_BYTES


class Management:
    """The calls about one pool and its sessions. Thread-safe; calls block.

    Args:
        transport: the way to the pool.
        generation: translates the calls.
        host: of the pool.
    """

    def __init__(self, transport: Transport, generation: Generation, host: str) -> None:
        self._transport = transport
        self._generation = generation
        self._host = host
        self._custom: bool | None = True if host.endswith(CUSTOM_CONTAINER_DOMAIN) else None
        transport.look_again_with(self.look_again)

    @property
    def largest_file_bytes(self) -> int:
        """What one file may have, as far as the kind of pool is known."""
        return _CUSTOM_CONTAINER_FILE_BYTES if self._custom else _FILE_BYTES

    def info(self, identifier: str, *, attempts: int | None = None) -> SessionInfo:
        """Return a session's times; see `Session.info`."""
        response = self._ask(
            lambda custom: self._generation.session(custom=custom).within(identifier), attempts
        )
        return self._generation.session_told(response)

    def end(self, identifier: str) -> None:
        """End a session; see `Session.delete`."""
        self._ask(lambda custom: self._generation.delete_session(custom=custom).within(identifier))

    def sessions(self) -> Iterator[SessionInfo]:
        """Yield the living sessions; see `SessionPool.sessions`."""
        seen = set[str]()
        while True:
            found = [info for info in self._listed(len(seen)) if info.identifier not in seen]
            # A service that does not heed `skip` repeats itself, and that ends this too.
            if not found:
                return
            seen.update(info.identifier for info in found)
            yield from found

    def _listed(self, skip: int) -> list[SessionInfo]:
        def listing(custom: bool) -> list[SessionInfo]:
            call = self._generation.list_sessions(skip, custom=custom)
            bodies = pages(self._transport, call)
            return [info for body in bodies for info in self._generation.sessions_listed(body)]

        return self._either(listing)

    def metadata(self) -> PoolMetadata:
        """Return what sessions have installed; see `SessionPool.metadata`."""
        try:
            return self._described()
        except PoolNotFoundError as missing:
            if not self._is_custom():
                raise
            raise BadRequestError(_NO_METADATA, status=missing.status, code=missing.code) from None

    def _described(self, attempts: int | None = None) -> PoolMetadata:
        response = self._transport.send(self._generation.metadata(), attempts=attempts)
        return self._generation.metadata_told(response)

    def _is_custom(self) -> bool:
        """Whether the pool is one of custom containers, as its listing of sessions shows."""
        if self._custom is None:
            with suppress(DynamicSessionsError):
                self._listed(0)
        return self._custom is True

    def wrong_type(self) -> PoolTypeError | None:
        """Return the error for a pool that runs another language than Python, if it is one."""
        try:
            return other_language(self._described(_LOOKS))
        except DynamicSessionsError:
            return None

    def look_again(self, error: ServiceError, call: ApiRequest) -> ServiceError:
        """Return what a refusal of `call` means, by what the pool says of itself.

        A full pool and a wrong address can answer alike, with 404, and so can a wrong API
        generation and a pool of another language, with 400.
        """
        if not call.allocates:
            return error
        if isinstance(error, BadRequestError) and error.code == "SessionPropertiesMissing":
            return self.wrong_type() or error
        if isinstance(error, PoolNotFoundError):
            custom = self._answers_as_custom()
            if custom is not None:
                return nothing_found(error, call, self._host, custom=custom)
        return error

    def _answers_as_custom(self) -> bool | None:
        """Return whether the pool there is one of custom containers; None where there is none.

        No session is allocated.
        """
        try:
            told = self._described(_LOOKS)
            if told.kernel or told.runtimes:
                return False
        except ServiceError:
            pass
        except DynamicSessionsError:
            return None
        try:
            call = self._generation.list_sessions(0, custom=True)
            body = self._generation.listing(self._transport.send(call, attempts=_LOOKS))
        except DynamicSessionsError:
            return None
        return True if isinstance(body.get("value"), list) else None

    def _ask(self, make: Callable[[bool], ApiRequest], attempts: int | None = None) -> ApiResponse:
        return self._either(lambda custom: self._transport.send(make(custom), attempts=attempts))

    def _either(self, ask: Callable[[bool], T]) -> T:
        """Ask by the calls that the pool has; where that is not known yet, see which answer."""
        if self._custom is not None:
            return ask(self._custom)
        try:
            found = ask(False)
        except (PoolNotFoundError, BadRequestError) as missing:
            return self._other(ask, missing)
        except SessionNotFoundError:
            self._custom = False
            raise
        self._custom = False
        return found

    def _other(self, ask: Callable[[bool], T], missing: ServiceError) -> T:
        try:
            found = ask(True)
        except SessionNotFoundError:
            self._custom = True
            raise
        except DynamicSessionsError:
            raise missing from None
        self._custom = True
        return found
