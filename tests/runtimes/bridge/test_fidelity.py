"""The same cells on ipykernel and over the bridge give the same messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import KernelManager

from tests.runtimes.bridge.conftest import tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.notebook import Notebook
    from tests.support.pool import LocalPool

#: A name whose bytes are no UTF-8, as `os.listdir` returns it.
ODD = "odd = b'caf\\xe9.txt'.decode('utf8', 'surrogateescape')"

CELLS = {
    "values": "1 + 1",
    "nothing": "x = 5",
    "empty": "",
    "both streams": "import sys\nprint('a'); print('b', file=sys.stderr); print('c')",
    "long output": "for i in range(20000): print('a line of the long output', i)",
    "unicode": "print('\\u00fc\\U0001f600\\u2028\\x00\\x1b[31mred')",
    "error": "def f(n):\n    local = n * 2\n    return local / 0\nf(3)",
    "locals": "%xmode Verbose\ntry_this = 1\nf(4)",
    "plain again": "%xmode Context",
    "syntax error": "for in x",
    "display": "from IPython.display import *\ndisplay(1, 'two', [3])",
    "rich": "display(HTML('<b>x</b>'), Latex('$x^2$'), JSON({'a': [1, None]}), SVG('<svg/>'),"
    " Markdown('*x*'), Math('x'), Javascript('1'), GeoJSON({'type': 'Point'}))",
    "updates": "h = display('one', display_id=True)\nh.update('two')\n"
    "update_display(3, display_id=h.display_id)",
    "named display": "display('x', display_id='a-name', metadata={'k': 1})",
    "clear": "print('gone'); clear_output(wait=True); print('kept')",
    "bash": "%%bash\necho out; echo err >&2; exit 0",
    "shell": "!echo $((1 + 1))",
    "captured": "lines = !echo one\nlines",
    "timeit": "%timeit -n1 -r1 -q pass",
    "magics": "%pwd?\n%lsmagic?",
    "page": "len?",
    "source": "f??",
    "next input": "get_ipython().set_next_input('typed = 1')",
    "await": "import asyncio\nawait asyncio.sleep(0); print('slept')\n"
    "await asyncio.sleep(0, 'woken')",
    "async for": "async def numbers():\n    yield 1\n    yield 2\n[n async for n in numbers()]",
    "thread": "import threading\nt = threading.Thread(target=print, args=('from a thread',))\n"
    "t.start(); t.join()",
    "comm": "from ipykernel.comm import Comm\n"
    "c = Comm('a-target', data={'x': 1}, buffers=[b'bytes'])\nc.send({'y': 2}); c.close()",
    "warning": "import warnings\nwarnings.warn_explicit('careful', UserWarning, 'f.py', 1)",
    "logging": "import logging\nlogging.getLogger('x').warning('logged')",
    "subprocess": "import subprocess\nsubprocess.check_output(['echo', 'child'])",
    "exception group": "raise ExceptionGroup('many', [ValueError(1), KeyError('k')])",
    "system exit": "raise SystemExit(3)",
    "keyboard": "raise KeyboardInterrupt",
    "history": "In[1], Out[1], _i1",
    "expressions": "y = 1",
    "debugged": "%debug",
    "undecodable print": f"{ODD}\nprint('before'); print(odd); print('after')",
    "undecodable error": "raise ValueError(odd)",
    "undecodable warning": "import warnings\nwarnings.warn_explicit(odd, UserWarning, 'f.py', 1)",
    "undecodable result": "from IPython.display import Pretty\nPretty(odd)",
    "undecodable docstring": "def f(): pass\nf.__doc__ = odd\nf?",
    "undecodable next input": "get_ipython().set_next_input('a = ' + repr(1) + ' #' + odd)",
    "undecodable traceback": "open(odd)",
    "undecodable metadata": "display('x', metadata={'name': odd})",
    "numbers that JSON lacks": "display({'application/json': [float('nan'), float('inf')],"
    " 'text/plain': 'x'}, raw=True)",
    "huge numbers": "import sys; sys.set_int_max_str_digits(0)\nprint(len(str(10 ** 5000)))",
}


@pytest.fixture(scope="module")
def ours(local_pool: LocalPool, start_notebook: Callable[..., Notebook]) -> Iterator[Notebook]:
    """A notebook over the bridge, with nothing taken out of its outputs."""
    settings = {"DYNAMIC_SESSIONS_RUNTIME": "bridge", "DYNAMIC_SESSIONS_OUTPUTS": "trusted"}
    notebook = start_notebook({**local_pool.environment, **settings})
    yield notebook
    notebook.close()


@pytest.fixture(scope="module")
def stock(
    jupyter_environment: dict[str, str], ours: Notebook, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Notebook]:
    """A notebook on ipykernel, with a home like the session's: one that holds no packages."""
    manager = KernelManager(kernel_name="python3")
    home = {"HOME": str(tmp_path_factory.mktemp("home"))}
    manager.start_kernel(env={**jupyter_environment, **home}, stderr=None)
    notebook = type(ours)(manager)
    yield notebook
    notebook.close()


def run(notebook: Notebook, code: str) -> dict[str, Any]:
    """Run a cell, answering what it asks, and tell what came, without what differs anyway."""
    identity = notebook.send(
        code, allow_stdin=True, user_expressions={"sum": "1 + 1", "bad": "nothing_of_this_name"}
    )
    if code in ASKING:
        for answer in ASKING[code]:
            asked = notebook.client.get_stdin_msg(timeout=30)
            assert asked["parent_header"]["msg_id"] == identity
            notebook.client.input(answer)
    ran = notebook.wait(identity)
    return {"reply": tidy(ran.reply), "messages": tidy(joined(ran.messages))}


def joined(messages: list[dict[str, Any]]) -> list[Any]:
    """Join what one stream said in several messages: that depends on the clock."""
    result: list[Any] = []
    for message in messages:
        kind, content = message["msg_type"], message["content"]
        if kind == "stream" and result and result[-1][0] == f"stream {content['name']}":
            result[-1][1] += content["text"]
        elif kind == "stream":
            result.append([f"stream {content['name']}", content["text"]])
        else:
            result.append(
                [kind, content, message["metadata"], [bytes(b) for b in message["buffers"]]]
            )
    return result


ASKING = {
    "name = input('Who? ')\nprint(name)": ["Ada"],
    "import getpass\ngetpass.getpass('Key: ')": ["hidden"],
    f"{ODD}\ninput(odd)": ["Ada"],
    "1 / 0": [],
    "%debug": ["p 6 * 7", "q"],
}


def settled(notebook, name, *arguments):
    """Ask until jedi has found the types, for which it takes 0.4 s at most a time."""
    for _ in range(20):
        answer = notebook.ask(name, *arguments)
        kinds = answer.get("metadata", {}).get("_jupyter_types_experimental", ())
        if not any(kind["type"] == "<unknown>" for kind in kinds):
            break
    return answer


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_gives_the_same_messages(ours, stock, name):
    if name == "debugged":
        for notebook in (ours, stock):
            run(notebook, "def g(n):\n    return n / 0\ng(1)")
    assert run(ours, CELLS[name]) == run(stock, CELLS[name])


@pytest.mark.parametrize("code", [code for code, answers in ASKING.items() if code[0] != "%"])
def test_a_cell_that_asks_gives_the_same_messages(ours, stock, code):
    assert run(ours, code) == run(stock, code)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("complete", ("zi", 2)),
        ("complete", ("import os\nos.path.is", 20)),
        ("complete", ("%%ba", 4)),
        ("inspect", ("len", 3)),
        ("inspect", ("nothing_of_this_name", 3)),
        ("is_complete", ("for x in y:",)),
        ("is_complete", ("x = 1",)),
        ("is_complete", ("import = 1",)),
        ("comm_info", ()),
        ("complete", ("by_odd_name['caf", 16)),
        ("inspect", ("documented", 3)),
    ],
)
def test_a_question_gets_the_same_answer(ours, stock, name, arguments):
    for notebook in (ours, stock):
        notebook.run(f"{ODD}\nby_odd_name = {{odd: 1}}\ndef documented(): pass")
        notebook.run("documented.__doc__ = odd")
    answers = [settled(notebook, name, *arguments) for notebook in (ours, stock)]
    for answer in answers:
        # Signatures are there or not, as jedi's time allows.
        for kind in answer.get("metadata", {}).get("_jupyter_types_experimental", ()):
            kind.pop("signature")
    assert tidy(answers[0]) == tidy(answers[1])
