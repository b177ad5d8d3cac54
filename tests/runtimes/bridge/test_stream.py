"""The streams: everything arrives once and in order, whatever is lost, repeated or cut."""

import random
import resource
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynamic_sessions_kernel.runtimes.bridge.inside.envelope import EnvelopeError, unseal
from dynamic_sessions_kernel.runtimes.bridge.inside.stream import Incoming, Outgoing, frame

#: A busy machine is no failure.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
MESSAGES = st.lists(st.lists(st.binary(max_size=3000), min_size=1, max_size=4), max_size=20)


@PATIENT
@given(MESSAGES, st.integers(2048, 20000), st.randoms(use_true_random=False))
def test_messages_arrive_once_and_in_order_over_a_bad_wire(messages, budget, chance: random.Random):
    outgoing, incoming, arrived = Outgoing(), Incoming(), []
    waiting = list(messages)
    while waiting or outgoing.pending:
        if waiting and chance.random() < 0.5:
            outgoing.write(frame(*waiting.pop(0)))
        text = outgoing.seal({"seq": outgoing.base}, budget)
        assert len(text) <= budget
        head, data = unseal(text)
        fate = chance.random()
        if fate > 0.2:
            arrived += incoming.take(head["seq"], data)
        if 0.2 < fate < 0.4:
            arrived += incoming.take(head["seq"], data)
        if fate > 0.4:
            outgoing.acknowledge(incoming.position)
    assert arrived == messages


def test_a_message_larger_than_the_budget_spans_envelopes():
    outgoing, incoming, arrived = Outgoing(), Incoming(), []
    large = random.Random(1).randbytes(1 << 20)
    outgoing.write(frame(b"head", large))
    envelopes = 0
    while outgoing.pending:
        text = outgoing.seal({}, 100_000)
        assert len(text) <= 100_000
        arrived += incoming.take(outgoing.base, unseal(text)[1])
        outgoing.acknowledge(incoming.position)
        envelopes += 1
    assert arrived == [[b"head", large]]
    assert envelopes < 25


def test_text_goes_in_few_envelopes_because_it_shrinks():
    outgoing = Outgoing()
    outgoing.write(frame(b"a line that is printed again and again\n" * 100_000))
    envelopes = 0
    while outgoing.pending:
        _, data = unseal(outgoing.seal({}, 100_000))
        outgoing.acknowledge(outgoing.base + len(data))
        envelopes += 1
    assert envelopes <= 3


def test_what_exceeds_memory_goes_to_files_and_comes_back(tmp_path):
    outgoing, incoming, arrived = Outgoing(str(tmp_path), memory=1000), Incoming(), []
    messages = [[bytes([n]) * 700] for n in range(50)]
    for message in messages:
        outgoing.write(frame(*message))
    assert list(tmp_path.iterdir()) == []  # the files have no names
    assert sum(len(chunk.data) for chunk in outgoing._chunks) <= 1000
    while outgoing.pending:
        arrived += incoming.take(outgoing.base, unseal(outgoing.seal({}, 3000))[1])
        outgoing.acknowledge(incoming.position)
    assert arrived == messages


def test_a_full_disk_keeps_it_in_memory():
    outgoing = Outgoing("/dev/null/nowhere", memory=10)
    outgoing.write(frame(b"x" * 100))
    assert b"x" * 100 in unseal(outgoing.seal({}, 5000))[1]


def test_a_gap_is_an_error():
    with pytest.raises(EnvelopeError, match="gap"):
        Incoming().take(5, b"x")


def test_an_acknowledgement_of_what_was_never_sent_is_an_error():
    with pytest.raises(EnvelopeError, match="never sent"):
        Outgoing().acknowledge(1)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00",
        b"\xff\xff" + b"\x00" * 10,
        struct.pack(">HI", 1, 0xFFFFFFFF),
        struct.pack(">HII", 2, 0x08000001, 0x08000001),
    ],
)
def test_a_message_that_claims_too_much_is_an_error(data):
    with pytest.raises(EnvelopeError, match=r"parts|limit"):
        Incoming().take(0, data)


@PATIENT
@given(st.binary(max_size=400), st.binary(max_size=400))
def test_any_bytes_are_messages_or_an_error_of_its_own_kind(first, second):
    incoming = Incoming()
    try:
        for data in (first, second):
            messages = incoming.take(incoming.position, data)
            assert all(isinstance(part, bytes) for parts in messages for part in parts)
    except EnvelopeError:
        pass


def test_a_disk_that_fills_up_costs_memory_and_nothing_else(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        outgoing = Outgoing(str(tmp_path), memory=0)
        for number in range(40):
            outgoing.write(frame(b"%04d" % number * 500))
        _, data = unseal(outgoing.seal({}, 1 << 20))
        outgoing.discard()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    outgoing.discard()
    assert Incoming().take(0, data) == [[b"%04d" % number * 500] for number in range(40)]
