"""A session pool as a Python object: the door to the service's REST API."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Self

from dynamic_sessions_kernel.api_versions import DEFAULT_VERSION
from dynamic_sessions_kernel.errors import SettingsError

from .api.choose import choose_generation
from .embedded import EMBEDDED, demand_proof, find_or_start, no_sandbox_warning
from .endpoint import AZURE_DOMAIN, parse_endpoint
from .http.transport import ATTEMPTS, Timeouts, Transport
from .management import Management
from .session import Session
from .sign_in import SignIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from azure.core.credentials import TokenCredential

    from dynamic_sessions_kernel.errors import PoolTypeError

    from .http.traffic import Traffic
    from .models import PoolMetadata, SessionInfo
    from .sign_in import DevicePrompt


class SessionPool:
    """A pool of dynamic sessions. Thread-safe; calls block; nothing is sent before the first one.

    Args:
        endpoint: the pool management endpoint, as the portal shows it; left out, the person's
            embedded pool on this machine, which is found or started, and brings its own token.
        credential: `default` (DefaultAzureCredential), `device_code`, `interactive`, `none` (or
            None), or any credential object with azure-core's `get_token`.
        api_version: a date; those before 2024-10-02 are of the legacy generation.
        token: a bearer token given outright; then `credential` is not asked.
        token_hosts: host names, exact, that may be sent a token beside `*.dynamicsessions.io` and
            this machine.
        credential_options: keyword arguments for the credential that a word names.
        prompt: shows a person the address, the code and the end of a device-code sign-in;
            azure-identity prints them when None.
        signed_in: called when a sign-in has ended, with whether it gave a token; called from a
            thread of its own.
        timeouts: how long to wait for what.
        attempts: how often a call is tried that is safe to repeat.

    Raises:
        SettingsError: a value that cannot be used.
        LocalPoolError: the embedded pool cannot be started here, and what to do.

    Example:
        >>> with SessionPool("https://westus2.dynamicsessions.io/subscriptions/…") as pool:
        ...     session = pool.session("4f6e9a0c-…")
        ...     session.upload("sales.csv")
        ...     print(session.execute("open('/mnt/data/sales.csv').read()").result)
    """

    def __init__(
        self,
        endpoint: str = EMBEDDED,
        credential: TokenCredential | str | None = "default",
        *,
        api_version: str = DEFAULT_VERSION,
        token: str | None = None,
        token_hosts: Iterable[str] = (),
        credential_options: Mapping[str, Any] | None = None,
        prompt: DevicePrompt | None = None,
        signed_in: Callable[[bool], None] | None = None,
        timeouts: Timeouts | None = None,
        attempts: int = ATTEMPTS,
    ) -> None:
        embedded = endpoint == EMBEDDED
        if embedded:
            address = find_or_start()
            endpoint, token = address.endpoint, address.token
            if warning := no_sandbox_warning(address):
                warnings.warn(warning, stacklevel=2)
        timeouts = timeouts or Timeouts()
        where = parse_endpoint(endpoint, token_hosts)
        sign_in = SignIn(
            credential,
            token=token,
            options=credential_options,
            prompt=prompt,
            ended=signed_in,
            timeout=timeouts.sign_in,
            renew_pause=timeouts.renew_pause,
        )
        if not where.takes_token and not sign_in.anonymous:
            raise SettingsError(
                f"{where.host} is not a host that may be sent a token: those are *{AZURE_DOMAIN} "
                "and this machine. If you trust it, name it in `token_hosts` "
                "(DYNAMIC_SESSIONS_TOKEN_HOSTS); if it needs no sign-in, set `credential` "
                "(DYNAMIC_SESSIONS_CREDENTIAL) to none."
            )
        self._host = where.host
        self._sign_in = sign_in
        self._generation = choose_generation(api_version)
        self._transport = Transport(where, sign_in, timeouts, attempts)
        if embedded:
            demand_proof(self._transport, endpoint, token or "")
        self._management = Management(self._transport, self._generation, where.host)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SessionPool at {self._host}, {self.api_version}>"

    @property
    def api_version(self) -> str:
        """The api-version that calls carry."""
        return self._generation.api_version

    @property
    def host(self) -> str:
        """The host that calls go to."""
        return self._host

    @property
    def traffic(self) -> Traffic:
        """What was moved to and from the pool so far."""
        return self._transport.counter.traffic

    @property
    def limits_output(self) -> bool:
        """Whether `max_output` has effect on executions; else output is cut at 4096."""
        return self._generation.limits_output

    @property
    def sign_in_announcement(self) -> str:
        """What a person should read before `sign_in`; empty where nothing is asked of them."""
        return self._sign_in.announcement

    def sign_in(self) -> None:
        """Have a token ready, so that the first call need not wait for a person.

        Raises:
            SignInError: the credential gave none.
        """
        self._sign_in.token()

    def session(self, identifier: str) -> Session:
        """Return the session of that identifier, which the service allocates when it is first used.

        Args:
            identifier: 4 to 128 characters, a secret: make it long and random.

        Raises:
            SettingsError: the service takes no such identifier.
        """
        return Session(self._transport, self._generation, self._management, identifier)

    def sessions(self) -> Iterator[SessionInfo]:
        """Return the pool's living sessions, asked for page by page as they are read.

        Raises:
            DynamicSessionsError: as for every call of a `Session`.
        """
        return self._management.sessions()

    def metadata(self) -> PoolMetadata:
        """Return what sessions of this pool have installed.

        Raises:
            DynamicSessionsError: as for every call of a `Session`.
        """
        return self._management.metadata()

    def wrong_type(self) -> PoolTypeError | None:
        """Return the error for a pool whose sessions run another language than Python.

        Returns:
            None where they run Python, or the pool does not say.
        """
        return self._management.wrong_type()

    def close(self) -> None:
        """Close the connections; the sessions live on. Repeatable."""
        self._transport.close()
        self._sign_in.close()
