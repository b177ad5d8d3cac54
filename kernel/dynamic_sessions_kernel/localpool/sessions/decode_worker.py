"""Decodes one content of a message apart from the pool, and keeps what an answer can hold of it.

It reads JSON from standard input and writes JSON. It runs from its file under `python -I -S`, so it
imports nothing of the package.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

_MEMORY_BYTES = 4 * 1024**3
_TEXTS = ("name", "text", "status", "ename", "evalue", "execution_state")


def essence(content: Any) -> dict[str, Any]:
    """Return what the service's answers use of a content, whatever its shape."""
    if not isinstance(content, dict):
        return {}
    kept: dict[str, Any] = {
        name: content[name] for name in _TEXTS if isinstance(content.get(name), str)
    }
    if isinstance(content.get("data"), dict):
        kept["data"] = {
            mime_type: data
            for mime_type, data in content["data"].items()
            if isinstance(data, str)
            and (mime_type == "text/plain" or mime_type.startswith("image/"))
        }
    if isinstance(content.get("traceback"), list):
        kept["traceback"] = [line for line in content["traceback"] if isinstance(line, str)]
    return kept


def main() -> None:
    """Decode what is on standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    json.dump(essence(json.load(sys.stdin.buffer)), sys.stdout)


if __name__ == "__main__":
    main()
