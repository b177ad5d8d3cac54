"""A cell split at its commands behaves as IPython runs it whole, where `%upload` is its own magic.

One IPython in a process of its own runs each cell twice, whole and in parts; what was printed,
the value displayed and the lines of tracebacks must be the same.
"""

import json
import subprocess
import sys

import pytest

from dynamic_sessions_kernel.magics import Command, make_plan

INTERPRETER = r"""
import contextlib, io, json, sys, traceback
from IPython.core.interactiveshell import InteractiveShell

def value_of(arguments):
    return [f"/mnt/data/{word}" for word in arguments.split()]

def run(pieces):
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(colors="nocolor")
    shell.history_manager.enabled = False
    shell.showtraceback = lambda *args, **kwargs: None
    shell.showsyntaxerror = lambda *args, **kwargs: None
    shell.register_magic_function(upload, "line", "upload")
    result, printed = None, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for kind, text, last in pieces:
            if kind == "here":
                print("uploaded", value_of(text))
                continue
            shell.ast_node_interactivity = "last_expr" if last else "none"
            result = shell.run_cell(text, store_history=last)
            if not result.success:
                break
    error = result.error_before_exec or result.error_in_exec
    trace = traceback.extract_tb(error.__traceback__) if error else []
    return {
        "printed": printed.getvalue(),
        "value": repr(result.result),
        "error": repr(error) if error else None,
        "lines": [frame.lineno for frame in trace if "ipython-input" in frame.filename],
        "count": shell.execution_count,
    }

def upload(arguments):
    print("uploaded", value_of(arguments))
    return value_of(arguments)

for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
"""


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory):
    home = tmp_path_factory.mktemp("ipython")
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", INTERPRETER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"IPYTHONDIR": str(home), "HOME": str(home), "PATH": "/usr/bin:/bin"},
    ) as process:

        def run(pieces):
            process.stdin.write(json.dumps(pieces) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield run
        process.stdin.close()


def in_parts(cell):
    pieces = []
    for step in make_plan(cell).steps:
        if not isinstance(step, Command):
            pieces.append(("code", step.code, step.last))
            continue
        text = step.action.arguments
        pieces.append(("here", text, False))
        if step.bind:
            bound = step.bind([f"/mnt/data/{word}" for word in text.split()])
            pieces.append(("code", bound.code, bound.last))
    return pieces


@pytest.mark.parametrize(
    "cell",
    [
        "print(1)\n%upload a\nprint(2)",
        "1\n%upload a\n2",
        "\n\n# first\n\n%upload a\n\n1/0",
        "(x,\n y) = %upload a b\nprint(x, y)\n1/0",
        "1\n%upload a\n2;",
        "%upload a\n1/0",
        "1/0\n%upload a",
        "%upload a\ndef f():\n    return 1 / 0\n\n%upload b\nf()",
        "def f():\n    return 1 / 0\n\n%upload b\nf()\n%upload c",
        "x = %upload a b\nx",
        "x = %upload a b\nx[5]",
        "x, y, z = %upload a b\nprint(3)",
        "print(0)\nx, y, z = \\\n%upload a b\nprint(3)",
        "x = '''\n%upload a\n'''\n%upload b\nprint(x)\n1/0",
        ">>> x = 1\n>>> %upload a\n>>> x / 0",
        "    x = 1\n    %upload a\n    x / 0",
        "%time 1\n%upload a\n%time 1/0\n",
        "%upload a\nawait g()",
        "import asyncio\n%upload a\nawait asyncio.sleep(0)\n7",
        "%upload a\nraise ValueError('%upload')",
        "x = 1\r\n%upload a\r\n1/0\r\n",
        "x = 'a\x0cb'\n%upload a\nprint(x)\n1/0",
        "# a\u2028b\x85c\n%upload a\n1/0",
    ],
)
def test_a_split_cell_is_what_ipython_makes_of_the_whole(interpreter, cell):
    whole = interpreter([("code", cell, True)])
    parts = interpreter(in_parts(cell))
    for timing in ("CPU times", "Wall time"):
        for outcome in (whole, parts):
            outcome["printed"] = "\n".join(
                line for line in outcome["printed"].splitlines() if timing not in line
            )
    if parts["error"]:
        # The kernel counts a cell that fails before its last part; the parts alone cannot.
        parts["count"] = whole["count"]
    assert parts == whole


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("%upload a \\\n  b\n\n1/0", 4),
        ("(x,\n y) = %upload a \\\n b\nprint(x, y)\n1/0", 5),
        ("!true \\\n  false\n%upload a\n1/0", 4),
    ],
)
def test_lines_after_a_continued_magic_are_the_cells_own(interpreter, cell, line):
    # IPython alone would be a line short for each continued one.
    assert interpreter(in_parts(cell))["lines"] == [line]


def test_a_cell_of_comments_alone_is_counted(interpreter):
    (_, last) = in_parts("%upload a")
    assert interpreter([last])["count"] == 2
