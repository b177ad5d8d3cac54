"""Which commands are found in a cell, and what is left of it for the session."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamic_sessions_kernel.errors import CommandError
from dynamic_sessions_kernel.magics import Command, contains_command, make_plan
from dynamic_sessions_kernel.magics.base import ShowHelp
from dynamic_sessions_kernel.messages import Part


def arguments(cell):
    return [command.action.arguments for command in make_plan(cell).commands]


def shape(cell):
    """The steps in short: the code of parts without comments, the arguments of commands."""
    return [
        ("here", step.action.arguments)
        if isinstance(step, Command)
        else [line for line in step.code.split("\n") if line.strip() and line[0] != "#"]
        for step in make_plan(cell).steps
    ]


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "\n\n  \n",
        "x = 1",
        "\n\n    x = 1\n    y = 2",
        "%matplotlib inline\n%time x",
        "100 %upload_rate",
        "'%upload a.csv'",
        '"""\n%upload a.csv\n"""',
        "x = '''\n%upload a.csv'''",
        "f'''\n%upload {x}\n'''",
        "# %upload a.csv",
        "x = 1  # %upload a.csv",
        "x \\\n%upload",
        "(x\n%upload\n)",
        "%%bash\n%upload a.csv",
        "%%time\n%upload a.csv",
        "%%writefile f.py\n%upload a.csv",
        "%timeit %upload a.csv",
        "%time %upload a.csv",
        "!echo %upload a.csv",
        "x = !echo %upload a.csv",
        "!echo \\\n%upload a.csv",
        "%uploads a.csv",
        "% upload a.csv",
        "x = % upload a.csv",
        "x; %upload a.csv",
        "print(x %upload)",
        "get_ipython().run_line_magic('upload', 'a.csv')  # %upload",
        "'''unfinished\n%upload a.csv",
        "\x00%upload a.csv",
    ],
)
def test_a_cell_without_commands_is_one_part_unchanged(cell):
    assert make_plan(cell).steps == (Part(code=cell, cell=cell, last=True),)


@settings(deadline=None)  # the first example imports IPython
@given(st.text(st.sampled_from("%!?ab=:'\"#()\\\n \t,;0"), max_size=60))
def test_any_text_without_a_command_is_one_part_unchanged(cell):
    assert make_plan(cell).steps == (Part(code=cell, cell=cell, last=True),)


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("%upload a.csv", ["a.csv"]),
        ("%upload", [""]),
        ("%upload   a.csv  'b c.csv'  ", ["a.csv  'b c.csv'"]),
        ("%upload\ta.csv", ["a.csv"]),
        ("\n\n%upload a.csv\n\n", ["a.csv"]),
        ("    %upload a.csv", ["a.csv"]),
        (">>> %upload a.csv", ["a.csv"]),
        ("In [3]: %upload a.csv", ["a.csv"]),
        ("x = 1\n%upload a.csv\ny = 2\n%upload b.csv", ["a.csv", "b.csv"]),
        ("%upload a.csv \\\n   b.csv", ["a.csv     b.csv"]),
        ("%upload a.csv \\", ["a.csv \\"]),
        ("%upload a.csv\r\nx = 1\r\n", ["a.csv"]),
        ("%upload it's.csv\n%upload b.csv", ["it's.csv", "b.csv"]),
        ("!echo it's\n%upload b.csv", ["b.csv"]),
        ("%upload part-?", ["part-?"]),
        ("%upload *.cs?", ["*.cs?"]),
        ("%upload $x {y}", ["$x {y}"]),
        ("x = %upload *.csv", ["*.csv"]),
        ("x=%upload *.csv", ["*.csv"]),
        ("x, y = %upload a b", ["a b"]),
        ("x.y[0] = %upload a", ["a"]),
        ("x: list[str] = %upload a", ["a"]),
        ("x = \\\n%upload a", ["a"]),
        ("(x,\n y) = %upload a b", ["a b"]),
        ("await f()\n%upload a", ["a"]),
        ("if x:\n    pass\n%upload a", ["a"]),
        ("def f():\n    return 1\n\n%upload a\nf()", ["a"]),
        ("x = '''\n%upload a\n'''\n%upload b", ["b"]),
    ],
)
def test_commands_are_found_with_their_arguments(cell, found):
    assert arguments(cell) == found


@pytest.mark.parametrize(
    "cell",
    ["%upload?", "%upload??", "%upload ?", "?%upload", "??%upload", "%%upload?", "x = %upload?"],
)
def test_a_question_mark_asks_for_help(cell):
    (command,) = make_plan(cell).commands
    assert isinstance(command.action, ShowHelp)
    assert "%upload PATH" in command.action.arguments
    assert command.bind is None


@pytest.mark.parametrize(
    "cell",
    [
        "for x in y:\n    %upload a",
        "while True:\n    %upload a",
        "if x:\n    %upload a",
        "if x:\n    pass\nelse:\n    y = %upload a",
        "def f():\n    %upload a",
        "class A:\n    %upload a",
        "with f:\n    %upload a",
        "try:\n    %upload a\nfinally:\n    pass",
        "match x:\n    case 1:\n        %upload a",
        "def f():\n    def g():\n        return 1\n    x = %upload a",
        "if x: y = %upload a",
        "if x:\n    %upload?",
        "if x:\n    y = %upload?",
        "y; x = %upload a",
        "%upload a\nfor x in y:\n    %upload b",
    ],
)
def test_a_command_in_a_block_is_an_error_that_says_why(cell):
    with pytest.raises(CommandError, match=r"(?s)on line \d.*acts on this machine.*Nothing of"):
        make_plan(cell)


def test_a_command_with_two_percent_signs_is_an_error():
    with pytest.raises(CommandError, match="one percent sign"):
        make_plan("%%upload a.csv\nx")


def test_the_line_that_an_error_names_is_the_one_in_the_cell():
    with pytest.raises(CommandError, match="on line 4"):
        make_plan("!a \\\n b\nfor x in y:\n  %upload a")


@pytest.mark.parametrize(
    "cell",
    [
        "%upload a.csv\nx = = 1",
        "x = = 1\n%upload a.csv",
        "if x:\n%upload a.csv",
        "%upload a.csv\nreturn 3",
        "%upload a.csv\nfrom __future__ import division",
        "%upload a.csv\n  x = 1",
        "%upload a.csv\n(x",
        "%upload a.csv\nx = '''",
        "x = y = %upload a.csv",
    ],
)
def test_nothing_is_uploaded_from_a_cell_that_is_no_python(cell):
    (part,) = make_plan(cell).steps
    assert isinstance(part, Part)
    assert (part.cell, part.last) == (cell, True)
    with pytest.raises(SyntaxError):
        compile(part.code.replace("x = y = %upload a.csv", "="), "cell", "exec")


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads the cell")
def test_a_cell_in_newer_python_says_so_where_the_session_reads_it():
    (part,) = make_plan("%upload a.csv\ntype X = int").steps
    assert "on your machine cannot read this cell" in part.code
    with pytest.raises(SyntaxError, match="put %upload in a cell of its own"):
        exec(part.code.splitlines()[0])


def test_commands_stand_in_order_among_the_code():
    assert shape("a\n%upload b\nc\nd\n%upload e\n%upload f\ng") == [
        ["a"],
        ("here", "b"),
        ["c", "d"],
        ("here", "e"),
        ("here", "f"),
        ["g"],
    ]


@pytest.mark.parametrize(
    "cell",
    ["%upload a", "x\n%upload a", "%upload a\nx", "%upload a\n# end\n\n", "%upload?", "x\n\n"],
)
def test_the_last_part_and_no_other_ends_the_cell(cell):
    parts = [step for step in make_plan(cell).steps if isinstance(step, Part)]
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert {part.cell for part in parts} == {cell}


def test_an_assignment_becomes_a_part_with_the_value_as_a_literal():
    command, last = make_plan("x = %upload *.csv\nprint(x)").steps
    bound = command.bind(["/mnt/data/it's \\.csv", "b"])
    assert bound.code.splitlines() == [
        "x = [\"/mnt/data/it's \\\\.csv\", 'b']",
        "# print(x)",
    ]
    assert (bound.last, last.last) == (False, True)


@pytest.mark.parametrize(
    "cell", ["x = %upload a", "x = %upload a\n\n# that is all", "y\nx = %upload a"]
)
def test_an_assignment_that_ends_the_cell_is_its_last_part(cell):
    command = make_plan(cell).steps[-1]
    assert isinstance(command, Command)
    assert command.bind(["a"]).last


def test_names_of_the_cell_do_not_collide_with_what_replaces_commands():
    command, _ = make_plan("command_0_ = %upload a\ncommand_0_").steps
    assert command.bind([]).code.startswith("command_0_ = []\n")


@settings(deadline=None)  # the first example imports IPython
@given(
    st.lists(
        st.sampled_from(
            [
                "x = 1",
                "def f():\n    return '''\n  a'''",
                "# note",
                "",
                "!ls \\\n  -l",
                "%time x",
                "x?",
                "y = (1,\n  2)",
                "%upload a",
                "%upload a \\\n b",
                "x = %upload a",
                "(x,\n  y) = %upload a \\\n b",
                "%upload?",
            ]
        ),
        min_size=1,
        max_size=8,
    )
)
def test_each_line_of_code_stands_in_one_part_on_its_own_line(pieces):
    cell = "\n".join(pieces)
    steps = make_plan(cell).steps
    lines = cell.lstrip("\n").splitlines()
    kept = {}
    for step in steps:
        if isinstance(step, Part):
            for number, line in enumerate(step.code.lstrip("\n").splitlines()):
                if line != f"# {lines[number]}":
                    assert line == lines[number]
                    assert number not in kept or not line.strip() or line.startswith("#")
                    kept[number] = line
    commands = [piece for piece in pieces if "%upload" in piece]
    assert len(make_plan(cell).commands) == len(commands)
    expected = sum(
        len([line for line in piece.splitlines() if line.strip() and line != "# note"])
        for piece in pieces
        if "%upload" not in piece
    )
    assert len([line for line in kept.values() if line.strip() and line != "# note"]) == expected


@settings(deadline=None)  # the first example imports IPython
@given(
    st.lists(
        st.sampled_from(
            ["%upload", "a", "\n", " ", "=", ":", "'", "#", "(", "\\", "?", "x", "%", "!", "    "]
        )
    )
)
def test_every_cell_with_a_command_ends_in_one_last_part_or_is_an_error(tokens):
    cell = "".join(tokens)
    try:
        plan = make_plan(cell)
    except CommandError:
        return
    parts = [
        step.bind([]) if isinstance(step, Command) and step.bind else step for step in plan.steps
    ]
    assert [part.last for part in parts if isinstance(part, Part)][-1]
    assert not plan.commands or contains_command(cell)


@pytest.mark.parametrize(
    "text",
    [
        "%upload ~/.ssh/id_rsa",
        "x\n  %UPLOAD a",
        "% upload",
        "\uff05upload a",
        "%up\u200bload a",
        "'%upload'",
    ],
)
def test_text_from_a_session_that_could_hold_a_command_is_told(text):
    assert contains_command(text)


@pytest.mark.parametrize("text", ["", "x = 1", "upload(a)", "%time x", "%load file.py"])
def test_other_text_from_a_session_is_let_through(text):
    assert not contains_command(text)


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_what_is_no_line_end_to_python_is_none_here(separator):
    assert arguments(f"# note{separator}%upload a") == []
    assert shape(f"x = 'a{separator}b'\n%upload a\n1/0") == [
        [f"x = 'a{separator}b'"],
        ("here", "a"),
        ["1/0"],
    ]


@pytest.mark.parametrize(
    "cell", ["1\n\x0c\n%upload a\n2", "1\r%upload a\r2\r", "1\r\n%upload a\r\n2"]
)
def test_every_line_end_of_python_parts_steps(cell):
    assert [step for step in shape(cell) if step] == [["1"], ("here", "a"), ["2"]]


@pytest.mark.slow
def test_hundreds_of_commands_in_a_cell_are_found_or_the_cell_is_left_alone():
    assert len(make_plan("\n".join(["%upload a"] * 100)).commands) == 100
    assert make_plan("\n".join(["%upload a"] * 501)).commands == ()
