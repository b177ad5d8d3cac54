"""How the pool proves that it knows its token before anything is sent to it.

A pool that was killed leaves its address behind, and any user of the machine can listen on a port
that became free. So a caller asks first, on the very connection that it will use: it sends a
random challenge, and the pool answers with a code that only who knows the token can compute. The
challenge is new each time, and neither side sends the token for it.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

#: Below the pool's address; asked without the token.
PATH = ".proof"
#: What a challenge looks like: so many hexadecimal digits.
CHALLENGE_CHARS = 64

_TIMEOUT_SECONDS = 5.0
_LABEL = b"dynamic-sessions-kernel embedded pool "


class ProofError(OSError):
    """Whoever listens there does not know the pool's token. Nothing but a challenge was sent."""


def answer(token: str, challenge: str) -> str:
    """Return the code that proves the knowledge of `token`, in hexadecimal digits."""
    return hmac.new(token.encode(), _LABEL + challenge.encode(), hashlib.sha256).hexdigest()


def demand(connection: socket.socket, host: str, path: str, token: str) -> None:
    """Ask whoever is at the other end of a fresh connection for the proof; it stays open.

    Args:
        connection: to the pool, with nothing sent on it yet.
        host: for the header `Host`.
        path: of the pool's address.
        token: that the pool must know; it is not sent.

    Raises:
        ProofError: the answer is wrong or none, or does not come in time.
    """
    challenge = secrets.token_hex(CHALLENGE_CHARS // 2)
    before = connection.gettimeout()
    connection.settimeout(_TIMEOUT_SECONDS)
    try:
        lines = (f"GET {path}/{PATH}?challenge={challenge} HTTP/1.1", f"Host: {host}", "", "")
        connection.sendall("\r\n".join(lines).encode())
        response = http.client.HTTPResponse(connection, method="GET")
        response.begin()
        described = response.read(CHALLENGE_CHARS).decode("ascii", "replace")
        # What is left of a longer body would be taken for the next answer.
        whole = response.length in (0, None) and response.isclosed()
    except (OSError, http.client.HTTPException, ValueError):
        raise ProofError("The pool gave no proof that it is the one that was started.") from None
    finally:
        connection.settimeout(before)
    if not whole or not hmac.compare_digest(described.encode(), answer(token, challenge).encode()):
        raise ProofError("Whoever listens on the pool's port does not know its token.")
