"""The ipykernel in the session, as the relay sees it: a process and four sockets.

The relay does not read contents: what the ipykernel sends is passed on as the bytes it came in.
Messages are signed for the ipykernel and taken from it unchecked: the sockets are in a folder
that only their user can open.

This module runs in the session: standard library and pyzmq, Python 3.10, ipykernel 6 and 7.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import zmq

from .envelope import EnvelopeError, load_object

#: Starts `kernel_main`, and leaves neither its modules nor its folder where the person's code would
#: find them; the first item of `sys.argv` is what a stock ipykernel has there.
_PROGRAM = """
import os, sys
from importlib.util import find_spec
sys.path.insert(0, sys.argv.pop(1))
from dsk.kernel_main import main
del sys.path[0]
if sys.path[0] == "":
    del sys.path[0]
for name in [name for name in sys.modules if name.partition(".")[0] == "dsk"]:
    del sys.modules[name]
packages = os.path.join(os.path.expanduser("~"), ".cache/dynamic-sessions/packages")
if os.path.isdir(packages):
    sys.path.append(packages)  # what `%packages` added before this Python was started
found = find_spec("ipykernel_launcher")
sys.argv[0] = found.origin if found else "ipykernel_launcher.py"
main()
"""
_DELIMITER = b"<IDS|MSG>"
_CHANNELS = {"shell": 1, "iopub": 2, "stdin": 3, "control": 4}
_PROBE = "dynamic-sessions-probe-"
_PROBE_AGAIN_SECONDS = 0.1
_START_SECONDS = 180.0
_ALIVE_CHECK_SECONDS, _READY_CHECK_SECONDS = 0.25, 0.02
_ERRORS_SHOWN_BYTES = 2000


@dataclass(frozen=True)
class KernelMessage:
    """A message of the ipykernel's.

    Attributes:
        msg_type: its type.
        parent: the identity of the request that caused it; empty where none did.
        body: metadata and content as JSON, not looked at yet, and the buffers.
    """

    msg_type: str
    parent: str
    body: list[bytes]

    def content(self) -> dict[str, Any]:
        """Return its content; empty where that cannot be read."""
        try:
            return load_object(self.body[1])
        except EnvelopeError:
            return {}


class KernelProcess:
    """One life of an ipykernel.

    Args:
        folder: for its sockets and connection file, private and short.
        life: which life this is, 1 at first; it names the sockets.
        cwd: the working directory of the person's code.
        argv: what follows the connection file in `sys.argv`.
    """

    def __init__(self, folder: str, life: int, cwd: str, argv: list[str]) -> None:
        self.life = life
        self.ready = False
        self.paused = False
        self._key = secrets.token_hex(16)
        # An ipykernel whose relay was killed removes its sockets only as it notices that.
        self._base = str(Path(folder, f"k{life}-{secrets.token_hex(2)}"))
        self._launched = time.monotonic()
        self._oom_kills = _oom_kills()
        self._process = self._launch(cwd, argv)
        self._context = zmq.Context()
        self.sockets = {name: self._connect(name) for name in _CHANNELS}
        self._held: list[tuple[str, list[bytes]]] = []
        self._probes = 0
        self._probed = 0.0

    def _launch(self, cwd: str, argv: list[str]) -> subprocess.Popen[bytes]:
        connection: dict[str, Any] = {f"{k}_port": n for k, n in _CHANNELS.items()}
        connection.update(transport="ipc", ip=self._base, hb_port=5, key=self._key)
        connection.update(signature_scheme="hmac-sha256", kernel_name="python3")
        file = Path(self._base + ".json")
        file.write_text(json.dumps(connection))
        env = {k: v for k, v in os.environ.items() if not k.startswith("JPY_")}
        env["JPY_PARENT_PID"] = str(os.getpid())
        # As ipykernel's own kernelspec does; debugpy complains of frozen modules otherwise.
        options = ["-Xfrozen_modules=off"] if sys.version_info >= (3, 11) else []
        with Path(self._base + ".err").open("wb") as errors:
            return subprocess.Popen(  # noqa: S603 - our own program
                [
                    sys.executable,
                    *options,
                    "-c",
                    _PROGRAM,
                    str(Path(__file__).parent.parent),
                    "-f",
                    str(file),
                    *argv,
                ],
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )

    def _connect(self, channel: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.SUB if channel == "iopub" else zmq.DEALER)
        socket.rcvhwm = socket.sndhwm = 0
        socket.linger = 0
        socket.setsockopt(zmq.RECONNECT_IVL, 10)
        if channel == "iopub":
            socket.subscribe(b"")
        else:
            socket.identity = b"relay"  # one for all: input requests go to whom shell answered
        socket.connect(f"ipc://{self._base}-{_CHANNELS[channel]}")
        return socket

    def send(
        self,
        channel: str,
        msg_type: str,
        msg_id: str,
        body: list[bytes],
    ) -> None:
        """Send a message, once the ipykernel is ready for it.

        Args:
            channel: `shell`, `control` or `stdin`.
            msg_type: such as `execute_request`.
            msg_id: its identity; what it causes names it as parent.
            body: metadata and content as JSON, and the buffers.
        """
        header = {
            "msg_id": msg_id,
            "msg_type": msg_type,
            "username": "",
            "session": "relay",
            "date": datetime.now(timezone.utc).isoformat(),
            "version": "5.3",
        }
        signed = [json.dumps(header).encode(), b"{}", *body[:2]]
        digest = hmac.new(self._key.encode(), digestmod=hashlib.sha256)
        for part in signed:
            digest.update(part)
        signature = digest.hexdigest().encode()
        message = [_DELIMITER, signature, *signed, *body[2:]]
        if self.ready:
            self.sockets[channel].send_multipart(message)
        else:
            self._held.append((channel, message))

    def receive(self, channel: str) -> KernelMessage | None:
        """Take the next waiting message; None where none waits."""
        while True:
            try:
                frames = self.sockets[channel].recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return None
            message = _read(frames)
            if message is None:
                continue  # the person's code can send anything on these sockets
            if not self.ready and channel == "iopub":
                self._become_ready()
            return message

    @property
    def patience(self) -> float:
        """How many seconds may pass until it is looked after again."""
        return _ALIVE_CHECK_SECONDS if self.ready else _READY_CHECK_SECONDS

    def probe(self) -> None:
        """Ask for a sign of life: output is only sure to arrive once some has."""
        now = time.monotonic()
        if self.ready or now - self._probed < _PROBE_AGAIN_SECONDS:
            return
        if now - self._launched > _START_SECONDS:
            self._process.kill()
        self._probed, self._probes = now, self._probes + 1
        held, self._held, self.ready = self._held, [], True
        self.send("shell", "kernel_info_request", f"{_PROBE}{self._probes}", [b"{}", b"{}"])
        self._held, self.ready = held, False

    def _become_ready(self) -> None:
        self.ready = True
        for channel, message in self._held:
            self.sockets[channel].send_multipart(message)
        self._held.clear()

    @staticmethod
    def is_probe(parent: str) -> bool:
        """Whether a message answers one of the relay's own, and so is nobody's business."""
        return parent.startswith(_PROBE)

    def interrupt(self) -> None:
        """Interrupt the running cell and what it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)

    def pause(self) -> None:
        """Stop the process until `resume`: it writes faster than its output can be taken."""
        if not self.paused and self._process.poll() is None:
            self._process.send_signal(signal.SIGSTOP)
            self.paused = True

    def resume(self) -> None:
        """Let the process go on."""
        if self.paused:
            self._process.send_signal(signal.SIGCONT)
            self.paused = False

    def death(self) -> dict[str, Any] | None:
        """Return what is known of the process's end; None while it lives."""
        status = self._process.poll()
        if status is None:
            return None
        killed = status == -signal.SIGKILL
        return {
            "status": status,
            "memory": killed and _oom_kills() > self._oom_kills,
            "started": self.ready,
            "errors": self._errors() if status else "",
        }

    def _errors(self) -> str:
        try:
            text = Path(self._base + ".err").read_bytes()[-_ERRORS_SHOWN_BYTES:]
        except OSError:
            return ""
        return text.decode("utf-8", "replace")

    def end(self) -> None:
        """Kill the process and what it started; leave no file."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._context.destroy(linger=0)
        for suffix in (".json", ".err", *(f"-{n}" for n in range(1, 6))):
            Path(self._base + suffix).unlink(missing_ok=True)


def _read(frames: list[bytes]) -> KernelMessage | None:
    """Read the names of a message; None where it has none."""
    try:
        at = frames.index(_DELIMITER) + 2
        header, parent = load_object(frames[at]), load_object(frames[at + 1])
    except (ValueError, IndexError):  # EnvelopeError is a ValueError
        return None
    msg_type, identity, body = header.get("msg_type"), parent.get("msg_id", ""), frames[at + 2 :]
    if not isinstance(msg_type, str) or not isinstance(identity, str) or len(body) < 2:  # noqa: PLR2004 - metadata and content
        return None
    return KernelMessage(msg_type, identity, body)


def _oom_kills() -> int:
    """How many processes of this container the kernel has killed for want of memory."""
    for name in ("memory.events", "memory/memory.oom_control"):
        try:
            text = Path("/sys/fs/cgroup", name).read_text()
        except OSError:
            continue
        for line in text.splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return int(value)
    return 0
