"""What runs while a person ends JupyterLab, or uninstalls: nothing of ours is left behind."""

from __future__ import annotations

import json
import os
import queue
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from dynamic_sessions_kernel import SessionPool
from tests.support.notebook import Notebook
from tests.support.processes import started_with

LASTING = "import time\nprint('runs', flush=True)\ntime.sleep(600)"


@pytest.fixture(autouse=True)
def _no_settings(jupyter_environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells run on the embedded pool, whatever the person's settings are."""
    for name in set(os.environ) - set(jupyter_environment):
        monkeypatch.delenv(name)


@pytest.fixture
def runtime(tmp_path: Path, short_folder: Path, monkeypatch) -> Iterator[Path]:
    """The user's Jupyter runtime folder; whatever a test leaves running with it is ended."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
    yield folder
    # Servers, kernels, pools.
    for process in started_with("JUPYTER_RUNTIME_DIR", folder):
        process.kill()


def eventually(happens: Callable[[], Any], seconds: float = 120) -> Any:
    until = time.monotonic() + seconds
    while not (value := happens()):
        assert time.monotonic() < until
        time.sleep(0.1)
    return value


def pool_file(runtime: Path) -> dict[str, Any]:
    (file,) = runtime.glob("dynamic-sessions-pool-*.json")
    return json.loads(file.read_bytes())


def listening_server(runtime: Path) -> dict[str, Any] | None:
    """The description of a Jupyter server that takes calls; it writes it a little before."""
    try:
        (file,) = runtime.glob("jpserver-*.json")
        server = json.loads(file.read_text())
        urllib.request.urlopen(server["url"] + "login", timeout=60).close()
    except (OSError, ValueError):
        return None
    return server


def ask(server: dict[str, Any], path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        server["url"] + path,
        json.dumps(body).encode(),
        {"Authorization": f"token {server['token']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def publishes(client: BlockingKernelClient) -> bool:
    """Whether the kernel answers, and what it publishes arrives here."""
    client.kernel_info()
    try:
        return bool(client.get_iopub_msg(timeout=1))
    except queue.Empty:
        return False


def run_lasting_cell(client: BlockingKernelClient) -> str:
    """Run a cell that lasts; returns its identity once it prints in its session."""
    cell = client.execute(LASTING)
    eventually(
        lambda: client.get_iopub_msg(timeout=120)["content"].get("text", "").startswith("runs")
    )
    return cell


def test_ctrl_c_leaves_jupyterlab_the_time_to_ask_and_to_end_its_sessions(
    installer, clone: Path, jupyter_home: Path, runtime: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    installer.install_kernelspec("installed", None, None)
    start = "import runpy, sys; sys.exit(runpy.run_path('install.py')['lab']())"
    environment = {**os.environ, "HOME": str(home), "BROWSER": "true"}
    terminal = pexpect.spawn(
        sys.executable, ["-c", start], cwd=str(clone), env=environment, encoding="utf-8"
    )
    terminal.expect("http://(localhost|127.0.0.1):", timeout=120)
    server = eventually(lambda: listening_server(runtime))
    assert server["root_dir"] == str(home / "dynamic-sessions")
    assert (home / "dynamic-sessions" / "tour.ipynb").exists()

    kernel = ask(server, "api/kernels", {"name": "installed"})["id"]
    client = BlockingKernelClient(connection_file=str(runtime / f"kernel-{kernel}.json"))
    client.load_connection_file()
    client.start_channels()
    eventually(lambda: publishes(client))
    run_lasting_cell(client)
    client.stop_channels()
    pool = pool_file(runtime)

    terminal.sendintr()
    terminal.expect("Shut ?down this Jupyter server", timeout=60)
    terminal.sendline("y")
    terminal.expect(pexpect.EOF, timeout=120)
    terminal.close()
    assert terminal.exitstatus == 0
    with SessionPool(pool["endpoint"], token=pool["token"]) as asked:
        assert list(asked.sessions()) == []


def test_the_tour_of_a_person_who_changed_it_is_left_as_it_is(
    installer, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(installer, "NOTEBOOKS", tmp_path / "mine")
    monkeypatch.setattr(installer, "hand_over", lambda *_: 0)
    assert installer.lab() == 0
    (tmp_path / "mine" / "tour.ipynb").write_text("changed")
    assert installer.lab() == 0
    assert (tmp_path / "mine" / "tour.ipynb").read_text() == "changed"


def test_after_uninstall_no_pool_session_lock_or_log_is_left_though_a_cell_ran(
    installer, jupyter_home: Path, runtime: Path, short_folder: Path, capfd
) -> None:
    installer.install_kernelspec("installed", None, None)
    manager = KernelManager(kernel_name="installed")
    manager.start_kernel(stderr=None)
    notebook = Notebook(manager)
    cell = run_lasting_cell(notebook.client)
    pool = psutil.Process(pool_file(runtime)["pid"])
    family = [pool, *pool.children(recursive=True)]

    assert installer.main(["--uninstall"]) == 0
    assert "Ended the embedded pool" in capfd.readouterr().out
    assert psutil.wait_procs(family, timeout=30)[1] == []
    assert list(runtime.glob("dynamic-sessions-pool-*")) == []
    assert list(short_folder.glob("dsk-*")) == []

    assert notebook.wait(cell, timeout=60).status == "error"
    # A kernel that lives on starts no pool where its environment was.
    again = notebook.run("1")
    assert "the environment of this kernel was removed" in again.error
    assert list(runtime.glob("dynamic-sessions-pool-*")) == []
    notebook.close()
