"""Keeps session identifiers out of the logs of the libraries below.

An identifier is a secret that the API wants in the query, and urllib3 writes every address into its
debug log.
"""

from __future__ import annotations

import logging
import re

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
