"""README tells the truth: its code runs, and what it points to is there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynamic_sessions_kernel import errors
from dynamic_sessions_kernel.localpool.shared.remove import remove

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON_BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """A Jupyter runtime folder without a pool; the one that is started there is ended."""
    folder = tmp_path / "runtime"
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
    yield folder
    remove()


def test_the_library_code_runs_as_it_stands_and_prints_what_its_comments_say(
    runtime, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = PYTHON_BLOCKS
    exec(compile(block, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["42"]
    assert printed[1] == "False"
    assert printed[3:5] == ["-1530", "image png"]
    assert "/mnt/data/data.json" in printed[5]
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "copy.json").read_text()) == {"important_data": [1, 10, -1541]}


def test_every_file_that_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_option_of_install_py_that_readme_names_exists() -> None:
    help_text = subprocess.run(
        [sys.executable, ROOT / "install.py", "--help"], capture_output=True, text=True, check=True
    ).stdout
    named = {
        option
        for line in re.findall(r"install\.py[^`\n]*", README)
        for option in re.findall(r"--[a-z-]+", line)
    }
    assert named
    assert [option for option in named if option not in help_text] == []


def test_every_error_is_explained_and_no_other() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+(?:Error|Failure))`", page))
    there = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type)
        and issubclass(value, errors.DynamicSessionsError)
        and value.__module__ == errors.__name__
    }
    assert named == there
