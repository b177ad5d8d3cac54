"""A Jupyter kernel whose cells run in an Azure Container Apps dynamic session.

The service's REST API is a library of its own, usable without Jupyter:

    from dynamic_sessions_kernel import SessionPool

    with SessionPool("https://westus2.dynamicsessions.io/subscriptions/…") as pool:
        session = pool.session("4f6e9a0c-…")
        print(session.execute("6 * 7").result)

`SessionPool()` is the person's embedded pool on this machine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import errors
from ._version import __version__

if TYPE_CHECKING:
    from .client.execution_errors import service_failure
    from .client.http.transport import Timeouts
    from .client.models import ExecutionResult, Image, PoolMetadata, RemoteFile, SessionInfo
    from .client.pool import SessionPool
    from .client.session import Session

__all__ = [
    "ExecutionResult",
    "Image",
    "PoolMetadata",
    "RemoteFile",
    "Session",
    "SessionInfo",
    "SessionPool",
    "Timeouts",
    "__version__",
    "errors",
    "service_failure",
]

# Imported when first asked for: the kernel starts without waiting for an HTTP client.
_HOMES = {
    "ExecutionResult": "models",
    "Image": "models",
    "PoolMetadata": "models",
    "RemoteFile": "models",
    "Session": "session",
    "SessionInfo": "models",
    "SessionPool": "pool",
    "Timeouts": "http.transport",
    "service_failure": "execution_errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.client.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
