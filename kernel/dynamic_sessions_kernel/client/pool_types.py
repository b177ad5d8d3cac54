"""Which language a pool's sessions run, by what the pool says of itself in `/metadata`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import PoolTypeError

if TYPE_CHECKING:
    from .models import PoolMetadata

#: A part of the name of a kernel or runtime, the type of such pools, and what they run. The types
#: are the service's own words (docs/service.md, "Pool types").
_OTHERS = (
    ("javascript", "NodeLTS", "JavaScript"),
    ("typescript", "NodeLTS", "JavaScript"),
    ("node", "NodeLTS", "JavaScript"),
    ("csharp", "CsharpLTS", "C#"),
    (".net", "CsharpLTS", "C#"),
    ("bash", "Shell", "shell commands"),
    ("shell", "Shell", "shell commands"),
)


def other_language(metadata: PoolMetadata) -> PoolTypeError | None:
    """Return the error for a pool whose sessions run no Python; None where they do, or in doubt."""
    runtimes = (str(runtime.get("name", "")) for runtime in metadata.runtimes)
    names = " ".join((metadata.kernel, *runtimes)).lower()
    if "python" in names:
        return None
    for part, kind, language in _OTHERS:
        if part in names:
            return PoolTypeError(
                f"This pool is of type {kind}, whose sessions run {language} and no Python: use a "
                "pool of type PythonLTS (`az containerapp sessionpool create --container-type "
                "PythonLTS`), or one of custom containers with Microsoft's Python image."
            )
    return None
