"""A file on its way out of a session: it arrives whole, or its target stays as it was."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .http.transport import Incoming
    from .upload import Progress

_IN_MEMORY_BYTES = 8 << 20


def save(incoming: Incoming, target: BinaryIO, progress: Progress | None) -> None:
    """Write a response's body to a stream, over what an earlier attempt has written."""
    announced = incoming.headers.get("content-length", "")
    encoded = incoming.headers.get("content-encoding", "identity") != "identity"
    total = int(announced) if announced.isdecimal() and not encoded else None
    target.seek(0)
    target.truncate()
    done = 0
    for chunk in incoming.chunks():
        target.write(chunk)
        done += len(chunk)
        if progress:
            progress(done, total)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file, which replaces `path` when all went well and else leaves no trace.

    Raises:
        OSError: the folder cannot be written to, or `path` is something other than a file.
    """
    path = Path(os.path.realpath(path))  # a link's target is replaced, not the link
    if path.exists() and not path.is_file():
        raise FileExistsError(f"{path} is not a file and is left as it is")
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as stream:
            yield stream
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def fetch_aside(fetch: Callable[[BinaryIO], None]) -> BinaryIO:
    """Fetch into a stream that nobody named, in memory while small; gone when it is closed."""
    copy = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
    stream = cast("BinaryIO", copy)
    try:
        fetch(stream)
    except BaseException:
        stream.close()
        raise
    stream.seek(0)
    return stream


def fetch_into(target: BinaryIO, fetch: Callable[[BinaryIO], None]) -> None:
    """Fetch to one side first and copy then, so that an attempt that fails writes nothing."""
    with fetch_aside(fetch) as copy:
        shutil.copyfileobj(copy, target)
