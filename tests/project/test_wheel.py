"""The wheel: what `pip install` brings, the kernel that Jupyter then lists among it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = "share/jupyter/kernels/dynamic-sessions/"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_brings_the_package_the_kernelspec_and_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    stem = "-".join(wheel.name.split("-")[:2])
    assert tops == {"dynamic_sessions_kernel", f"{stem}.data", f"{stem}.dist-info"}
    data = [name for name in zipfile.ZipFile(wheel).namelist() if ".data/" in name]
    names = {name.split("/data/")[1] for name in data}
    files = ("kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg")
    assert names == {SHARED + file for file in files}


def test_the_wheel_is_typed_and_says_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        assert "dynamic_sessions_kernel/py.typed" in opened.namelist()
        name = next(name for name in opened.namelist() if name.endswith("/METADATA"))
        metadata = message_from_bytes(opened.read(name))
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert {"local", "notebook", "test"} <= set(metadata.get_all("Provides-Extra"))


def test_after_a_bare_pip_install_jupyter_lists_the_kernel(wheel: Path, installer) -> None:
    subprocess.run(
        [installer.PYTHON, "-m", "pip", "install", "--no-deps", "--ignore-installed", str(wheel)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    listed = subprocess.run(
        [installer.PYTHON, "-m", "jupyter_client.kernelspecapp", "list", "--json"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    kernel = json.loads(listed.stdout)["kernelspecs"]["dynamic-sessions"]
    assert Path(kernel["resource_dir"]) == installer.VENV / SHARED.rstrip("/")
    # Bare, since Jupyter then runs it with the interpreter of the environment it is in.
    assert kernel["spec"]["argv"][:4] == ["python", "-P", "-m", "dynamic_sessions_kernel"]
    assert kernel["spec"]["interrupt_mode"] == "message"
