"""nbclient's own test notebooks give over the bridge what they give on ipykernel."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from tests.runtimes.bridge.conftest import tidy
from tests.support.pool import LocalPool

NBCLIENT = "nbclient==0.11.0"

#: The notebooks, and how nbclient's tests run them where that is not the plain way.
NOTEBOOKS: dict[str, dict[str, Any]] = {
    "Clear Output": {},
    "Disable Stdin": {"allow_errors": True},
    "Empty Cell": {},
    "Error": {"allow_errors": True},
    "Factorials": {},
    "HelloWorld": {},
    "Inline Image": {},
    # nbclient's 3 s are short for a session's first cell on a busy machine.
    "Interrupt": {"timeout": 8, "interrupt_on_timeout": True, "allow_errors": True},
    "JupyterWidgets": {},
    "Other Comms": {},
    "SVG": {},
    "Skip Exceptions": {"allow_errors": True},
    "Skip Exceptions with Cell Tags": {},
    "Skip Execution with Cell Tag": {},
    "Sleep1s": {},
    "Unicode": {},
    "UnicodePy3": {},
    "update-display-id": {},
}
LEFT_OUT = {
    "Autokill": "ends its own process: here that is said in the cell, and the kernel lives on",
    "Check History in Memory": "asks whether the kernel took an option of ipykernel's command line",
    "Output": "hangs now and then, on ipykernel too; nbclient's own tests do not run it",
    "Parallel Execute A": "meets the other in a folder, and two sessions share none",
    "Parallel Execute B": "meets the other in a folder, and two sessions share none",
}
#: Files of the notebooks' folder that they read.
FILES = ["python.png"]


@pytest.fixture(scope="module")
def notebooks(source_of: Callable[[str], Path]) -> Path:
    return source_of(NBCLIENT) / "tests" / "files"


@pytest.fixture
def folder(notebooks: Path, tmp_path: Path) -> Path:
    """A folder to run in, with what the notebooks read."""
    for name in FILES:
        shutil.copy(notebooks / name, tmp_path)
    return tmp_path


@pytest.fixture
def settings(local_pool: LocalPool, notebooks: Path) -> Iterator[dict[str, str]]:
    """A session over the bridge, with what the notebooks read, and nothing taken out of outputs."""
    identifier = uuid.uuid4().hex
    with local_pool.client() as pool:
        session = pool.session(identifier)
        for name in FILES:
            session.upload(notebooks / name)
        yield {
            **local_pool.environment,
            "DYNAMIC_SESSIONS_IDENTIFIER": identifier,
            "DYNAMIC_SESSIONS_RUNTIME": "bridge",
            "DYNAMIC_SESSIONS_OUTPUTS": "trusted",
        }
        session.delete()


def outcome(
    path: Path,
    options: dict[str, Any],
    manager: AsyncKernelManager,
    folder: Path,
    env: dict[str, str],
) -> list[Any]:
    """Execute a notebook: each cell with its outputs, and last the state of the widgets."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, km=manager, resources=resources, **options)
    client.execute(cleanup_kc=True, env=env, stderr=None)
    widgets = [
        # A list: they are named by identities, which differ, but made in one order.
        [kind, list(content["state"].items())]
        for kind, content in notebook.metadata.get("widgets", {}).items()
    ]
    return [without_times(part) for part in tidy([*notebook.cells, widgets])]


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_times(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|\+00:00)", "TIME", value)
    return value


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_gives_the_same_outputs(
    name, notebooks, folder, settings, new_manager, jupyter_environment
):
    path, options = notebooks / f"{name}.ipynb", NOTEBOOKS[name]
    stock = AsyncKernelManager(kernel_name="python3")
    expected = outcome(path, options, stock, folder, jupyter_environment)
    environment = {**jupyter_environment, **settings}
    assert outcome(path, options, new_manager(AsyncKernelManager), folder, environment) == expected


def test_no_notebook_is_left_out_without_a_reason(notebooks):
    assert {path.stem for path in notebooks.glob("*.ipynb")} == {*NOTEBOOKS, *LEFT_OUT}
