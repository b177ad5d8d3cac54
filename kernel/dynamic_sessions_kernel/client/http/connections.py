"""The connections that calls go over, and what requests would do with them by itself.

A pooled connection that was idle for long may be dead without either end knowing: a load balancer
forgot it, or the computer slept. A request sent on one is lost, and for an execution nobody can
say whether it ran. So a connection is given up before that.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from dynamic_sessions_kernel._version import __version__
from dynamic_sessions_kernel.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynamic_sessions_kernel.client.endpoint import Endpoint

    _AnyConnection = HTTPConnection
else:
    _AnyConnection = object  # it is mixed into connections of both kinds

#: Connections kept open at once; more work too, and urllib3 warns of each that it then discards.
POOL_SIZE = 32
USER_AGENT = (
    f"dynamic-sessions-kernel/{__version__} "
    f"(Python {sys.version_info.major}.{sys.version_info.minor}; {sys.platform})"
)


class _Watched(_AnyConnection):
    """Knows how long a connection was idle, over a computer's sleep too.

    The monotonic clock stands still in a suspended computer and the wall clock can be set, so the
    larger of the two differences counts.

    Attributes:
        idle_seconds: of idleness, after which the connection is not used again.
        examine: looks at each new connection before a request is sent on it, and raises an
            `OSError` where it must not be used.
    """

    idle_seconds: float
    examine: Callable[[socket.socket], None] | None = None

    _used: tuple[float, float] | None = None

    @property
    def is_connected(self) -> bool:
        return not self._stale and super().is_connected

    def connect(self) -> None:
        super().connect()
        if self.examine is None:
            return
        try:
            self.examine(self.sock)
        except OSError as error:
            self.close()
            raise NewConnectionError(self, str(error)) from None

    def getresponse(self) -> Any:
        response = super().getresponse()
        self._used = time.monotonic(), time.time()
        return response

    @property
    def _stale(self) -> bool:
        if self._used is None:
            return False
        monotonic, wall = self._used
        return max(time.monotonic() - monotonic, abs(time.time() - wall)) > self.idle_seconds


def _pool_classes(idle_seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    """Return urllib3's connection pools, by scheme, with connections that are watched."""

    class Connection(_Watched, HTTPConnection):
        pass

    class TlsConnection(_Watched, HTTPSConnection):
        pass

    class ConnectionPool(HTTPConnectionPool):
        ConnectionCls = Connection

    class TlsConnectionPool(HTTPSConnectionPool):
        ConnectionCls = TlsConnection

    Connection.idle_seconds = TlsConnection.idle_seconds = idle_seconds
    return {"http": ConnectionPool, "https": TlsConnectionPool}


def _socket_options() -> list[tuple[int, int, int]]:
    """No delay for small calls; probes, so that a silent network is noticed within an execution."""
    options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]
    # Not every system names these; without them its own, slower probes remain.
    for name, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), seconds))
    return options


class _Adapter(HTTPAdapter):
    """Makes connections that keep the rules above."""

    def __init__(self, idle_seconds: float) -> None:
        self._pool_classes = _pool_classes(idle_seconds)
        super().__init__(pool_connections=2, pool_maxsize=POOL_SIZE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the manager of direct connections."""
        super().init_poolmanager(
            *args, **kwargs, socket_options=_socket_options(), blocksize=1 << 16
        )
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def examine_with(self, examine: Callable[[socket.socket], None]) -> None:
        """Have each new connection looked at before a request is sent on it."""
        for pool_class in self._pool_classes.values():
            connection_class = pool_class.ConnectionCls
            if issubclass(connection_class, _Watched):
                connection_class.examine = staticmethod(examine)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the manager of connections through a proxy."""
        manager = super().proxy_manager_for(
            proxy, **kwargs, socket_options=_socket_options(), blocksize=1 << 16
        )
        manager.pool_classes_by_scheme = self._pool_classes
        return manager


class Bearer(AuthBase):
    """Sets the token, or nothing where there is none.

    An auth object even for nothing: without one, requests puts what `.netrc` has for the host in
    the token's place.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header of one request."""
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Know of no redirect: following one would carry the token away or run code twice.

        Even where it is to follow none, requests looks ahead: it reads the whole body of a
        redirect and fails on a target that is no address.
        """
        del resp


def open_connections(endpoint: Endpoint, *, idle_seconds: float) -> requests.Session:
    """Return a `requests.Session` for one pool: keep-alive, no cookies, proxies for Azure alone.

    Calls to this machine ignore proxy variables, which would hand the token to the proxy; calls to
    Azure honour them. `REQUESTS_CA_BUNDLE` and `CURL_CA_BUNDLE` hold for both.

    Args:
        endpoint: the pool's.
        idle_seconds: after so long without use, a connection is not used again.
    """
    session = _Session()
    session.headers["User-Agent"] = USER_AGENT
    session.headers["Accept"] = "application/json"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    bundle = _ca_bundle(os.environ)
    if endpoint.loopback:
        session.trust_env = False
        session.verify = bundle or True
    adapter = _Adapter(idle_seconds)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def examine_connections(
    session: requests.Session, examine: Callable[[socket.socket], None]
) -> None:
    """Have each new connection looked at before a request is sent on it.

    Args:
        session: of `open_connections`.
        examine: raises an `OSError` where a connection must not be used.
    """
    for adapter in session.adapters.values():
        if isinstance(adapter, _Adapter):
            adapter.examine_with(examine)


def _ca_bundle(environment: Mapping[str, str]) -> str | None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if path := environment.get(name):
            if not Path(path).exists():
                raise SettingsError(f"{name} names {path}, which does not exist.")
            return path
    return None
