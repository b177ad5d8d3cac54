"""Where the package's own log goes: to the process's standard error, never into a cell.

It describes each exchange with the service by kind, time and sizes, and nothing of what was in it.
"""

from __future__ import annotations

import logging
import os
import sys

VARIABLE = "DYNAMIC_SESSIONS_LOG"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def write_log(*, debug: bool) -> None:
    """Write the log to standard error, from warnings on. Repeatable.

    Args:
        debug: write all of it; so does the environment's `DYNAMIC_SESSIONS_LOG=debug`.
    """
    wanted = os.environ.get(VARIABLE, "").strip().lower()
    log = logging.getLogger("dynamic_sessions_kernel")
    log.setLevel(logging.DEBUG if debug else _LEVELS.get(wanted, logging.WARNING))
    log.propagate = False
    handler = logging.StreamHandler(sys.__stderr__)
    handler.setFormatter(logging.Formatter(_FORMAT))
    log.handlers[:] = [handler]
