"""What odd data costs: JSON is written in pieces, as `json.dumps` writes it; memory is bounded."""

from __future__ import annotations

import json
import threading
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dynamic_sessions_kernel.outputs.html import output
from dynamic_sessions_kernel.outputs.plots import json_text, viewers

_VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
)


@given(_VALUES)
def test_it_is_what_json_writes(value: object) -> None:
    assert json_text.written(value) == json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    "value",
    [
        [{"a": 1, "b": "<é>"}] * 5_001,
        [[1, 2.5, None] * 40] * 90,
        {str(key): key for key in range(4_001)},
        {"data": [{"x": list(range(9_000)), "y": [[]] * 4_000}], "layout": {}},
    ],
    ids=["rows", "a matrix", "many keys", "a figure"],
)
def test_what_is_large_is_what_json_writes_too(value: object) -> None:
    assert json_text.written(value) == json.dumps(value, ensure_ascii=False)


def test_other_threads_run_meanwhile() -> None:
    value = {"values": [{} for _ in range(1_000_000)]}
    ended, looks = threading.Event(), [time.perf_counter()]

    def look() -> None:
        while not ended.wait(0.001):
            looks.append(time.perf_counter())

    looking = threading.Thread(target=look)
    looking.start()
    json_text.written(value)
    ended.set()
    looking.join()
    # One call of C would let it look twice: before and after.
    assert len(looks) > 5


def test_to_look_at_a_megabyte_takes_less_than_ten() -> None:
    specification = {"data": {"values": [{} for _ in range(250_000)]}}
    for look, value in ((output.shown, "<b x=y>" * 140_000), (viewers.plain_vega, specification)):
        tracemalloc.start()
        look(value)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10_000_000
