"""Decodes what a session sends without holding the pool's loop, on which all sessions are served.

The decoder of JSON lets nothing else run meanwhile, and small containers take a hundred times their
text in memory. So what would take long is known by counting before it is decoded, and is decoded
by a process that counts as one of the session's own.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: What is decoded here: 16 MB of text take 30 ms, 200,000 small containers 40 ms.
_HERE_BYTES = 16 * 1024**2
_HERE_ITEMS = 200_000
_WORKER_SECONDS = 20.0
_WORKER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("decode_worker.py")))


class Decoder:
    """Decodes contents of one session's messages.

    Args:
        entering: returns the command line that runs a command as one of the session's, so that its
            memory counts as the session's.
    """

    def __init__(self, entering: Callable[[list[str]], list[str]]) -> None:
        self._entering = entering

    async def content(self, part: bytes) -> Any:
        """Decode a content. What takes too long elsewhere, too, is an empty one.

        Args:
            part: JSON, as it came.

        Raises:
            ValueError, RecursionError: it is no JSON, or nested too deep.
        """
        if _quick(part):
            return json.loads(part.decode("utf-8", "replace"))
        return await self._apart(part)

    async def _apart(self, part: bytes) -> Any:
        worker = await asyncio.create_subprocess_exec(
            *self._entering(list(_WORKER)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )
        try:
            written, _ = await asyncio.wait_for(worker.communicate(part), _WORKER_SECONDS)
        except TimeoutError:
            return {}
        finally:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
        return json.loads(written) if worker.returncode == 0 else {}


def _quick(part: bytes) -> bool:
    if len(part) > _HERE_BYTES:
        return False
    return sum(part.count(mark) for mark in (b"[", b"{", b",")) <= _HERE_ITEMS
