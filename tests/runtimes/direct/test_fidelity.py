"""The same cells on ipykernel and in direct executions give the same messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.runtimes.bridge.test_fidelity import CELLS, run, stock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.notebook import Notebook
    from tests.support.pool import LocalPool

__all__ = ["stock"]  # the fixture

#: What a direct execution does not have: comms, and questions of a debugger. And what it has
#: better: two streams in the order in which they were written.
NOT_HERE = {"comm", "debugged", "both streams"}
MORE = {
    "megabyte": "print('x' * 1_000_000)",
    "script that raises": "_file = '/tmp/dynamic-sessions-raises.py'\n"
    "with open(_file, 'w') as f: _ = f.write('1 / 0')\n"
    "%run $_file",
    "captured error": "%%capture\n1 / 0",
    "last traceback": "%tb",
    "joined bytes": "print(b'\\xc3\\xa9 \\xe9'.decode('ascii', 'surrogateescape'))",
    "clear at once": "print('gone'); clear_output(); print('kept')",
}


@pytest.fixture(scope="module")
def ours(local_pool: LocalPool, start_notebook: Callable[..., Notebook]) -> Iterator[Notebook]:
    """A notebook in direct runtime, with nothing taken out of its outputs."""
    settings = {"DYNAMIC_SESSIONS_RUNTIME": "direct", "DYNAMIC_SESSIONS_OUTPUTS": "trusted"}
    notebook = start_notebook({**local_pool.environment, **settings})
    yield notebook
    notebook.close()


@pytest.mark.parametrize("name", [name for name in {**CELLS, **MORE} if name not in NOT_HERE])
def test_a_cell_gives_the_same_messages(ours, stock, name):
    code = {**CELLS, **MORE}[name]
    expected = run(stock, code)
    expected["reply"].pop("engine_info", None)  # of ipyparallel, which no front end reads
    assert run(ours, code) == expected


def test_two_streams_come_in_the_order_in_which_they_were_written(ours):
    code = "import sys\nfor n in range(3): print(n); print(n, file=sys.stderr)"
    ran = ours.run(code)
    said = [(content["name"], content["text"]) for content in ran.all("stream")]
    assert said == [(name, f"{n}\n") for n in range(3) for name in ("stdout", "stderr")]
