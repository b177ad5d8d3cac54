"""Lines that nearly are a command."""

from __future__ import annotations

import pytest

from dynamic_sessions_kernel.errors import CommandError
from dynamic_sessions_kernel.magics import make_plan
from dynamic_sessions_kernel.magics.near_misses import near_miss


@pytest.mark.parametrize(
    ("cell", "typed"),
    [
        ("%Upload a.csv", "%Upload"),
        ("x = 1\n% upload a.csv", "% upload"),
        ("!upload a.csv", "!upload"),
        ("  %%UPLOAD", "%%UPLOAD"),
        ("%Session", "%Session"),
    ],
)
def test_a_near_miss_names_the_command(cell: str, typed: str) -> None:
    sentence = near_miss(cell)
    assert sentence is not None
    assert sentence.startswith(f"`{typed}` ")
    assert "`%upload`" in sentence or "`%session`" in sentence


@pytest.mark.parametrize(
    "cell", ["%upload a.csv", "x % upload", "!uploads", "%uploaded", "# %Upload", "upload", ""]
)
def test_other_lines_name_none(cell: str) -> None:
    assert near_miss(cell) is None


def test_an_address_is_said_to_be_no_file(tmp_path) -> None:
    with pytest.raises(CommandError, match="not of an address: download it first"):
        make_plan("%upload https://example.org/a.csv").check(tmp_path)
