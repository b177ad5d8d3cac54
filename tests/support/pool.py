"""The one way in which tests start an embedded pool: a process, as a person starts it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from dynamic_sessions_kernel import SessionPool

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = (sys.executable, "-m", "dynamic_sessions_kernel.localpool")


@dataclass(frozen=True)
class LocalPool:
    """A running embedded pool.

    Attributes:
        told: the line of JSON that it prints once it listens.
        process: its process.
    """

    told: dict[str, Any]
    process: subprocess.Popen[str]

    @property
    def endpoint(self) -> str:
        return self.told["endpoint"]

    @property
    def token(self) -> str:
        return self.told["token"]

    @property
    def environment(self) -> dict[str, str]:
        """What a kernel needs to use it."""
        return {
            "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT": self.endpoint,
            "DYNAMIC_SESSIONS_TOKEN": self.token,
        }

    def client(self) -> SessionPool:
        return SessionPool(self.endpoint, token=self.token)

    def identifiers(self) -> set[str]:
        with self.client() as pool:
            return {info.identifier for info in pool.sessions()}

    def stop(self) -> str:
        """Stop it; return what it wrote to a piped stderr."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.communicate(timeout=30)[1] or ""


def start_pool(*options: str, stderr: int | IO[str] | None = None, **variables: str) -> LocalPool:
    """Start a pool with these options of its command line; the caller stops it."""
    process = subprocess.Popen(
        [*COMMAND, *options],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env={**os.environ, **variables},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(process.communicate()[1])
    return LocalPool(json.loads(line), process)


@contextlib.contextmanager
def running_pool(*options: str, **more: Any) -> Iterator[LocalPool]:
    """Run a pool for as long as the block does."""
    pool = start_pool(*options, **more)
    try:
        yield pool
    finally:
        pool.stop()
