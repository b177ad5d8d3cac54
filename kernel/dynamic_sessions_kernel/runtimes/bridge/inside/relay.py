"""The relay: keeps an ipykernel in the session, and what it sends until our kernel has it.

It is a process of its own, so that the service may restart its interpreter without the person's
variables going with it. Any later execution finds it at a unix socket, hands over an envelope and
waits there for the answer: as soon as there is something to bring, or when the hold is over.

This module runs in the session: standard library and pyzmq, Python 3.10.
"""

from __future__ import annotations

import json
import math
import secrets
import socket
import time
from pathlib import Path
from typing import Any

import zmq

from .callers import Caller, Waiter
from .cell_queue import CellQueue, ShellRequest
from .envelope import EnvelopeError, load_object, seal, unseal
from .kernel_process import KernelMessage, KernelProcess
from .protocol import SIZE_BYTES, SOCKET
from .stream import Incoming, Outgoing, frame

#: How long the first output waits for the end of a short cell, so that such a cell is one exchange;
#: and how long a reply waits for the idle status that always comes with it.
_LINGER_SECONDS, _REPLY_LINGER_SECONDS = 0.05, 0.2
#: The ipykernel is stopped while more output than this waits for our kernel, and goes on once less
#: than the second waits. So output is never dropped, and an interrupt waits behind no more.
_FULL_BYTES, _DRAINED_BYTES = 32 << 20, 8 << 20
#: Output of the ipykernel taken in one go before the other sockets have their turn.
_BATCH = 200
#: The longest wait for a socket, where nothing else is due.
_LONGEST_WAIT_SECONDS = 0.25
#: How often the relay checks that its session is still there.
_FOLDERS_CHECK_SECONDS = 2.0
_SEND_SECONDS = 5.0
_KEPT_CLIENTS = 256
_ENDS = frozenset({"execute_reply", "status"})
_SILENT_TYPES = frozenset({"status", "execute_input", "iopub_welcome", "shutdown_reply"})


class Relay:
    """The relay of one session.

    Args:
        folder: private and short; the unix socket `s` and the ipykernel's files are in it.
        cwd: the working directory of the person's code.
    """

    def __init__(self, folder: str, cwd: str) -> None:
        self._folder = folder
        self._cwd = cwd
        self._argv: list[str] = []
        self._boot = secrets.token_hex(8)
        self._client = ""
        self._former: list[str] = []
        self._found = False
        # What became of the cells of the client before, and where in the stream the last one ended.
        self._left = ""
        self._ended_at = 0
        self._down = Incoming()
        self._up = Outgoing(folder)
        self._life = 1
        self._count = 1
        self._cells = CellQueue()
        # Other requests and comm messages whose end, reply or idle status, has not come yet.
        self._asked: set[str] = set()
        self._waiter: Waiter | None = None
        self._callers: dict[int, Caller] = {}
        self._poller = zmq.Poller()
        self._interpreter: KernelProcess | None = None
        self._listener = self._listen()

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        path = Path(self._folder, SOCKET)
        early = path.with_name(SOCKET + "-")
        early.unlink(missing_ok=True)
        listener.bind(str(early))
        early.chmod(0o600)
        listener.listen(16)
        listener.setblocking(False)
        early.replace(path)  # last, so that the path exists only once the relay listens
        self._poller.register(listener, zmq.POLLIN)
        return listener

    def run(self) -> None:
        """Serve until the session's folders are gone."""
        checked = 0.0
        try:
            while True:
                if time.monotonic() - checked > _FOLDERS_CHECK_SECONDS:
                    checked = time.monotonic()
                    if not (Path(self._folder).is_dir() and Path(self._cwd).is_dir()):
                        return
                self._turn()
        finally:
            self._stop_interpreter()

    def _turn(self) -> None:
        now = time.monotonic()
        until = now + (
            _LONGEST_WAIT_SECONDS if self._interpreter is None else self._interpreter.patience
        )
        if self._waiter is not None:
            until = min(until, self._waiter.due)
        ready = self._poller.poll(math.ceil(max(0.0, until - now) * 1000))
        for source, _ in ready:
            if source == self._listener.fileno():
                self._accept()
            elif source in self._callers:
                self._read(self._callers[source])
        if self._interpreter is not None:
            self._serve_interpreter(self._interpreter, [source for source, _ in ready])
        if self._waiter is not None and (
            time.monotonic() >= self._waiter.due or self._up.pending >= self._waiter.enough
        ):
            self._answer(self._waiter)

    # -- callers: executions of the service ------------------------------------------------

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setblocking(False)
        caller = self._callers[connection.fileno()] = Caller(connection)
        self._poller.register(connection.fileno(), zmq.POLLIN)
        self._read(caller)  # it is there as a rule

    def _read(self, caller: Caller) -> None:
        request = caller.read()
        if request is not None:
            self._exchange(caller, request)
        elif caller.gone:
            self._drop(caller)

    def _drop(self, caller: Caller) -> None:
        fd = caller.connection.fileno()
        self._poller.unregister(fd)
        del self._callers[fd]
        caller.connection.close()
        if self._waiter is not None and self._waiter.caller is caller:
            self._waiter = None

    def _exchange(self, caller: Caller, request: str) -> None:
        if self._waiter is not None:
            self._answer(self._waiter)  # the service lost that execution: nobody listens there
        try:
            head, data = unseal(request)
            refusal = self._refusal(head)
            if refusal:
                self._send(caller, seal({"boot": self._boot, "refused": refusal}))
                return
            if head["ack"] is not None:
                self._up.acknowledge(head["ack"])
            if head["skip"] and head["seq"] > self._down.position:
                self._down = Incoming(head["seq"])  # what lay between has failed over there
            self._waiter = Waiter(caller, head)
            for message in self._down.take(head["seq"], data):
                self._handle(message)
        except (EnvelopeError, KeyError, TypeError, ValueError) as error:
            self._waiter = None
            self._send(caller, seal({"boot": self._boot, "refused": f"nonsense: {error!r}"}))
            return
        if self._up.pending:
            self._waiter.hasten(0.0)

    def _refusal(self, head: dict[str, Any]) -> str:
        client = head["client"]
        if head["hello"] and client != self._client and client not in self._former:
            self._former += head.get("instead", [])
            self._argv = head.get("argv", [])
            self._change_client(client, fresh=head["hello"] == "fresh")
        if client != self._client:
            return "taken"
        if head["boot"] and head["boot"] != self._boot:
            return "boot"
        return ""

    def _change_client(self, client: str, *, fresh: bool) -> None:
        self._former = [*self._former, self._client][-_KEPT_CLIENTS:]
        self._client = client
        self._found = self._interpreter is not None and not fresh
        unseen = "ended" if self._up.base < self._ended_at else ""
        self._left = ("running" if self._cells.running else unseen) if self._found else ""
        if self._found and self._cells.asking and self._interpreter is not None:
            self._left = "asked"
            self._interpreter.interrupt()  # whom it has asked cannot answer any more
        self._cells.change_client()
        self._down = Incoming()
        self._up.discard()  # its parents are unknown to the new client
        if self._interpreter is None:
            self._start_interpreter()
        elif fresh:
            self._restart()

    def _answer(self, waiter: Waiter) -> None:
        self._waiter = None
        head = {
            "boot": self._boot,
            "ack": self._down.position,
            "seq": self._up.base,
            "end": self._up.end,
            "life": self._life,
            "count": self._count,
            "ready": self._interpreter is not None and self._interpreter.ready,
            "found": self._found,
            "left": self._left,
        }
        self._send(waiter.caller, self._up.seal(head, waiter.budget))

    def _send(self, caller: Caller, text: str) -> None:
        try:
            caller.connection.settimeout(_SEND_SECONDS)
            caller.connection.sendall(len(text).to_bytes(SIZE_BYTES, "big") + text.encode("ascii"))
            caller.connection.setblocking(False)
        except OSError:
            self._drop(caller)  # it is sent again when it is asked for again

    # -- the link's messages ---------------------------------------------------------------

    def _handle(self, message: list[bytes]) -> None:
        head = load_object(message[0])
        channel, msg_type = head["to"], head["type"]
        if channel == "relay":
            if msg_type == "interrupt" and self._interpreter is not None:
                self._cells.interrupt()
                self._interpreter.interrupt()
            elif msg_type == "abort":
                self._cells.give_up()
            elif msg_type == "restart":
                self._restart()
            return
        if head["life"] != self._life:
            return  # meant for an ipykernel that is gone, which the client is about to learn
        interpreter = self._interpreter or self._start_interpreter()
        if msg_type != "execute_request" and channel in {"shell", "control"}:
            self._asked.add(head["id"])
        if channel != "shell":
            self._cells.asking &= channel != "stdin"
            interpreter.send(channel, msg_type, head["id"], message[1:])
            return
        generation, stops = int(head.get("generation", 0)), head.get("stops") is True
        self._cells.put(ShellRequest(msg_type, head["id"], message[1:], generation, stops))
        self._advance(interpreter)

    def _advance(self, interpreter: KernelProcess) -> None:
        """Serve the requests whose turn has come."""
        while (step := self._cells.next()) is not None:
            request, fate = step
            if fate == "sent":
                interpreter.send("shell", request.msg_type, request.msg_id, request.body)
            else:
                self._answer_unrun(request.msg_id, interrupted=fate == "interrupted")

    def _answer_unrun(self, parent: str, *, interrupted: bool) -> None:
        """Send what our kernel waits for, for a cell that does not run."""
        content: dict[str, Any] = {"status": "aborted"}
        if interrupted:
            content = {"ename": "KeyboardInterrupt", "evalue": "before this cell began"}
            content["traceback"] = [": ".join(content.values())]
            self._write_own("iopub", "error", content, parent)
            content["status"] = "error"
        self._write_own("shell", "execute_reply", content, parent)
        self._write_own("iopub", "status", {"execution_state": "idle"}, parent)
        self._hasten(_LINGER_SECONDS)

    def _start_interpreter(self) -> KernelProcess:
        self._interpreter = KernelProcess(self._folder, self._life, self._cwd, self._argv)
        for socket_ in self._interpreter.sockets.values():
            self._poller.register(socket_, zmq.POLLIN)
        return self._interpreter

    def _stop_interpreter(self) -> None:
        if self._interpreter is not None:
            for socket_ in self._interpreter.sockets.values():
                self._poller.unregister(socket_)
            self._interpreter.end()
            self._interpreter = None
        self._cells.clear()
        self._asked.clear()
        self._life += 1
        self._count = 1

    def _restart(self) -> None:
        self._stop_interpreter()
        self._start_interpreter()
        self._report("restarted", {"life": self._life})

    # -- the ipykernel's messages ----------------------------------------------------------

    def _serve_interpreter(self, interpreter: KernelProcess, ready: list[Any]) -> None:
        was_ready = interpreter.ready
        interpreter.probe()
        for channel, socket_ in interpreter.sockets.items():
            if socket_ in ready:
                self._drain(interpreter, channel)
        if interpreter.ready and not was_ready:
            self._hasten(0.0)
        if self._up.pending > _FULL_BYTES:
            interpreter.pause()
        elif self._up.pending < _DRAINED_BYTES:
            interpreter.resume()
        if not any(source in ready for source in interpreter.sockets.values()):
            death = interpreter.death()
            if death is not None:
                self._bury(interpreter, death)

    def _drain(self, interpreter: KernelProcess, channel: str) -> None:
        for _ in range(_BATCH):
            message = interpreter.receive(channel)
            if message is None:
                break
            self._forward(channel, message)

    def _bury(self, interpreter: KernelProcess, death: dict[str, Any]) -> None:
        for channel in interpreter.sockets:
            while (message := interpreter.receive(channel)) is not None:
                self._forward(channel, message)
        self._stop_interpreter()
        self._report("died", {"life": self._life, **death})

    def _forward(self, channel: str, message: KernelMessage) -> None:
        msg_type, parent = message.msg_type, message.parent
        if KernelProcess.is_probe(parent):
            return
        if msg_type in _SILENT_TYPES and not self._ends_request(message):
            return
        self._cells.asking |= channel == "stdin" and self._cells.waits_for(parent)
        failed = msg_type == "execute_reply" and self._failed(message)
        ended = msg_type in _ENDS and self._cells.saw(msg_type, parent, failed=failed)
        head = {"from": channel, "type": msg_type, "parent": parent}
        self._write(head | {"failures": self._cells.failures}, message.body)
        if parent in self._asked and (channel != "iopub" or msg_type == "status"):
            self._asked.discard(parent)
            self._hasten(0.0)
        elif channel == "iopub" and msg_type != "status":
            self._hasten(_LINGER_SECONDS)
        elif ended:
            self._ended()
        else:
            self._hasten(_REPLY_LINGER_SECONDS if msg_type in _ENDS else 0.0)

    def _failed(self, message: KernelMessage) -> bool:
        """Note the count that a cell's reply brings; return whether the cell failed."""
        content = message.content()
        count = content.get("execution_count")
        if isinstance(count, int) and not isinstance(count, bool):
            self._count = count + 1
        return content.get("status") == "error"

    def _ends_request(self, message: KernelMessage) -> bool:
        """Whether a message is the idle status of a request whose end has not come yet."""
        if message.msg_type != "status":
            return False
        if not self._cells.waits_for(message.parent) and message.parent not in self._asked:
            return False
        return bool(message.content().get("execution_state") == "idle")

    def _ended(self) -> None:
        """Go on behind a cell that has ended."""
        self._ended_at = self._up.end
        if self._interpreter is not None:
            self._advance(self._interpreter)
        # While others run, what has ended waits for them a little, as output does.
        self._hasten(_LINGER_SECONDS if self._cells.running else 0.0)

    def _report(self, msg_type: str, content: dict[str, Any]) -> None:
        self._write_own("relay", msg_type, content, "")
        self._hasten(0.0)

    def _write_own(self, origin: str, msg_type: str, content: dict[str, Any], parent: str) -> None:
        head = {"from": origin, "type": msg_type, "parent": parent}
        self._write(
            head | {"failures": self._cells.failures}, [b"{}", json.dumps(content).encode()]
        )

    def _write(self, head: dict[str, Any], body: list[bytes]) -> None:
        try:
            pieces = frame(json.dumps(head).encode(), *body)
        except EnvelopeError:
            size = sum(map(len, body))
            content = {"what": head["type"], "size": size}
            told = {"from": "relay", "type": "dropped", "parent": head["parent"]}
            pieces = frame(json.dumps(told).encode(), b"{}", json.dumps(content).encode())
        self._up.write(pieces)

    def _hasten(self, delay: float) -> None:
        if self._waiter is not None:
            self._waiter.hasten(delay)


def main(folder: str, cwd: str) -> None:
    """Run the relay of the session; `folder` is its own, `cwd` the person's."""
    Relay(folder, cwd).run()
