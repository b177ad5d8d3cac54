"""What a notebook keeps of a cell that its runner has stopped for taking too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError

from tests.runtimes.bridge.conftest import tidy

if TYPE_CHECKING:
    from collections.abc import Callable

SLOW = "print('begun')\ntime.sleep(600)\nprint('never')"


@pytest.fixture
def kept(
    jupyter_environment: dict[str, str], local_pool, new_manager, tmp_path
) -> Callable[[str], list[dict[str, Any]]]:
    """Return what a notebook keeps of the slow cell, on stock ipykernel or a runtime of ours."""

    def run(kernel: str) -> list[dict[str, Any]]:
        cells = [nbformat.v4.new_code_cell(code) for code in ("import time", SLOW)]
        notebook = nbformat.v4.new_notebook(cells=cells)
        if kernel == "stock":
            manager = AsyncKernelManager(kernel_name="python3")
        else:
            manager = new_manager(AsyncKernelManager)
        client = NotebookClient(
            notebook,
            km=manager,
            timeout_func=lambda cell: 3 if cell.source == SLOW else 120,
            resources={"metadata": {"path": str(tmp_path)}},
        )
        settings = {**local_pool.environment, "DYNAMIC_SESSIONS_RUNTIME": kernel}
        environment = {**jupyter_environment, **settings}
        with pytest.raises(CellTimeoutError):
            client.execute(cleanup_kc=True, env=environment, stderr=None)
        outputs: list[dict[str, Any]] = tidy(cells[1].outputs)
        return outputs

    return run


def test_over_the_bridge_it_is_the_traceback_of_the_slow_line_as_on_ipykernel(kept) -> None:
    printed, error = kept("bridge")
    assert "time.sleep" in "".join(error["traceback"])
    assert [printed, error] == kept("stock")


def test_in_direct_runtime_it_is_that_the_service_cannot_stop_the_cell(kept) -> None:
    (error,) = kept("direct")
    assert error["ename"] == "KeyboardInterrupt"
    assert "the service cannot stop a direct execution" in error["evalue"]
