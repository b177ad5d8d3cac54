"""A front end for tests, over real ZMQ: it sends cells and collects what belongs to each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager


@dataclass(frozen=True)
class Ran:
    """What a cell gave."""

    reply: dict[str, Any]
    messages: list[dict[str, Any]]

    @property
    def status(self) -> str:
        return self.reply["status"]

    @property
    def count(self) -> int:
        return self.reply["execution_count"]

    def all(self, msg_type: str) -> list[dict[str, Any]]:
        return [m["content"] for m in self.messages if m["msg_type"] == msg_type]

    def _stream(self, name: str) -> str:
        return "".join(c["text"] for c in self.all("stream") if c["name"] == name)

    @property
    def stdout(self) -> str:
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        return self._stream("stderr")

    @property
    def notices(self) -> str:
        """What the kernel itself says in the cell: text in no stream and of no picture."""
        shown = [content["data"] for content in self.all("display_data")]
        return "".join(f"{data['text/plain']}\n" for data in shown if set(data) == {"text/plain"})

    @property
    def result(self) -> str:
        (content,) = self.all("execute_result")
        return content["data"]["text/plain"]

    @property
    def error(self) -> str:
        """The one error, as the person reads its last line."""
        (content,) = self.all("error")
        assert self.status == "error"
        assert self.reply["ename"] == content["ename"]
        return f"{content['ename']}: {content['evalue']}"


class Notebook:
    """A front end for tests: it sends cells and collects what belongs to them."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client = manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self._replies: dict[str, dict[str, Any]] = {}
        self._published: dict[str, list[dict[str, Any]]] = {}

    def run(self, code: str, *, timeout: float = 60, **options: Any) -> Ran:
        return self.wait(self.send(code, **options), timeout=timeout)

    def send(self, code: str, **options: Any) -> str:
        return self.client.execute(code, **{"allow_stdin": False, **options})

    def wait(self, msg_id: str, *, timeout: float = 60) -> Ran:
        """Wait for a cell's reply and its `idle`."""
        until = time.monotonic() + timeout
        while msg_id not in self._replies:
            reply = self.client.get_shell_msg(timeout=max(0.0, until - time.monotonic()))
            self._replies[reply["parent_header"]["msg_id"]] = reply["content"]
        while not self._idle(msg_id):
            self._take(until)
        return Ran(self._replies[msg_id], self._published[msg_id])

    def until(self, msg_id: str, msg_type: str, *, timeout: float = 30) -> dict[str, Any]:
        """Wait for a message that a cell publishes."""
        until = time.monotonic() + timeout
        while True:
            for message in self._published.get(msg_id, []):
                if message["msg_type"] == msg_type:
                    return message["content"]
            self._take(until)

    def _take(self, until: float) -> None:
        message = self.client.get_iopub_msg(timeout=max(0.0, until - time.monotonic()))
        parent = message["parent_header"].get("msg_id", "")
        self._published.setdefault(parent, []).append(message)

    def _idle(self, msg_id: str) -> bool:
        return any(
            message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            for message in self._published.get(msg_id, [])
        )

    def ask(self, name: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Ask something other than an execution, such as `complete`."""
        msg_id = getattr(self.client, name)(*arguments, **options)
        while True:
            reply = self.client.get_shell_msg(timeout=30)
            if reply["parent_header"]["msg_id"] == msg_id:
                return reply["content"]
            self._replies[reply["parent_header"]["msg_id"]] = reply["content"]

    def request(self, msg_type: str, content: dict[str, Any], channel: str = "shell") -> str:
        """Send a request as it is, well-formed or not; returns its identity."""
        message = self.client.session.msg(msg_type, content)
        getattr(self.client, f"{channel}_channel").send(message)
        return message["header"]["msg_id"]

    def published(self, msg_id: str, *, timeout: float = 30) -> list[dict[str, Any]]:
        """Wait until a request's *idle* has come, and return all that came up to it."""
        until = time.monotonic() + timeout
        while not self._idle(msg_id):
            self._take(until)
        return self._published[msg_id]

    def asked(self, *, timeout: float = 30) -> dict[str, Any]:
        """Wait until the person is asked something on stdin; returns the whole message."""
        message = self.client.get_stdin_msg(timeout=timeout)
        assert message["msg_type"] == "input_request"
        return message

    def answer(self, value: str, question: dict[str, Any] | None = None) -> None:
        """Answer as a front end does: naming the question, as JupyterLab, or not, as a console."""
        reply = self.client.session.msg("input_reply", {"value": value})
        if question is not None:
            reply["parent_header"] = question["header"]
        self.client.stdin_channel.send(reply)

    def run_answering(self, code: str, *answers: str) -> Ran:
        """Run a cell and answer what it asks, in order."""
        cell = self.send(code, allow_stdin=True)
        for value in answers:
            self.answer(value, self.asked())
        return self.wait(cell)

    def interrupt(self) -> None:
        """Interrupt as front ends do, and wait until the kernel has taken it."""
        channel = self.client.control_channel
        channel.send(self.client.session.msg("interrupt_request", {}))
        assert channel.get_msg(timeout=10)["msg_type"] == "interrupt_reply"

    def restart(self) -> None:
        self.manager.restart_kernel()
        self.client.wait_for_ready(timeout=60)

    def close(self) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel()
        self.manager.cleanup_resources()
