"""What a token that was given outright says of itself; nothing of it is shown but this.

A token of Microsoft Entra is a JSON Web Token, whose claims anybody can read. Another kind, as the
embedded pool's, says nothing, and nothing is said of it.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from typing import Any

AUDIENCE = "https://dynamicsessions.io"
_SETTING = "The token of the setting `token` (DYNAMIC_SESSIONS_TOKEN)"
_HOW = f"`az account get-access-token --resource {AUDIENCE}` returns another; or unset it."
_HOUR_SECONDS = 3600
_AUDIENCE_CHARS = 80


def token_fault(token: str, now: float | None = None) -> str:
    """Return why no pool will accept a token, and what to do; empty where none is seen.

    Args:
        token: as it was given.
        now: seconds since the epoch.
    """
    claims = _claims(token)
    expires = claims.get("exp")
    now = time.time() if now is None else now
    if isinstance(expires, int | float) and expires < now:
        hours = (now - expires) / _HOUR_SECONDS
        return f"{_SETTING} expired {hours:.1f} hours ago. {_HOW}"
    audience = claims.get("aud")
    if isinstance(audience, str) and audience.rstrip("/") != AUDIENCE and "://" in audience:
        return f"{_SETTING} is for {audience[:_AUDIENCE_CHARS]}, not for {AUDIENCE}. {_HOW}"
    return ""


def _claims(token: str) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        return {}
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        claims = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
