"""The wire format: what one end seals the other unseals, and nothing else passes for it."""

import base64
import json
import string
import struct
import time
import zlib
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynamic_sessions_kernel.runtimes.bridge.inside.envelope import (
    MAX_SLICE,
    EnvelopeError,
    load_object,
    seal,
    unseal,
)

#: A busy machine is no failure.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
HEADS = st.dictionaries(st.text(max_size=10), st.integers() | st.text(max_size=20), max_size=5)


@PATIENT
@given(HEADS, st.binary(max_size=5000))
def test_what_is_sealed_is_unsealed(head, data):
    assert unseal(seal(head, data)) == (head, data)


@PATIENT
@given(st.binary(max_size=300))
def test_no_decoder_takes_it_for_base64(data):
    text = seal({"boot": "x"}, data)
    for decode in (base64.b64decode, base64.urlsafe_b64decode):
        with pytest.raises(ValueError, match=r"base64|padding"):
            decode(text)


@PATIENT
@given(st.binary(max_size=300))
def test_needs_no_escape_in_json_or_python(data):
    text = seal({}, data)
    assert json.dumps(text) == f'"{text}"'
    assert repr(text) == f"'{text}'"
    assert set(text) <= set(string.ascii_letters + string.digits + "-_.~")


def test_quotes_around_it_are_ignored():
    assert unseal(repr(seal({"a": 1}, b"data")) + "\n") == ({"a": 1}, b"data")


@PATIENT
@given(st.binary(max_size=3000), st.data())
def test_a_cut_envelope_is_noticed(content, data):
    text = seal({"a": 1}, content)
    with pytest.raises(EnvelopeError):
        unseal(text[: data.draw(st.integers(0, len(text) - 1))])


@PATIENT
@given(st.binary(max_size=200), st.data())
def test_a_changed_character_is_noticed_or_harmless(content, data):
    text = seal({"a": 1}, content)
    end = text.rindex(".")
    at = data.draw(st.integers(6, end - 1))
    other = data.draw(st.sampled_from(string.ascii_letters))
    with suppress(EnvelopeError):
        assert unseal(text[:at] + other + text[at + 1 :]) == ({"a": 1}, content)


@PATIENT
@given(st.text() | st.text(alphabet="~dsk1.AQ-_x", max_size=60))
def test_any_other_text_is_an_error_of_its_own_kind(text):
    with pytest.raises(EnvelopeError):
        unseal(text)


@PATIENT
@given(st.binary(max_size=200))
def test_any_bytes_inside_are_an_error_of_its_own_kind(raw):
    encoded = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    try:
        head, _ = unseal(f"~dsk1.{encoded}.~")
    except EnvelopeError:
        return
    assert isinstance(head, dict)


def crafted(body: bytes, *, length: int, flags: int = 1) -> str:
    raw = struct.pack(">BII", flags, length, zlib.crc32(body)) + zlib.compress(body, 9)
    return f"~dsk1.{base64.urlsafe_b64encode(raw).decode().rstrip('=')}.~"


def test_a_decompression_bomb_is_an_error_and_takes_no_time():
    bomb = bytes(100 << 20)
    started = time.process_time()
    for length in (100, MAX_SLICE, len(bomb)):
        with pytest.raises(EnvelopeError):
            unseal(crafted(bomb, length=length))
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "content",
    [
        b"[1]",
        b"1",
        b"{",
        b"\xff{}",
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"a":' + b"[" * 200_000,
    ],
)
def test_content_is_a_json_object_of_bounded_depth(content):
    with pytest.raises(EnvelopeError):
        load_object(content)


def test_content_is_what_a_front_end_can_be_sent():
    value = load_object(rb'{"half": "\ud800x", "n": [NaN, Infinity], "smile": "\ud83d\ude00"}')
    assert value == {"half": "\ufffdx", "n": [None, None], "smile": "\U0001f600"}


def test_what_json_or_python_cannot_hold_is_replaced_and_the_rest_stays():
    value = load_object(b'{"a": ' + b"9" * 10_000 + b', "b": 5, "name": "caf\xe9.txt"}')
    assert value == {"a": None, "b": 5, "name": "caf\ufffd.txt"}


def test_wide_content_is_not_mistaken_for_deep():
    wide = {"a": [[i] for i in range(1000)]}
    assert load_object(json.dumps(wide).encode()) == wide
