"""What is recovered from a failed execution's stderr."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamic_sessions_kernel.runtimes.direct.traceback import read_failure

DASHES = "-" * 75


def test_a_chained_exception_is_named_by_its_last() -> None:
    failure = read_failure(
        f"{DASHES}\nKeyError            Traceback (most recent call last)\nCell In[1], line 2\n"
        "\nKeyError: 'a'\n\nDuring handling of the above exception, another exception occurred:\n\n"
        "ValueError          Traceback (most recent call last)\nCell In[1], line 4\n\n"
        "ValueError: b\n"
    )
    assert (failure.ename, failure.evalue) == ("ValueError", "b")
    assert failure.traceback[0].endswith(f"{DASHES}\x1b[39m")
    assert failure.printed == ""


def test_of_two_tracebacks_the_printed_one_stays_printed() -> None:
    printed = f"{DASHES}\nOSError      Traceback (most recent call last)\nOSError: shown by code\n"
    failure = read_failure(
        f"{printed}{DASHES}\nTypeError      Traceback (most recent call last)\nTypeError: raised"
    )
    assert failure.printed == printed
    assert (failure.ename, failure.evalue) == ("TypeError", "raised")


def test_a_cut_traceback_still_has_its_name() -> None:
    failure = read_failure(
        f"{DASHES}\nMyError      Traceback (most recent call last)\nCell In[1], l"
    )
    assert (failure.ename, failure.evalue) == ("MyError", "")


@pytest.mark.parametrize(
    ("stderr", "ename", "evalue"),
    [
        ("", "Error", ""),
        ("something odd", "Error", "something odd"),
        ("ValueError: a", "ValueError", "a"),
        ("UsageError: no such magic", "UsageError", "no such magic"),
        ("Traceback (most recent call last):\n  File x\nOSError: gone", "OSError", "gone"),
        ("  Cell In[3], line 1\n    x =\n       ^\nSyntaxError: bad", "SyntaxError", "bad"),
        ("  File <tokenize>:1\n    (\n    ^\nSyntaxError: eof", "SyntaxError", "eof"),
        ('  File "<stdin>", line 1\n    x =\nSyntaxError: bad', "SyntaxError", "bad"),
    ],
)
def test_texts_without_ipythons_header_are_understood(stderr, ename, evalue) -> None:
    failure = read_failure(stderr)
    assert (failure.ename, failure.evalue) == (ename, evalue)


@given(st.text(alphabet=st.sampled_from(list("aE:\n -|\x1b[0;31m.")), max_size=300))
def test_whatever_stderr_holds_is_taken_apart_without_loss(stderr: str) -> None:
    failure = read_failure(stderr)
    assert isinstance(failure.ename, str)
    assert all(isinstance(line, str) for line in failure.traceback)


def test_a_hostile_stderr_is_read_in_time() -> None:
    for piece in ("-" * 75 + "\n", "  File x, line 1\n", "Error: ", "A" * 1000 + " ", "\x1b["):
        read_failure(piece * (2_000_000 // len(piece)))
