"""The tour, through an installed kernel, as install.py runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def install_kernel(data: Path, argv: list[str]) -> None:
    spec = json.loads((ROOT / "kernelspec" / "kernel.json").read_text(encoding="utf-8"))
    folder = data / "kernels" / "on-tour"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({**spec, "argv": argv}))


def run_tour(figures: Path) -> subprocess.CompletedProcess:
    script = ROOT / "examples" / "run_tour.py"
    return subprocess.run(
        [sys.executable, script, "on-tour", "--save", figures],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )


def test_the_tour_shows_its_outputs_a_figure_among_them(jupyter_home: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "dynamic_sessions_kernel", "-f", "{connection_file}"]
    install_kernel(jupyter_home, argv)
    ended = run_tour(tmp_path / "figures")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "embedded pool" in ended.stdout.splitlines()[0]
    assert "readings.csv" in ended.stdout
    assert "Coldest at 4 o'clock: 9.8 degrees" in ended.stdout
    assert "ZeroDivisionError: division by zero" in ended.stdout, "the error on purpose"
    assert ended.stderr == ""
    assert ended.stdout.index("## What next") > ended.stdout.index("ZeroDivisionError")
    assert "install.py --lab" in ended.stdout
    assert ended.stdout.rstrip().endswith("The tour passed: every cell did what it should.")
    with Image.open(tmp_path / "figures" / "figure-1.png") as figure:
        assert figure.format == "PNG"
        assert figure.convert("L").getextrema() == (0, 255), "axes on white"


def test_a_kernel_that_does_not_start_is_said_to_fail(jupyter_home: Path, tmp_path: Path) -> None:
    install_kernel(jupyter_home, [sys.executable, "-c", "", "{connection_file}"])
    ended = run_tour(tmp_path)
    assert ended.returncode == 1
    assert "The kernel did not start" in ended.stdout
    assert ended.stdout.rstrip().endswith("The tour failed.")


def test_a_kernel_that_is_not_installed_is_said_to_fail(jupyter_home: Path, tmp_path: Path) -> None:
    ended = run_tour(tmp_path)
    assert ended.returncode == 1
    assert "on-tour" in ended.stdout
    assert "Traceback" not in ended.stderr
