"""Keeps tokens and session identifiers out of errors, and out of the logs of the libraries below.

An identifier is a secret that the API wants in the query, and urllib3 writes every address into its
debug log. A service may repeat in an error what it was sent, percent-encoded or not.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_HIDDEN = "[hidden]"
_TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]+(\.[\w-]*)?")

_IDENTIFIER = re.compile(r"(\bidentifier=)[^&\s\"']+")
_LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry")


class _HideIdentifiers(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if "identifier=" in (message := record.getMessage()):
            record.msg, record.args = _IDENTIFIER.sub(r"\1[hidden]", message), ()
        return True


_filter = _HideIdentifiers()


def hide_identifiers() -> None:
    """Have urllib3's loggers hide identifiers from now on. Repeatable."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_filter)


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Take secrets, and whatever looks like a token, out of a text.

    Args:
        text: what somebody else wrote.
        secrets: what must not stand in it, with any of its characters percent-encoded or not.
    """
    for secret in secrets:
        text = _spelt_anyhow(secret).sub(_HIDDEN, text)
    return _TOKEN.sub(_HIDDEN, text)


def _spelt_anyhow(secret: str) -> re.Pattern[str]:
    """Match a secret of which some characters may be percent-encoded, once or twice."""
    spellings = []
    for character in secret:
        encoded = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode())
        spellings.append(f"(?:{re.escape(character)}|{encoded})")
    return re.compile("".join(spellings), re.IGNORECASE)
