"""Sessions that run another Python than the pool's own."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support.pool import COMMAND


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """An environment with a package of its own, and with ours."""
    folder = tmp_path_factory.mktemp("python") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
    about = packages / "only_here-7.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: only-here\nVersion: 7\n")
    (packages / "only_here.py").write_text("value = 'from the other environment'")
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def caller(other):
    from tests.localpool.conftest import start

    pool = start("--python", str(other))
    yield pool.caller()
    pool.stop()


def test_cells_run_in_it_with_its_packages(caller, other):
    seen = caller.run("import sys, only_here; print(sys.prefix, only_here.value)")
    assert seen["stdout"] == f"{other.parent.parent} from the other environment\n"


def test_metadata_names_its_packages(caller):
    packages = caller.call("GET", "metadata").json()["preInstalledPackages"]
    assert {"name": "only-here", "version": "7"} in packages
    assert "numpy" in {package["name"] for package in packages}


@pytest.mark.parametrize("path", ["/nowhere/python", "/bin/true"])
def test_what_is_no_python_is_refused(path):
    refused = subprocess.run(
        [*COMMAND, "--python", path], capture_output=True, text=True, check=False, timeout=60
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"The pool did not start: {path} is no Python that runs here")


def test_a_python_without_ipykernel_is_refused(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    command = [*COMMAND, "--sandbox", "bwrap", "--python", str(tmp_path / "env/bin/python")]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 1
    assert "the interpreter's packages are not visible" in refused.stderr
