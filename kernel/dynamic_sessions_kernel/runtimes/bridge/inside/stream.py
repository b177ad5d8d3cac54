"""The two byte streams between the ends, because positions in a stream number everything at once.

Each end writes its messages, one after the other, into a stream of bytes, and keeps what the
other has not acknowledged. An envelope carries a slice of the stream and the position where it
starts; an acknowledgement is a position too. So a repeated slice is recognised and skipped, a
lost one is sent again, and a message larger than an answer's budget simply spans several slices.

This module runs in the session too: standard library alone, Python 3.10.
"""

from __future__ import annotations

import struct
import tempfile
from collections import deque
from typing import IO, Any

from .envelope import MAX_SLICE, EnvelopeError, seal

#: Most bytes of one message, and most parts of it.
MAX_MESSAGE = 256 << 20
MAX_PARTS = 4096

#: Room that an envelope needs beside its slice: lead, head, filler.
_OVERHEAD = 1024
_COUNT = struct.Struct(">H")
_SPOOL_FILE = 16 << 20


def frame(*parts: bytes) -> list[bytes]:
    """Make a message of its parts: how many, how long each is, and the parts themselves.

    Raises:
        EnvelopeError: it is over the limit, and the other end would not take it.
    """
    if len(parts) > MAX_PARTS or sum(map(len, parts)) > MAX_MESSAGE:
        raise EnvelopeError("a message over the limit")
    sizes = struct.pack(f">{len(parts)}I", *map(len, parts))
    return [_COUNT.pack(len(parts)) + sizes, *parts]


class Outgoing:
    """What this end has written and the other has not acknowledged.

    Args:
        folder: where the excess over `memory` goes, in files without a name; None for nowhere.
        memory: how many bytes stay in memory.

    Attributes:
        base: up to where the other end has acknowledged the stream.
        end: up to where it is written.
        sealed: up to where the last envelope held it.
    """

    def __init__(self, folder: str | None = None, memory: int = 8 << 20) -> None:
        self.base = 0
        self.end = 0
        self.sealed = 0
        self._chunks: deque[_Chunk] = deque()
        self._folder = folder
        self._memory = memory
        self._in_memory = 0
        self._file: _SpoolFile | None = None
        self._ratio = 1.0

    @property
    def pending(self) -> int:
        """How many bytes wait for an acknowledgement."""
        return self.end - self.base

    def write(self, pieces: list[bytes]) -> None:
        """Append one message, as `frame` made it."""
        for piece in pieces:
            if piece:
                self._append(piece)

    def acknowledge(self, position: int) -> None:
        """Forget what the other end has taken.

        Raises:
            EnvelopeError: it acknowledges what was never written.
        """
        if position > self.end:
            raise EnvelopeError("an acknowledgement of what was never sent")
        self.base = max(self.base, position)
        while self._chunks and self._chunks[0].end <= self.base:
            chunk = self._chunks.popleft()
            self._in_memory -= len(chunk.data)
            if chunk.file is not None and chunk.file.let_go() and chunk.file is self._file:
                self._file = None

    def discard(self) -> None:
        """Forget everything that waits; the next slice starts at the end, where a message does."""
        self.acknowledge(self.end)

    def seal(self, head: dict[str, Any], budget: int) -> str:
        """Make an envelope of at most about `budget` characters with what waits."""
        certain = max(1, (budget - _OVERHEAD) // 4 * 3)
        size = min(self.pending, MAX_SLICE, max(certain, int(certain * self._ratio)))
        while True:
            data = self._read(size)
            text = seal(head, data)
            if len(text) <= budget or size <= certain:
                break
            size = max(certain, size // 2)
        self.sealed = self.base + size
        if size >= certain:
            self._ratio = max(1.0, size * 4 / 3 / len(text) * 0.9)
        return text

    def _append(self, piece: bytes) -> None:
        chunk = _Chunk(self.end, self.end + len(piece), piece)
        if self._folder is not None and self._in_memory + len(piece) > self._memory:
            self._spool(chunk, piece)
        self._in_memory += len(chunk.data)
        self._chunks.append(chunk)
        self.end = chunk.end

    def _spool(self, chunk: _Chunk, piece: bytes) -> None:
        try:
            if self._file is None or self._file.size > _SPOOL_FILE:
                self._file = _SpoolFile(self._folder)
            chunk.offset = self._file.write(piece)
        except OSError:
            return  # the disk is full: memory is what is left
        chunk.file, chunk.data = self._file, b""

    def _read(self, size: int) -> bytes:
        taken: list[bytes] = []
        position, stop = self.base, self.base + size
        for chunk in self._chunks:
            if position >= stop:
                break
            taken.append(chunk.read(position, min(stop, chunk.end)))
            position = chunk.end
        return b"".join(taken)


class _SpoolFile:
    """A file without a name, which closes when nothing in it is waited for any more.

    Several small ones, rather than one: a backlog that never quite ends must not keep them all.
    """

    def __init__(self, folder: str | None) -> None:
        self.size = 0
        self._users = 0
        # Without a buffer: what a full disk refused would stay there, and fail every later read.
        self._file: IO[bytes] = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 - lives with its pieces

    def write(self, piece: bytes) -> int:
        """Append a piece and return where it stands."""
        start = self.size
        self._file.seek(start)
        left = memoryview(piece)
        while left:
            left = left[self._file.write(left) :]
        self.size += len(piece)
        self._users += 1
        return start

    def read(self, start: int, size: int) -> bytes:
        """Read a part of a piece."""
        self._file.seek(start)
        return self._file.read(size)

    def let_go(self) -> bool:
        """Forget a piece; return whether it was the last."""
        self._users -= 1
        if self._users == 0:
            self._file.close()
        return self._users == 0


class _Chunk:
    """A piece of the stream, in memory or in a file."""

    __slots__ = ("data", "end", "file", "offset", "start")

    def __init__(self, start: int, end: int, data: bytes) -> None:
        self.start = start
        self.end = end
        self.data = data
        self.file: _SpoolFile | None = None
        self.offset = 0

    def read(self, start: int, end: int) -> bytes:
        if self.file is None:
            return self.data[start - self.start : end - self.start]
        return self.file.read(self.offset + start - self.start, end - start)


class Incoming:
    """What came of the other end's stream, put together again."""

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self._buffer = bytearray()

    def take(self, start: int, data: bytes) -> list[list[bytes]]:
        """Take a slice; return the messages that are whole now, each as its parts.

        Raises:
            EnvelopeError: the slice leaves a gap, or holds what `frame` would not make.
        """
        if start > self.position:
            raise EnvelopeError("a gap in the stream")
        fresh = data[self.position - start :]
        self._buffer += fresh
        self.position += len(fresh)
        messages = []
        done = 0
        while (found := self._message(done)) is not None:
            parts, done = found
            messages.append(parts)
        del self._buffer[:done]
        return messages

    def _message(self, at: int) -> tuple[list[bytes], int] | None:
        buffer = self._buffer
        if len(buffer) - at < _COUNT.size:
            return None
        (count,) = _COUNT.unpack_from(buffer, at)
        if not 0 < count <= MAX_PARTS:
            raise EnvelopeError("a message with too many parts")
        at += _COUNT.size
        if len(buffer) - at < 4 * count:
            return None
        sizes = struct.unpack_from(f">{count}I", buffer, at)
        if sum(sizes) > MAX_MESSAGE:
            raise EnvelopeError("a message over the limit")
        at += 4 * count
        if len(buffer) - at < sum(sizes):
            return None
        parts = []
        for size in sizes:
            parts.append(bytes(buffer[at : at + size]))
            at += size
        return parts, at
