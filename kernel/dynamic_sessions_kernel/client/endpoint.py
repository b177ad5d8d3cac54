"""Where a pool is, and whether it may be sent a token.

Apart from the client, because a wrong answer here hands an Entra token to a stranger: everything
that decides it stands on this one page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dynamic_sessions_kernel.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Every code-interpreter pool of Azure lives below this name, and nobody else can.
AZURE_DOMAIN = ".dynamicsessions.io"
SETTING = "`endpoint` (AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT)"
EXAMPLE = (
    "https://REGION.dynamicsessions.io/subscriptions/SUBSCRIPTION/resourceGroups/GROUP"
    "/sessionPools/POOL"
)

# Parsers disagree about the address of a backslash, an `@` or a control character, and where they
# disagree a token goes to the wrong host: what is not plainly an address is refused.
_PLAIN_URL = re.compile(
    r"(https?)://(\[[0-9a-f:.]+\]|[0-9a-z.-]+)(:\d{1,5})?(/[\w.~%/-]*)?", re.IGNORECASE | re.ASCII
)
_OLD_SUFFIX = "/python/execute"
_IDENTIFIER_LENGTHS = range(4, 129)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A pool's checked address.

    Attributes:
        url: without a slash at its end.
        host: name or number, lower case, without port or brackets.
        loopback: whether it is this machine.
        takes_token: whether a bearer token may be sent there.
    """

    url: str
    host: str
    loopback: bool
    takes_token: bool


def parse_endpoint(text: str | None, token_hosts: Iterable[str] = ()) -> Endpoint:
    """Check and normalise a pool management endpoint.

    Args:
        text: as the portal, the `az` command or the embedded pool gives it; the `/python/execute`
            that old portals append is dropped.
        token_hosts: host names, exact, that may be sent a token beside `*.dynamicsessions.io` and
            this machine; a string holds several between commas.

    Raises:
        SettingsError: it is None, no address of a pool, or it is neither HTTPS nor this machine.
    """
    if not isinstance(text, str):
        raise SettingsError(
            f"The setting {SETTING} is not set. Pass the pool management endpoint as text; it has "
            f"the form {EXAMPLE}. `python -m dynamic_sessions_kernel.localpool` starts a pool on "
            "this machine and prints its endpoint."
        )
    url = text.strip().rstrip("/").removesuffix(_OLD_SUFFIX).rstrip("/")
    if not _PLAIN_URL.fullmatch(url):
        raise SettingsError(
            f"The setting {SETTING} is not the address of a session pool. It has the form {EXAMPLE}"
            " and is shown by `az containerapp sessionpool show --query "
            "properties.poolManagementEndpoint`."
        )
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removesuffix(".")
        _ = parts.port  # raises where the number is no port
    except ValueError:
        raise SettingsError(f"The setting {SETTING} holds no usable host and port.") from None
    loopback = _is_loopback(host)
    if parts.scheme != "https" and not loopback:
        raise SettingsError(
            f"The setting {SETTING} names {host} over plain HTTP. Tokens and identifiers are "
            "secrets: use https://."
        )
    names = token_hosts.split(",") if isinstance(token_hosts, str) else token_hosts
    trusted = {name.strip().lower().rstrip(".") for name in names}
    # Resolvers differ in what they make of an empty label, so it is nobody's name.
    named = all(host.split("."))
    takes_token = loopback or (named and (host.endswith(AZURE_DOMAIN) or host in trusted))
    return Endpoint(url, host, loopback, takes_token)


def check_identifier(identifier: str) -> str:
    """Return a session's identifier if the service can take it: 4 to 128 visible characters.

    Raises:
        SettingsError: it cannot; the message does not repeat it.
    """
    if len(identifier) not in _IDENTIFIER_LENGTHS or not re.fullmatch(r"[!-~]+", identifier):
        raise SettingsError(
            "A session's identifier (DYNAMIC_SESSIONS_IDENTIFIER) has 4 to 128 characters, "
            f"letters, digits or `-`, and no spaces; this one has {len(identifier)} characters."
        )
    return identifier


def shorten(identifier: str) -> str:
    """As much of an identifier as may be shown: at most 8 characters and at most half of it."""
    return identifier[: min(8, len(identifier) // 2)] + "…"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
