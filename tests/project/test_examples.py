"""The example notebooks run as they stand, and show what is kept in them."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from dynamic_sessions_kernel.localpool.shared.remove import remove

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A Jupyter runtime folder without a pool, and none of the person's settings."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    for name in [name for name in os.environ if name.startswith("DYNAMIC_SESSIONS_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT", raising=False)
    yield
    remove()


def texts(notebook: nbformat.NotebookNode) -> list[str]:
    """What the cells show as text, pictures left out; the identifier is new each time."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [output.data["text/plain"] for output in outputs if "image/png" not in output.data]
    return [text for text in shown if not text.startswith("<Session ")]


def test_the_steps_of_a_program_give_what_the_notebook_shows(alone) -> None:
    kept = nbformat.read(EXAMPLES / "seed_page.ipynb", as_version=4)
    ran = nbformat.from_dict(kept)
    NotebookClient(ran, timeout=120, kernel_name="python3").execute()
    assert texts(ran) == texts(kept)
    assert "-1530" in texts(ran)
    (picture,) = [
        output.data["image/png"]
        for cell in ran.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(picture) > 10_000
