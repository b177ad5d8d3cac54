"""A command that a reader of the cell may not see is printed before it acts."""

import pytest

from dynamic_sessions_kernel.magics import Context, make_plan


def printed(cell: str) -> str:
    return "".join(command.hidden_line for command in make_plan(cell).commands)


@pytest.mark.parametrize(
    "cell",
    [
        "%upload a.csv",
        "%upload 'a b.csv' c.csv",
        "x = %upload a.csv",
        "x=%upload a.csv",
        "\n\n%session new",
        "1 + 1\n%session  new\n2",
        "%session",
        "%upload a.csv  ",
        "%upload?",
    ],
)
def test_what_stands_plainly_is_not_printed(cell) -> None:
    assert printed(cell) == ""


@pytest.mark.parametrize(
    "cell",
    [
        ">>> %upload a.csv",
        "In [1]: %upload a.csv",
        "1\r%upload a.csv",
        "    %upload a.csv",
        "x" * 100 + " = %upload a.csv",
        "%upload " + " " * 300 + "a.csv",
        "%upload \\\na.csv",
        "%upload a.csv\u200b"[:-1] + "\u00a0",
        "x = " + " " * 200 + "%upload a.csv",
    ],
)
def test_what_a_reader_may_miss_is_printed(cell) -> None:
    assert printed(cell).startswith("%upload a.csv")


def test_it_is_printed_before_the_command_acts_and_escaped(tmp_path) -> None:
    (command,) = make_plan("   %session \u202eno\x1b[2Kway" + "x" * 3000).commands
    shown = []
    with pytest.raises(AssertionError):  # no kernel is there to act on
        command.run(Context(None, lambda _type, content: shown.append(content["text"])))
    (line,) = shown
    assert line.startswith(r"This cell runs %session \u202eno\x1b[2Kwayxxx")
    assert line.endswith("…\n")
    assert line[:-1].isprintable()
    assert len(line) < 2100
