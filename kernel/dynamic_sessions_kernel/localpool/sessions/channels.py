"""The two sockets on which the pool speaks with a session's interpreter.

They lie in a folder that the session owns, so a name there could be made to lead to any socket of
the machine. Each is therefore opened without following links, seen to be a socket, and reached
through that open file, whatever becomes of the name.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
from typing import TYPE_CHECKING, Any

import zmq
import zmq.asyncio
from jupyter_client.session import Session

from dynamic_sessions_kernel.errors import LocalPoolError
from dynamic_sessions_kernel.localpool.sandbox.inside.kernel_main import PORTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .decoding import Decoder

# A message over this closes the connection; the service's own strings of 8 MB are far below.
_LONGEST = 256 * 1024**2
# A longer message's signature is made in a thread, which lets go of the loop meanwhile.
_SIGNED_HERE_BYTES = 1024**2
# Ours are a few hundred bytes each.
_HEADERS_BYTES = 64 * 1024
# Messages that wait here; those beyond wait in the session, at the session's expense.
_WAITING = 64


class Channels:
    """Connections to one interpreter; made on, and bound to, the running event loop.

    Args:
        folder: the host's folder of the sockets.
        boot: the interpreter's number, with which its sockets' names begin.
        key: signs the messages.
        decoder: of their contents.

    Raises:
        LocalPoolError: what lies there is no socket.
    """

    def __init__(self, folder: Path, boot: int, key: str, decoder: Decoder) -> None:
        self._decoder = decoder
        self._session = Session(key=key.encode(), username="pool", check_pid=False)
        self._files: list[int] = []
        self._sockets: list[zmq.asyncio.Socket] = []
        try:
            self._shell = self._connect(folder / f"{boot}-{PORTS['shell_port']}", zmq.DEALER)
            self._iopub = self._connect(folder / f"{boot}-{PORTS['iopub_port']}", zmq.SUB)
        except OSError as error:
            self.close()
            raise LocalPoolError(
                f"The session's interpreter cannot be reached: {error}. The session is ended."
            ) from None

    def send(self, msg_type: str, content: dict[str, Any]) -> str:
        """Send a request on the shell channel; returns its `msg_id`."""
        message = self._session.msg(msg_type, content)
        # The session's own `send` goes around the socket's event loop, and may take in silence the
        # signal that a reply is there: the wait for it would never end.
        # Over ipc to a living interpreter this never waits; the future has nothing to say.
        self._shell.send_multipart(self._session.serialize(message))
        return str(message["header"]["msg_id"])

    async def reply(self) -> tuple[dict[str, Any], int]:
        """Wait for the next message of the shell channel, and its size in bytes."""
        return await self._receive(self._shell)

    async def published(self) -> tuple[dict[str, Any], int]:
        """Wait for the next message of the iopub channel, and its size in bytes."""
        return await self._receive(self._iopub)

    def close(self) -> None:
        """Let go of sockets and files; repeatable."""
        while self._sockets:
            self._sockets.pop().close(linger=0)
        while self._files:
            os.close(self._files.pop())

    def _connect(self, path: Path, kind: int) -> zmq.asyncio.Socket:
        file = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._files.append(file)
        if not stat.S_ISSOCK(os.fstat(file).st_mode):
            raise OSError(f"{path.name} is not a socket")
        socket = zmq.asyncio.Context.instance().socket(kind)
        self._sockets.append(socket)
        socket.linger = 0
        socket.rcvhwm = _WAITING
        socket.maxmsgsize = _LONGEST
        socket.reconnect_ivl = -1
        if kind == zmq.SUB:
            socket.subscribe(b"")
        socket.connect(f"ipc:///proc/self/fd/{file}")
        return socket

    async def _receive(self, socket: zmq.asyncio.Socket) -> tuple[dict[str, Any], int]:
        while True:
            frames = await socket.recv_multipart()
            # A flood finds the next message ready each time, and would never let go of the loop.
            await asyncio.sleep(0)
            try:
                _, parts = self._session.feed_identities(frames)
                message = await self._message(parts)
            except Exception:  # noqa: BLE001, S112 - hostile bytes fail in ways nobody has listed
                continue
            if all(isinstance(part, dict) for part in message.values()):
                return message, sum(map(len, frames))

    async def _message(self, parts: Sequence[Any]) -> dict[str, Any]:
        """Return header, parent's header and content of a message, none of them trusted.

        Raises:
            ValueError: its signature is not ours, or it is too long where messages are short.
        """
        signature, header, parent, metadata, content = parts[:5]
        # Nobody but the session has the key; this finds what was cut on its way.
        signed_parts = [header, parent, metadata, content]
        if len(content) > _SIGNED_HERE_BYTES:
            signed = await asyncio.to_thread(self._session.sign, signed_parts)
        else:
            signed = self._session.sign(signed_parts)
        if signed != signature or len(header) + len(parent) > _HEADERS_BYTES:
            raise ValueError
        return {
            "header": json.loads(header),
            "parent_header": json.loads(parent),
            "content": await self._decoder.content(content),
        }
