"""Uploads written to disk as they arrive, so that no file ever stands in memory.

They are written outside of the session's tree and moved in when whole: the session sees no half
file, and can put nothing in the way of one that is being written.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from dynamic_sessions_kernel.localpool.errors import Refusal, bad_name, failed, invalid, too_large

if TYPE_CHECKING:
    from pathlib import Path

_MOST_FILES = 100

# Whoever sent a body reads what is wrong with it; the parser would log it too.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Received:
    """A file that arrived whole.

    Attributes:
        path: where it is kept until it is moved into the session.
        name: as its part of the body calls it, folders included.
    """

    path: Path
    name: str


class Upload:
    """Takes a multipart body piece by piece. It reports at its end what is wrong with it.

    Args:
        content_type: the request's header, which names the boundary.
        folder: where files are kept until they are taken.
        largest: what one file may have, in bytes (docs/service.md, "Files").
    """

    def __init__(self, content_type: str, folder: Path, largest: int) -> None:
        self._folder = folder
        self._received: list[Received] = []
        self._refusal: Refusal | None = None
        self._part: BinaryIO | None = None
        self._largest = self._room = largest
        self._header = ["", ""]
        self._disposition = b""
        self._whole = False
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        self._parser: MultipartParser | None = None
        if kind != b"multipart/form-data" or not boundary:
            self._refusal = invalid("An upload is a multipart/form-data body with a file.")
            return
        try:
            self._parser = self._make_parser(boundary)
        except FormParserError as error:
            self._refusal = invalid(f"The multipart body cannot be read: {error}")

    def feed(self, chunk: bytes) -> None:
        """Take the next piece; after an error, pieces are dropped as they come."""
        if self._refusal is not None or self._parser is None:
            return
        try:
            self._parser.write(chunk)
        except Refusal as refusal:
            self._refuse(refusal)
        except FormParserError as error:
            self._refuse(invalid(f"The multipart body cannot be read: {error}"))
        except OSError as error:
            self._refuse(failed(f"The file cannot be kept: {error.strerror}."))

    def files(self) -> list[Received]:
        """Return the files that arrived, at least one.

        Raises:
            Refusal: the body was cut, too large, or no upload.
        """
        if self._refusal is None and not self._whole:
            self._refuse(invalid("The multipart body ends before its end."))
        if self._refusal is None and not self._received:
            self._refuse(invalid("The multipart body holds no part `file` with a file name."))
        if self._refusal is not None:
            raise self._refusal
        return self._received

    def discard(self) -> None:
        """Remove what was not taken. Repeatable."""
        if self._part is not None:
            self._part.close()
            self._part = None
        for received in self._received:
            received.path.unlink(missing_ok=True)

    def _refuse(self, refusal: Refusal) -> None:
        self._refusal = refusal
        self.discard()

    def _make_parser(self, boundary: bytes) -> MultipartParser:
        return MultipartParser(
            boundary,
            {
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end].decode("latin-1")

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end].decode("latin-1")

    def _on_header_end(self) -> None:
        if self._header[0].lower() == "content-disposition":
            self._disposition = self._header[1].encode("latin-1")
        self._header = ["", ""]

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._disposition = b""
        if options.get(b"name") != b"file" or b"filename" not in options:
            return
        if len(self._received) == _MOST_FILES:
            raise invalid(f"An upload holds at most {_MOST_FILES} files.")
        try:
            name = options[b"filename"].decode()
        except UnicodeDecodeError:
            raise bad_name("The file name is not UTF-8.") from None
        received = Received(self._folder / secrets.token_hex(8), name)
        self._received.append(received)
        self._part = received.path.open("xb")
        self._room = self._largest

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part is None:
            return
        self._room -= end - start
        if self._room < 0:
            raise too_large(f"The file is over the limit of {self._largest >> 20} MB.")
        self._part.write(memoryview(data)[start:end])

    def _on_part_end(self) -> None:
        if self._part is not None:
            self._part.close()
            self._part = None

    def _on_end(self) -> None:
        self._whole = True
