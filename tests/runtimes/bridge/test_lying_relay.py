"""A relay that lies costs its own session something, and the person's machine nothing."""

from __future__ import annotations

import asyncio
import json
import re
import struct
import time
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynamic_sessions_kernel.client.models import ExecutionResult
from dynamic_sessions_kernel.errors import DynamicSessionsError, KernelError, SessionLostError
from dynamic_sessions_kernel.runtimes.bridge.exchanges import Execute, Received
from dynamic_sessions_kernel.runtimes.bridge.inside.envelope import EnvelopeError, seal, unseal
from dynamic_sessions_kernel.runtimes.bridge.inside.stream import frame
from dynamic_sessions_kernel.runtimes.bridge.relay_client import RelayClient, State
from dynamic_sessions_kernel.runtimes.bridge.runtime import BridgeRuntime
from dynamic_sessions_kernel.runtimes.bridge.times import BridgeTimes
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
    """Listens to a client, and waits for a reply until the client fails."""

    def __init__(self) -> None:
        self.over, self.came = asyncio.Event(), asyncio.Event()
        self.errors: list[DynamicSessionsError] = []
        self.messages: list[Received] = []

    def read(self, message: Received) -> Received:
        return message

    def arrived(self, arrival: Received) -> None:
        self.messages.append(arrival)
        self.came.set()

    def busy(self) -> bool:
        return not self.over.is_set()

    def alive(self) -> bool:
        return True

    def full(self) -> bool:
        return False

    def failed(self, error: DynamicSessionsError, *, over: bool, opened: bool) -> None:
        del over, opened
        self.errors.append(error)
        self.over.set()

    def troubled(self, reason: str | None) -> None:
        """What a person reads is not looked at here."""


HURRIED = BridgeTimes(first_pause=0.0001, longest_pause=0.001)


def connect(execute: Execute, watch: Watch) -> RelayClient:
    return RelayClient(execute, "identifier", watch, keep_alive=0.0, times=HURRIED)


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

    def execute(code: str, **_: float) -> ExecutionResult:
        return executed(next(said, None))

    async def end() -> DynamicSessionsError:
        watch = Watch()
        client = connect(execute, watch)
        client.open()
        await asyncio.wait_for(watch.over.wait(), 20)
        client.close()
        return watch.errors[0]

    error = asyncio.run(end())
    assert isinstance(error, DynamicSessionsError)
    assert not isinstance(error, KernelError)


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
        arrival = runtime.read(Received(json.dumps(head).encode(), body))
        if arrival is not None:
            runtime.arrived(arrival)
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
        runtime.read(Received(json.dumps(head).encode(), [b"{}", b"{}"]))
    assert emitted == []


def test_a_message_of_a_terabyte_is_an_error_before_it_is_in_memory():
    claims = struct.pack(">H", 4096) + b"\xff\xff\xff\xff" * 4096

    async def end() -> DynamicSessionsError:
        watch = Watch()
        connect(relay(claims), watch).open()
        await asyncio.wait_for(watch.over.wait(), 20)
        return watch.errors[0]

    assert isinstance(asyncio.run(end()), SessionLostError)


def test_a_defect_of_this_kernel_is_no_lost_session():
    answer = relay(*frame(b"{}", b"{}", b"{}"))

    class Defective(Watch):
        def read(self, message: Received) -> Received:
            raise KeyError(message.head)

    async def end() -> tuple[RelayClient, DynamicSessionsError]:
        watch = Defective()
        client = connect(answer, watch)
        client.open()
        await asyncio.wait_for(watch.over.wait(), 20)
        return client, watch.errors[0]

    client, error = asyncio.run(end())
    assert isinstance(error, KernelError)
    assert "Variables and files are kept" in str(error)
    assert client.state is State.OVER


def test_a_relay_that_answers_at_once_with_nothing_keeps_nobody_busy():
    executions = []
    answer = relay()

    def execute(code: str, **options: float) -> ExecutionResult:
        executions.append(time.monotonic())
        return answer(code)

    async def idle() -> None:
        watch = Watch()
        client = connect(execute, watch)
        await asyncio.wait_for(client.open(), 10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watch.over.wait(), 1.0)
        client.close()

    asyncio.run(idle())
    assert len(executions) < 8


def test_what_a_relay_sends_right_arrives():
    head = json.dumps({"from": "iopub", "type": "stream", "parent": "p"}).encode()
    messages = [frame(head, b"{}", json.dumps({"text": "x" * 70_000}).encode()) for _ in range(5)]

    async def receive() -> list[Received]:
        watch = Watch()
        client = connect(relay(*(p for m in messages for p in m)), watch)
        await asyncio.wait_for(client.open(), 10)
        async with asyncio.timeout(20):
            while len(watch.messages) < 5:
                await watch.came.wait()
                watch.came.clear()
        client.close()
        return watch.messages

    received = asyncio.run(receive())
    assert [read_message(m).content for m in received] == [{"text": "x" * 70_000}] * 5
