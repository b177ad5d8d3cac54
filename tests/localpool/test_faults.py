"""Faults on request: how often, what they spare, and that a seed repeats them."""

from __future__ import annotations

import time

import pytest
import requests


def test_the_last_line_of_stdout_is_lost(start_pool):
    caller = start_pool("--lose-tail", "1").caller()
    assert caller.run("print('one')\nprint('two')")["stdout"] == "one\n"
    assert caller.run("print('only')")["stdout"] == ""
    assert caller.run("42")["executionResult"] == 42


def test_an_error_means_that_nothing_was_done(start_pool):
    caller = start_pool("--error-rate", "1").caller()
    answer = caller.post("1")
    assert answer.status_code == 503
    assert answer.headers["x-ms-error-code"] == "ServiceUnavailable"
    assert caller.call("GET", "session").status_code == 503


def test_a_dropped_connection_comes_after_the_execution(start_pool):
    caller = start_pool("--drop-rate", "1").caller()
    with pytest.raises(requests.ConnectionError):
        caller.run("open('/mnt/data/ran', 'w').close()")
    assert caller.call("GET", "files/ran").status_code == 200


def test_each_answer_is_late_by_the_latency(start_pool):
    caller = start_pool("--latency", "0.3").caller()
    caller.run("1")
    began = time.monotonic()
    caller.call("GET", "session")
    assert time.monotonic() - began >= 0.3


def course(pool):
    caller = pool.caller()
    return [caller.call("GET", "session").status_code for _ in range(40)]


def test_a_seed_repeats_the_course_of_faults(start_pool):
    options = ("--error-rate", "0.5", "--seed")
    first, again, other = (course(start_pool(*options, seed)) for seed in ("1", "1", "2"))
    assert first == again != other
    assert {404, 503} == set(first)
