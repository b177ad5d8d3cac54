"""Serves one client over stdio until it leaves: `python -m dynamic_sessions_kernel.mcp`."""

from __future__ import annotations

import sys

if sys.path and sys.path[0] and not sys.flags.safe_path:
    # `-m` puts the folder it is started in first, where a file of any name shadows what we import.
    del sys.path[0]

import argparse
import os
import signal
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.client.embedded import EMBEDDED
from dynamic_sessions_kernel.client.pool import SessionPool
from dynamic_sessions_kernel.errors import SettingsError
from dynamic_sessions_kernel.settings import SettingTraits, read_settings

from .workspace import Workspace

if TYPE_CHECKING:
    from datetime import datetime

    from dynamic_sessions_kernel.settings import Settings


def main() -> int:
    """Serve until the client closes its end; returns the exit status."""
    argparse.ArgumentParser(
        prog="python -m dynamic_sessions_kernel.mcp",
        description="Serve a dynamic session over the Model Context Protocol (stdio). Settings are "
        "the kernel's environment variables; DYNAMIC_SESSIONS_ALLOW names the folders that files "
        "may be sent from and brought to, none by default.",
    ).parse_args()
    try:
        from .server import make_server
    except ModuleNotFoundError as error:
        _say(
            f"The module {error.name} is missing here. Install what the server needs: pip install "
            "'dynamic-sessions-kernel[mcp]', in a clone pip install '.[mcp]'."
        )
        return 1
    try:
        settings = read_settings(SettingTraits())
    except SettingsError as error:
        _say(str(error))
        return 1
    workspace = Workspace(lambda: _open(settings), settings.allow)

    def end(number: int, _frame: Any) -> None:
        """Delete the session within the seconds that clients leave, then go."""
        workspace.close()
        os._exit(128 + number)

    signal.signal(signal.SIGTERM, end)
    make_server(workspace).run("stdio")
    return 0


def _open(settings: Settings) -> SessionPool:
    pool = SessionPool(
        settings.endpoint or EMBEDDED,
        settings.credential,
        api_version=settings.api_version,
        token=settings.token,
        token_hosts=settings.token_hosts,
        prompt=_ask,
    )
    if pool.sign_in_announcement:
        _say(pool.sign_in_announcement)
    return pool


def _ask(address: str, code: str, _until: datetime) -> None:
    _say(f"To sign in to Azure, open {address} and type the code {code}")


def _say(sentence: str) -> None:
    """Write to stderr, which clients show or log: stdout is the protocol's."""
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201 - see above


if __name__ == "__main__":
    sys.exit(main())
