"""A clone in a folder of its own, with an environment that costs no download.

The environment borrows this one's packages through a path file, so that install.py, which leaves
everything to its environment's Python, finds them there.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sysconfig
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What install.py needs of a clone, in a folder whose name has a space and an umlaut."""
    folder = tmp_path / "mein Gerät"
    folder.mkdir()
    shutil.copy(ROOT / "install.py", folder)
    for part in ("kernelspec", "examples"):
        shutil.copytree(ROOT / part, folder / part)
    (folder / "kernel").symlink_to(ROOT / "kernel")
    return folder


@pytest.fixture
def jupyter_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's Jupyter data folder, an empty one."""
    folder = tmp_path / "jupyter data"
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def short_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files; pools do without one whose path is too long for sockets."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


@pytest.fixture
def installer(clone: Path, jupyter_home: Path) -> ModuleType:
    """The clone's install.py as a module, its environment made and recorded."""
    environment = clone / ".venv"
    venv.create(environment, with_pip=False, symlinks=True)
    borrowed = environment.joinpath("lib").glob("python*/site-packages")
    next(borrowed).joinpath("borrowed.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n", encoding="utf-8"
    )
    environment.joinpath("install-record.json").write_text(
        json.dumps({"whole": True, "kernelspecs": []}), encoding="utf-8"
    )
    spec = importlib.util.spec_from_file_location("install_under_test", clone / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
