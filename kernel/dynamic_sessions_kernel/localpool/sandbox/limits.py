"""What a session may take of the machine: memory, processes and files.

Limits on memory and processes are kept by the kernel of the machine where the pool may make
control groups (`groups`), and by the pool's own watch elsewhere (`sessions.watch`). That on files
is the watch's everywhere, since an ordinary user can set no quota; the kernel refuses a single
file that is too long.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields

from dynamic_sessions_kernel.errors import LocalPoolError

#: A session's share of the machine's memory, and the most that it gets unasked.
_MEMORY_SHARE = 2
_MEMORY_MOST_BYTES = 4 * 1024**3
#: Threads count as well, and some libraries start one for each core.
_PROCESSES = 1024
#: Room for a file of 1 GiB that comes in parts and is then joined, several times over.
_DISK_BYTES = 8 * 1024**3
# A file that holds nothing takes room as well; the blocks of `os.stat` are of 512 bytes.
_FILE_COST_BYTES = 4096
_BLOCK_BYTES = 512

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_AMOUNT = re.compile(r"(\d{1,15})\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_LEAST = {"memory_bytes": 256 * 1024**2, "processes": 64, "disk_bytes": 16 * 1024**2}
#: Where a pool takes its limits from unless its command line has them.
VARIABLES = {
    "memory_bytes": "DYNAMIC_SESSIONS_LOCALPOOL_MEMORY",
    "processes": "DYNAMIC_SESSIONS_LOCALPOOL_PROCESSES",
    "disk_bytes": "DYNAMIC_SESSIONS_LOCALPOOL_DISK",
}


def _default_memory_bytes() -> int:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(_MEMORY_MOST_BYTES, machine // _MEMORY_SHARE)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one session.

    Attributes:
        memory_bytes: of all its processes and of its file systems in memory together.
        processes: and threads, that it can have at once.
        disk_bytes: of its files, on disk. No single file may be longer than half of it.
    """

    memory_bytes: int
    processes: int = _PROCESSES
    disk_bytes: int = _DISK_BYTES

    @classmethod
    def from_environment(cls) -> Limits:
        """Read the limits that the person set, and the defaults of the others.

        Raises:
            LocalPoolError: a variable holds no amount, or less than a session needs.
        """
        given = {}
        for name, variable in VARIABLES.items():
            text = os.environ.get(variable, "").strip()
            if text:
                try:
                    given[name] = parse_amount(name, text)
                except ValueError as error:
                    raise LocalPoolError(f"{variable} is {text!r}, but {error}.") from None
        return cls(**{"memory_bytes": _default_memory_bytes(), **given})

    @property
    def file_bytes(self) -> int:
        """The length that no single file may pass."""
        return self.disk_bytes // 2

    @property
    def scratch_bytes(self) -> int:
        """The size of each file system in memory; what it holds is memory of the session too."""
        return self.memory_bytes // 4

    def __str__(self) -> str:
        """Return what a person reads of them."""
        return (
            f"{_in_words(self.memory_bytes)} of memory, {self.processes} processes and threads, "
            f"{_in_words(self.disk_bytes)} of files"
        )


def room_of(file: os.stat_result) -> int:
    """Return the bytes of a session's limit that a file takes."""
    return max(file.st_blocks * _BLOCK_BYTES, _FILE_COST_BYTES)


def parse_amount(name: str, text: str) -> int:
    """Read an amount such as `512M` or `4 GiB`; units are powers of 1024.

    Args:
        name: an attribute of `Limits`.
        text: what a person wrote.

    Raises:
        ValueError: it is none, or less than a session needs.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if name not in {field.name for field in fields(Limits)} or match is None:
        raise ValueError("an amount is a number with K, M, G or T behind it, such as 4G")
    amount = int(match[1]) * _UNITS[match[2].upper()]
    if amount < _LEAST[name]:
        least = _LEAST[name] if name == "processes" else _in_words(_LEAST[name])
        raise ValueError(f"a session needs at least {least}")
    return amount


def _in_words(amount: int) -> str:
    for unit in ("GiB", "MiB"):
        size = _UNITS[unit[0]]
        if amount >= size:
            return f"{amount / size:.3g} {unit}"
    return f"{amount} bytes"
