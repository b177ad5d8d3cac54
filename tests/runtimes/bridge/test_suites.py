"""What others wrote to judge kernels by: the protocol's suite, and ipykernel's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from jupyter_kernel_test import KernelTests

from tests.conftest import Judged
from tests.support.pool import LocalPool

IPYKERNEL = "ipykernel==7.4.0"
#: Subshells are not offered: a session has one thread of execution.
EXEMPT = ("test_kernel_info_request", "test_subshell")


class TestBridgeRuntime(Judged, KernelTests):
    """The protocol's suite with every attribute set."""

    # ruff: noqa: RUF012 - the suite reads its samples from the class

    runtime = "bridge"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = [
        {"text": "zi", "matches": ["zip"]},
        {"text": "%%writ", "matches": ["%%writefile"]},
    ]
    complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n"]
    incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2"]
    invalid_code_samples = ["import = 7q"]
    code_page_something = "zip?"
    code_generate_error = "raise ValueError('as asked for')"
    code_execute_result = [
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
        {"code": "'text'", "result": "'text'"},
    ]
    code_display_data = [
        {
            "code": "from IPython.display import HTML, display\ndisplay(HTML('<b>test</b>'))",
            "mime": "text/html",
        },
        {
            "code": "from IPython.display import Math, display\ndisplay(Math('x'))",
            "mime": "text/latex",
        },
    ]
    code_history_pattern = "1?2*"
    # Not "range": IPython calls its own session 0, for which ipykernel fails there as well.
    supported_history_operations = ("tail", "search")
    code_inspect_sample = "open"
    code_clear_output = "from IPython.display import clear_output\nclear_output()"


del KernelTests


#: On a slow machine more than one kernel_info_reply answers the start, and the suite judges what is
#: left over by ipykernel's own version: they are taken away.
_CONFTEST = """
from . import utils

start = utils.start_new_kernel

def start_and_settle(*arguments, **options):
    manager, client = start(*arguments, **options)
    last = client.kernel_info()
    while client.get_shell_msg(timeout=60)["parent_header"]["msg_id"] != last:
        pass
    return manager, client

utils.start_new_kernel = start_and_settle
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory, source_of: Callable[[str], Path]) -> Path:
    """Ipykernel's own tests of its messages."""
    folder = tmp_path_factory.mktemp("ipykernel")
    source = source_of(IPYKERNEL) / "tests"
    tests = folder / "tests"
    tests.mkdir()
    for name in ("__init__.py", "utils.py", "test_message_spec.py"):
        (source / name).rename(tests / name)
    (tests / "conftest.py").write_text(_CONFTEST)
    return folder


@pytest.mark.timeout(600)
def test_ipykernels_own_tests_of_its_messages_pass(
    suite: Path, local_pool: LocalPool, jupyter_environment: dict[str, str]
):
    spec = suite / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "dynamic_sessions_kernel", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps(
            {
                "argv": argv,
                "display_name": "Python 3",
                "language": "python",
                "interrupt_mode": "message",
            }
        )
    )
    environment = {
        **jupyter_environment,
        **local_pool.environment,
        "DYNAMIC_SESSIONS_RUNTIME": "bridge",
        "JUPYTER_PATH": str(suite / "jupyter"),
    }
    options = [*("-q", "-p", "no:cacheprovider", "-W", "default", "--rootdir", str(suite)), "tests"]
    for name in EXEMPT:
        options += ["--deselect", f"tests/test_message_spec.py::{name}"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=suite,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=540,  # above its own limits, whose failures name what was waited for
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-5000:]
    assert "22 passed" in ran.stdout
