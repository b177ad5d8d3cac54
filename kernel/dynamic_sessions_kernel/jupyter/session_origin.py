"""Which session a kernel uses: the identifier that is its own, and where one comes from."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from enum import Enum, auto

_PURPOSE = b"dynamic-sessions-kernel: session identifier"


def session_identifier(key: bytes) -> str:
    """Return the identifier that belongs to a connection file's key; a random one for no key.

    A restarted kernel has the same key, and so finds its session; nobody can guess either.
    """
    if not key:
        return secrets.token_hex(32)
    return hmac.new(key, _PURPOSE, hashlib.sha256).hexdigest()


class Origin(Enum):
    """Where the session in use comes from, which decides whether the kernel deletes it.

    | origin   | its identifier is | it was there before | deleted, asked to end | at a signal |
    |----------|-------------------|---------------------|----------------------|-------------|
    | NEW      | this kernel's     | no                  | yes                  | yes         |
    | FOUND    | this kernel's     | from the last one   | yes                  | yes         |
    | NAMED    | a setting         | no                  | yes                  | no          |
    | GIVEN    | a setting         | yes, or in doubt    | no                   | no          |
    | ATTACHED | another kernel's  | yes                 | no                   | no          |

    VS Code restarts a kernel by a signal alone. A session whose identifier is a setting has to be
    there for the next kernel; one of a key that nobody uses again would be left behind.
    """

    NEW = auto()
    FOUND = auto()
    NAMED = auto()
    GIVEN = auto()
    ATTACHED = auto()

    def is_deleted(self, *, asked: bool) -> bool:
        """Whether the session is deleted when the kernel ends for good.

        Args:
            asked: whether a front end said so; else a signal alone did.
        """
        return self in {Origin.NEW, Origin.FOUND} or (self is Origin.NAMED and asked)
