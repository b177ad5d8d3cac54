"""Keeps what a cell sends until the kernel has it, in memory and in a file that outlives a crash.

The service shows two streams, cut, and one value. So what the person's code sends to ipykernel's
two streams and to its output socket is kept here instead, in its order, and travels in the result
of the execution. What was part of a result that never arrived travels in the next one.

Outside the person's cells, everything goes to the service as though there was no capture: the
session may be used by others too. A forked process has no part in it either.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path
from typing import Any

#: What is kept of one cell, and of all that the kernel has not acknowledged, in characters.
MAX_CELL_CHARS = 16 << 20
MAX_KEPT_CHARS = 64 << 20
#: What an item costs beside its text, so that a million empty ones are bounded as well.
ITEM_COST_CHARS = 64
#: The file of an interpreter, by its process number.
FILE_PREFIX = ".dynamic-sessions-kept-"
#: How long the end of a cell waits for what programs have written and ipykernel has not read yet.
_DRAIN_SECONDS = 0.2


class Group:
    """What one cell has sent, and the kernel has not acknowledged.

    Attributes:
        items: pairs of a message type and a content; the text of a stream is a list of pieces.
        sent: how many of them were part of a result.
        cost: characters kept in all.
        dropped: characters that were over the limit.
    """

    def __init__(self) -> None:
        self.items: list[tuple[str, dict[str, Any]]] = []
        self.sent = 0
        self.cost = 0
        self.dropped = 0

    def add(self, msg_type: str, content: dict[str, Any]) -> None:
        """Keep a message; a stream goes on with the item before it."""
        last = self.items[-1] if len(self.items) > self.sent else None
        if msg_type == "stream":
            if last and last[0] == "stream" and last[1]["name"] == content["name"]:
                last[1]["text"].append(content["text"])
                return
            content = {"name": content["name"], "text": [content["text"]]}
        self.items.append((msg_type, content))

    def forget_cleared(self) -> None:
        """Forget what a later `clear_output` takes away, such as the frames of an animation."""
        cleared = [n for n, item in enumerate(self.items) if item[0] == "clear_output"]
        if cleared and cleared[-1] > self.sent:
            del self.items[self.sent : cleared[-1]]
            self.cost = len(json.dumps(self.items))

    def as_json(self) -> dict[str, Any]:
        """Return what is kept as the kernel reads it."""
        items = [
            [kind, {**content, "text": "".join(content["text"])} if kind == "stream" else content]
            for kind, content in self.items
        ]
        return {"items": items, "dropped": self.dropped}


class Capture:
    """Stands between an IPython shell and ipykernel's socket and streams.

    Attributes:
        passing: whether what is sent goes to the service.
        cell: the identity of the cell that runs, or ran last.
        build: the number of the last result.
    """

    def __init__(self, shell: Any) -> None:
        self.passing = True
        self.cell = ""
        self.build = 0
        self.socket = shell.displayhook.pub_socket
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._groups: dict[str, Group] = {}
        self._cells: dict[str, str] = {}
        self._folder = Path(tempfile.gettempdir())
        self._file = -1
        for owner in (shell.displayhook, shell.display_pub):
            owner.pub_socket = Socket(self, owner.pub_socket)
        self._streams = (sys.stdout, sys.stderr)

    def begin(self, cell: str, header: dict[str, Any]) -> None:
        """Keep what is sent from now on as that cell's.

        Args:
            cell: its identity.
            header: of the execution that runs it; ipykernel knows a thread's cell by it.
        """
        self.cell, self.passing = cell, False
        # For each cell: IPython itself changes this for a time, and then restores what it found.
        for name, stream in zip(("stdout", "stderr"), self._streams):  # noqa: B905 - Python 3.10
            if not hasattr(stream.write, "kept_for"):
                stream.write = self._writer(name, stream)  # type: ignore[method-assign]  # this one's
        self._cells[str(header.get("msg_id"))] = cell
        while len(self._cells) > 1000:  # noqa: PLR2004 - cells whose threads may still print
            del self._cells[next(iter(self._cells))]

    def acknowledge(self, build: int) -> None:
        """Forget what the kernel has, where the result that it had last is the last one."""
        if build != self.build:
            return
        with self._lock:
            for cell, group in list(self._groups.items()):
                del group.items[: group.sent]
                group.sent = group.dropped = 0
                if not group.items:
                    group.cost = 0
                    if cell != self.cell:
                        del self._groups[cell]
            self._rewrite()

    def brought(self) -> dict[str, Any]:
        """Return all that is kept, for a result."""
        with self._lock:
            self.build += 1
            self._record(["build", self.build])
            kept = {cell: group.as_json() for cell, group in self._groups.items() if group.items}
            for group in self._groups.values():
                group.sent = len(group.items)
        return {"build": self.build, "kept": kept}

    def inherit(self, build: int) -> None:
        """Take over what interpreters before this one kept, and died with.

        Args:
            build: the last result that the kernel has.
        """
        for path in self._folder.glob(FILE_PREFIX + "*"):
            process = path.name[len(FILE_PREFIX) :]
            if not process.isdigit() or (int(process) != self._process and _runs(int(process))):
                continue
            with contextlib.suppress(OSError, ValueError, TypeError):
                self._read(path.read_text(encoding="utf-8"), build)
            with contextlib.suppress(OSError):
                path.unlink()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._groups.clear()
            self._rewrite()

    def drain(self) -> None:
        """Wait until ipykernel has read what programs have written to its pipes."""
        end = time.monotonic() + _DRAIN_SECONDS
        for stream in self._streams:
            pipe = getattr(stream, "_fid", None)
            while pipe is not None and time.monotonic() < end and _waiting(pipe):
                time.sleep(0.001)

    def take(self, frames: list[Any]) -> bool:
        """Keep a message on its way to the socket; whether it was kept."""
        if self.passing or os.getpid() != self._process:
            return False
        start = frames.index(b"<IDS|MSG>") + 2
        header, parent, _, content = (
            json.loads(bytes(frame).decode("utf-8", "replace"))
            for frame in frames[start : start + 4]
        )
        self._keep(parent, str(header["msg_type"]), content, sum(map(len, frames)))
        return True

    def _writer(self, name: str, stream: Any) -> Any:
        write = stream.write

        def captured(text: str) -> Any:
            if self.passing or not isinstance(text, str) or os.getpid() != self._process:
                return write(text)
            if text:
                content = {"name": name, "text": readable(text)}
                parent = getattr(stream, "parent_header", None)
                self._keep(parent, "stream", content, len(text))
            return len(text)

        captured.kept_for = self  # type: ignore[attr-defined]  # what `begin` looks for
        return captured

    def _keep(self, parent: Any, msg_type: str, content: dict[str, Any], size: int) -> None:
        cell = self._cells.get(parent.get("msg_id", ""), "") if isinstance(parent, dict) else ""
        cell = cell or self.cell
        with self._lock:
            group = self._groups.setdefault(cell, Group())
            if group.cost + size > MAX_CELL_CHARS:
                group.forget_cleared()
            if group.cost + size > MAX_CELL_CHARS:
                group.dropped += size
                return
            group.cost += size + ITEM_COST_CHARS
            group.add(msg_type, content)
            self._record([cell, msg_type, content])
            while len(self._groups) > 1 and self._cost() > MAX_KEPT_CHARS:
                del self._groups[next(iter(self._groups))]

    def _cost(self) -> int:
        return sum(group.cost for group in self._groups.values())

    def _record(self, entry: list[Any]) -> None:
        """Write an entry where it outlives this process."""
        with contextlib.suppress(OSError):
            if self._file < 0:
                flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
                path = self._folder / f"{FILE_PREFIX}{self._process}"
                self._file = os.open(path, flags | os.O_NOFOLLOW, 0o600)
            os.write(self._file, (json.dumps(entry) + "\n").encode())

    def _rewrite(self) -> None:
        if self._file < 0:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
        for cell, group in self._groups.items():
            for msg_type, content in group.items:
                self._record([cell, msg_type, content])

    def _read(self, text: str, build: int) -> None:
        """Read a file back; what was part of the result that the kernel had last is left out."""
        entries = [json.loads(line) for line in text.split("\n")[:-1]]
        builds = [n for n, entry in enumerate(entries) if entry == ["build", build]]
        for entry in entries[builds[-1] + 1 if builds else 0 :]:
            if entry[0] == "build":
                continue
            cell, msg_type, content = entry
            if msg_type == "stream" and isinstance(content["text"], list):
                content["text"] = "".join(content["text"])
            self._groups.setdefault(cell, Group()).add(msg_type, content)


class Socket:
    """ipykernel's output socket, but for what is kept.

    Args:
        capture: is offered each message.
        socket: takes what it does not keep.
    """

    def __init__(self, capture: Capture, socket: Any) -> None:
        self._capture = capture
        self._socket = socket

    def send_multipart(self, frames: list[Any], *arguments: Any, **options: Any) -> Any:
        """Send a message, or keep it."""
        if self._capture.take(frames):
            return None
        return self._socket.send_multipart(frames, *arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


def readable(text: str) -> str:
    """Return a text as a notebook shows it: bytes that are no text, and half pairs, as U+FFFD."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _waiting(pipe: int) -> bool:
    size = bytearray(4)
    try:
        fcntl.ioctl(pipe, termios.FIONREAD, size)
    except OSError:
        return False
    return any(size)
