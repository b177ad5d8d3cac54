"""Large outputs and long cells: whole, in order, in bounded memory on both ends."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.pool import running_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.notebook import Notebook, Ran
    from tests.support.pool import LocalPool

BRIDGE = {"DYNAMIC_SESSIONS_RUNTIME": "bridge"}


@pytest.fixture(scope="module")
def kernel(local_pool: LocalPool, start_notebook: Callable[..., Notebook]) -> Iterator[Notebook]:
    """A kernel over the bridge."""
    trusting = {"DYNAMIC_SESSIONS_OUTPUTS": "trusted"}
    notebook = start_notebook({**local_pool.environment, **BRIDGE, **trusting})
    notebook.run("1")
    yield notebook
    notebook.close()


def resident(pid: int) -> int:
    """Megabytes that a process has in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 >> 20


def displayed(ran: Ran) -> list[dict[str, Any]]:
    """What a cell displayed itself.

    Megabytes may take a busy machine so long that the kernel shows its line on slow answers.
    """
    return [content for content in ran.all("display_data") if not content["transient"]]


def test_50_mb_printed_by_one_cell_arrive_whole_and_in_order(kernel):
    before = resident(kernel.manager.provisioner.pid)
    identity = kernel.send(
        "import sys\nfor n in range(500_000):\n"
        "    if n % 100_000 == 99_999:\n"
        "        sys.stdout.flush(); print(f'{n:099}', file=sys.stderr, flush=True)\n"
        "    else: print(f'{n:099}')"
    )
    expected, started = 0, {"stdout": "", "stderr": ""}
    while expected < 500_000:
        message = kernel.client.get_iopub_msg(timeout=60)
        if message["msg_type"] == "stream":
            name = message["content"]["name"]
            *lines, started[name] = (started[name] + message["content"]["text"]).split("\n")
            for line in lines:
                assert line == f"{expected:099}"
                assert name == ("stderr" if expected % 100_000 == 99_999 else "stdout")
                expected += 1
    assert kernel.client.get_shell_msg(timeout=30)["parent_header"]["msg_id"] == identity
    assert resident(kernel.manager.provisioner.pid) - before < 200
    peak = "print(open(f'/proc/{os.getppid()}/status').read().split('VmHWM:')[1].split()[0])"
    used = int(kernel.run(f"import os; {peak}").stdout) >> 10
    assert used < 250


def test_an_image_of_40_mb_arrives_whole(kernel):
    ran = kernel.run(
        "import base64, os\n"
        "text = base64.b64encode(b'\\x89PNG\\r\\n\\x1a\\n' + os.urandom(40 << 20)).decode()\n"
        "display({'image/png': text}, raw=True)\n"
        "import hashlib; print(hashlib.sha256(text.encode()).hexdigest())",
        timeout=120,
    )
    (content,) = displayed(ran)
    image = content["data"]["image/png"]
    assert len(image) > 55_000_000
    assert hashlib.sha256(image.encode()).hexdigest() == ran.stdout.strip()


def test_20_000_displays_in_one_burst_all_arrive(kernel):
    ran = kernel.run("for n in range(20_000): display(n)", timeout=120)
    shown = [content["data"]["text/plain"] for content in displayed(ran)]
    assert shown == [str(n) for n in range(20_000)]


def test_a_cell_outlasts_the_services_time_limit(start_notebook):
    with running_pool("--time-limit", "2") as pool:
        notebook = start_notebook({**pool.environment, **BRIDGE})
        try:
            ran = notebook.run("import time\nfor n in range(8): time.sleep(1); print(n)")
            assert ran.stdout.split() == [str(n) for n in range(8)]
            assert len(ran.all("stream")) >= 4
        finally:
            notebook.close()
