"""What is sent into a session stands in `inside/`, and needs nothing else of this project."""

from __future__ import annotations

import ast
import base64
import json
import sys
import zlib
from pathlib import Path

import pytest

from dynamic_sessions_kernel.runtimes.bridge import inside as bridge
from dynamic_sessions_kernel.runtimes.bridge import remote_code
from dynamic_sessions_kernel.runtimes.direct import inside as direct
from dynamic_sessions_kernel.runtimes.direct.remote_code import arrival

#: What a session that can host the relay has, beside the standard library.
OF_THE_SESSION = {"zmq", "ipykernel", "IPython", "tornado"}


def modules(package) -> dict[str, Path]:
    (folder,) = package.__path__
    found = {path.stem: path for path in Path(folder).glob("*.py")}
    del found["__init__"]
    return found


def imported(path: Path) -> set[tuple[int, str]]:
    """The level and the first name of every import of a module, wherever it stands."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {(0, alias.name.partition(".")[0]) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.level, (node.module or "").partition(".")[0]))
    return names


@pytest.mark.parametrize("package", [bridge, direct], ids=["bridge", "direct"])
def test_what_runs_in_the_session_imports_nothing_outside_itself(package):
    beside = modules(package)
    assert beside
    for path in beside.values():
        for level, name in imported(path):
            if level:
                assert (level, name in beside) == (1, True), (path.name, name)
            else:
                assert name in sys.stdlib_module_names | OF_THE_SESSION, (path.name, name)


def test_the_bridge_sends_exactly_what_stands_inside():
    sent = json.loads(zlib.decompress(base64.urlsafe_b64decode(remote_code._packed())))
    assert sent.pop("__init__") == ""
    assert sent == {name: path.read_text() for name, path in modules(bridge).items()}


def test_the_direct_runtime_sends_exactly_what_stands_inside():
    code = arrival()
    for path in modules(direct).values():
        assert repr(path.read_text()) in code
