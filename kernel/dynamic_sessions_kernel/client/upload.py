"""A file on its way into a session: opened once, sent in as many attempts as it takes.

requests sends a retried multipart body empty, because the first attempt has read it. Here each
attempt gets a new body over the same stream, rewound; a stream that cannot be rewound is written
to a temporary file first.
"""

from __future__ import annotations

import io
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from requests_toolbelt import MultipartEncoder

from dynamic_sessions_kernel.errors import CommandError, FileTooLargeError

from .http.messages import Body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .http.messages import Readable

    #: Called with the bytes done and the bytes in all, which can be unknown.
    Progress = Callable[[int, int | None], None]

#: The service's limit on one file, in bytes, in pools of code interpreters.
MAX_UPLOAD_BYTES = 128 << 20

_IN_MEMORY_BYTES = 8 << 20
_CHUNK_BYTES = 1 << 20


class Source:
    """An open file or stream with a known length, readable again from where it started."""

    def __init__(self, stream: BinaryIO, name: str | None, most: int = MAX_UPLOAD_BYTES) -> None:
        self.name = name
        self._stream = stream
        self._start = stream.tell()
        self.size = stream.seek(0, os.SEEK_END) - self._start
        stream.seek(self._start)
        if self.size > most:
            raise too_large(self.size, most)

    def body(self, name: str, progress: Progress | None) -> Body:
        """Return a new multipart body that holds the whole of the file under that name."""
        self._stream.seek(self._start)
        window = _Window(self._stream, self.size, progress)
        part = (name, window, "application/octet-stream")
        encoder = MultipartEncoder({"file": part})
        return Body(encoder, encoder.len, encoder.content_type)


class _Window:
    """Reads exactly as many bytes as were announced, however the file changes meanwhile."""

    def __init__(self, stream: Readable, size: int, progress: Progress | None) -> None:
        self.len = size  # what is left: the name by which requests-toolbelt asks for it
        self._stream = stream
        self._size = size
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        wanted = self.len if size < 0 else min(size, self.len)
        if not wanted:
            return b""
        chunk = self._stream.read(wanted)
        if not chunk:
            raise CommandError(
                "The file became shorter while it was being uploaded; the session did not get it. "
                "Upload it again when nothing writes to it."
            )
        self.len -= len(chunk)
        if self._progress:
            self._progress(self._size - self.len, self._size)
        return chunk


@contextmanager
def open_source(
    source: str | os.PathLike[str] | BinaryIO, most: int = MAX_UPLOAD_BYTES
) -> Iterator[Source]:
    """Open what is to be uploaded; closes what it opened, never what it was given.

    Args:
        source: a local path or a binary stream.
        most: how many bytes it may have.

    Raises:
        OSError: the local file cannot be opened or read.
        FileTooLargeError: it is over `most` bytes.
        TypeError: a stream gives no bytes.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        with path.open("rb") as stream, _rewindable(stream, most) as ready:
            yield Source(ready, path.name, most)
        return
    given: object = source  # callers without a type checker give text streams
    if isinstance(given, io.TextIOBase):
        raise TypeError("a text stream was given where bytes are uploaded: open it in mode 'rb'")
    own = getattr(source, "name", None)
    with _rewindable(source, most) as ready:
        yield Source(ready, Path(own).name if isinstance(own, str) else None, most)


def too_large(size: int, most: int = MAX_UPLOAD_BYTES) -> FileTooLargeError:
    """Return the error for a file of `size` bytes where `most` are taken."""
    return FileTooLargeError(
        f"The file has {size:,} bytes; the service takes up to {most >> 20} MB "
        f"({most:,} bytes) a file. Split it or compress it. Nothing was sent."
    )


@contextmanager
def _rewindable(stream: BinaryIO, most: int) -> Iterator[BinaryIO]:
    if stream.seekable():
        yield stream
        return
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as copy:
        while chunk := stream.read(_CHUNK_BYTES):
            copy.write(chunk)
            if copy.tell() > most:
                raise too_large(copy.tell(), most)
        copy.seek(0)
        yield copy  # type: ignore[misc]  # it has all that BinaryIO has
