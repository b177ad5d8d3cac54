"""A relay that lies costs its own session something, and the person's machine nothing."""

from __future__ import annotations

import json
import re
import struct
import threading
import time
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynamic_sessions_kernel.client.models import ExecutionResult
from dynamic_sessions_kernel.errors import DynamicSessionsError
from dynamic_sessions_kernel.runtimes.bridge import retry
from dynamic_sessions_kernel.runtimes.bridge.inside.envelope import EnvelopeError, seal, unseal
from dynamic_sessions_kernel.runtimes.bridge.inside.stream import frame
from dynamic_sessions_kernel.runtimes.bridge.relay_client import Received, RelayClient
from dynamic_sessions_kernel.runtimes.bridge.runtime import BridgeRuntime
from dynamic_sessions_kernel.runtimes.bridge.validation import death, read_message

PATIENT = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
#: Heads that are nearly right.
HEADS = st.fixed_dictionaries(
    {
        "boot": st.just("b00t") | JSON,
        "ack": st.just(0) | st.integers(-5, 1 << 63) | JSON,
        "seq": st.just(0) | st.integers(-5, 1 << 63) | JSON,
        "end": st.just(0) | st.integers() | JSON,
        "life": st.just(1) | JSON,
        "count": st.just(1) | JSON,
        "ready": st.just(True) | JSON,
        "found": st.just(False) | JSON,
        "left": st.just("") | JSON,
    },
    optional={"refused": JSON},
)
NAMES = st.sampled_from(["iopub", "shell", "control", "stdin", "relay", ""]) | JSON
TYPES = st.sampled_from(["stream", "status", "execute_reply", "died", "restarted", "dropped"])
MESSAGES = st.tuples(
    st.fixed_dictionaries({"from": NAMES, "type": TYPES | JSON, "parent": st.text() | JSON}),
    JSON,
    JSON,
    st.lists(st.binary(max_size=20), max_size=2),
)


def executed(text: object) -> ExecutionResult:
    return ExecutionResult("Succeeded", "", "", text, None, 0.0)


class Watch:
    """Listens to a link, and waits for an answer until the link fails."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.messages: list[Received] = []

    def received(self, message: Received) -> None:
        self.messages.append(message)

    def busy(self) -> bool:
        return not self.over.is_set()

    def failed(self, error: DynamicSessionsError, *, over: bool) -> None:
        del over
        assert isinstance(error, DynamicSessionsError)
        self.over.set()

    def troubled(self, reason: str | None) -> None:
        """What a person reads is not looked at here."""


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.0001)
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.001)


@PATIENT
@given(
    st.lists(
        st.tuples(HEADS, st.binary(max_size=300)).map(lambda a: seal(*a))
        | st.text(max_size=50)
        | JSON,
        min_size=1,
        max_size=6,
    )
)
def test_a_link_ends_in_an_error_of_our_own_whatever_is_answered(answers):
    said = iter(answers)
    watch = Watch()

    def execute(code: str, **_: float) -> ExecutionResult:
        return executed(next(said, None))

    link = RelayClient(execute, "identifier", watch, keep_alive=0.0)
    link.open()
    assert watch.over.wait(20)
    link.close()


@PATIENT
@given(MESSAGES)
def test_a_message_is_sound_or_an_error_of_its_own_kind(message):
    head, metadata, content, buffers = message
    encoded = [json.dumps(part).encode() for part in (head, metadata, content)]
    try:
        arrival = read_message(Received(encoded[0], [*encoded[1:], *buffers]))
    except EnvelopeError:
        return
    assert isinstance(arrival.content, dict)
    assert isinstance(arrival.metadata, dict)
    assert arrival.parent is None or isinstance(arrival.parent, str)
    assert str(death(arrival.content))


@PATIENT
@given(st.lists(MESSAGES, max_size=8))
def test_a_runtime_takes_any_message_without_failing(messages):
    emitted = []
    runtime = BridgeRuntime(emitted.append, SimpleNamespace(identifier="i"))
    for head, metadata, content, buffers in messages:
        body = [json.dumps(metadata).encode(), json.dumps(content).encode(), *buffers]
        runtime.received(Received(json.dumps(head).encode(), body))
    for message in emitted:
        assert message.msg_type in {"stream", "input_request"}
    assert runtime.execution_count >= 1


def relay(*pieces: bytes):
    """A relay that is right but for the stream it sends."""
    stream = b"".join(pieces)

    def execute(code: str, **_: float) -> ExecutionResult:
        head, data = unseal(re.search(r"~dsk1\.[\w.-]+~", code)[0])
        position = head["ack"] or 0
        answer = {"boot": "b00t", "ack": head["seq"] + len(data), "seq": position, "life": 1}
        answer |= {"end": len(stream), "count": 1, "ready": True, "found": False, "left": ""}
        return executed(seal(answer, stream[position : position + 100_000]))

    return execute


def test_types_that_may_not_come_from_a_session_are_dropped():
    emitted = []
    runtime = BridgeRuntime(emitted.append, SimpleNamespace(identifier="i"))
    for origin, kind in [
        ("iopub", "shutdown_reply"),
        ("iopub", "input_request"),
        ("iopub", "execute_input"),
        ("shell", "display_data"),
        ("stdin", "display_data"),
        ("control", "stream"),
    ]:
        head = {"from": origin, "type": kind, "parent": "p"}
        runtime.received(Received(json.dumps(head).encode(), [b"{}", b"{}"]))
    assert emitted == []


def test_a_message_of_a_terabyte_is_an_error_before_it_is_in_memory():
    watch = Watch()
    claims = struct.pack(">H", 4096) + b"\xff\xff\xff\xff" * 4096
    link = RelayClient(relay(claims), "identifier", watch, keep_alive=0.0)
    link.open()
    assert watch.over.wait(20)


def test_a_relay_that_answers_at_once_with_nothing_keeps_nobody_busy():
    watch = Watch()
    executions = []
    answer = relay()

    def execute(code: str, **options: float) -> ExecutionResult:
        executions.append(time.monotonic())
        return answer(code)

    link = RelayClient(execute, "identifier", watch, keep_alive=0.0)
    link.open().result(10)
    assert not watch.over.wait(1.0)
    link.close()
    assert len(executions) < 8


def test_what_a_relay_sends_right_arrives():
    watch = Watch()
    head = json.dumps({"from": "iopub", "type": "stream", "parent": "p"}).encode()
    messages = [frame(head, b"{}", json.dumps({"text": "x" * 70_000}).encode()) for _ in range(5)]
    link = RelayClient(
        relay(*(p for m in messages for p in m)), "identifier", watch, keep_alive=0.0
    )
    link.open().result(10)
    deadline = time.monotonic() + 20
    while len(watch.messages) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    link.close()
    assert [read_message(m).content for m in watch.messages] == [{"text": "x" * 70_000}] * 5
