"""A real JupyterLab and a real Chromium, shared by all browser tests of this folder."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import nbformat
import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

#: Below it every name leads to the canary; `.test` is reserved and never a real host.
CANARY = "canary.test"
_CALLED = re.compile(r"\b([a-z0-9-]{1,60})\.canary\.test", re.IGNORECASE)


def do_without(reason: str) -> NoReturn:
    """Skip; under CI fail, since a test left out there would pass for one that passed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class Canary:
    """An address that nothing isolated may call; it notes under which names it was."""

    port: int
    stun_port: int
    called: set[str] = field(default_factory=set)


@pytest.fixture(scope="session")
def canary() -> Iterator[Canary]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            noted.called.update(_CALLED.findall(self.headers.get("Host", "")))
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the base class's way of naming

        def log_message(self, *_: object) -> None:
            pass

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stun,
    ):
        stun.bind(("127.0.0.1", 0))
        noted = Canary(server.server_port, stun.getsockname()[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield noted
        server.shutdown()


@dataclass(frozen=True)
class Lab:
    """A JupyterLab with our kernel, once isolated and once trusted, and with ipykernel itself."""

    address: str
    token: str
    root: Path

    def write(self, name: str, cells: list[str], kernel: str) -> str:
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
        )
        nbformat.write(notebook, self.root / name)
        return name

    def url(self, name: str) -> str:
        # In a workspace of its own, so that JupyterLab opens this notebook and no earlier one.
        space = name.removesuffix(".ipynb")
        return f"{self.address}/lab/workspaces/{space}/tree/{name}?token={self.token}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_kernels(folder: Path, environment: dict[str, str]) -> None:
    ours = {
        mode: ("dynamic_sessions_kernel", {**environment, "DYNAMIC_SESSIONS_OUTPUTS": mode})
        for mode in ("isolated", "trusted")
    }
    direct = {**environment, "DYNAMIC_SESSIONS_RUNTIME": "direct"}
    ours["direct"] = ("dynamic_sessions_kernel", direct)
    for name, (module, variables) in {**ours, "ipykernel": ("ipykernel_launcher", {})}.items():
        installed = json.loads((HERE.parents[1] / "kernelspec" / "kernel.json").read_text())
        spec = {
            **installed,
            "argv": [sys.executable, "-m", module, "-f", "{connection_file}"],
            "display_name": name,
            "env": variables,
        }
        (folder / "kernels" / name).mkdir(parents=True)
        (folder / "kernels" / name / "kernel.json").write_text(json.dumps(spec))


def _write_settings(folder: Path) -> None:
    # All cells are laid out at once, so that every output comes to life.
    tracker = folder / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    tracker.parent.mkdir(parents=True)
    tracker.write_text(json.dumps({"windowingMode": "none"}))
    news = folder / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))


@pytest.fixture(scope="session")
def lab(local_pool: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    root = folder / "notebooks"
    root.mkdir()
    _write_kernels(folder, local_pool.environment)
    _write_settings(folder / "settings")
    port, token = _free_port(), secrets.token_hex(16)
    environment = {
        **os.environ,
        "JUPYTER_PATH": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTER_TOKEN": token,
    }
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        f"--port={port}",
        f"--ServerApp.root_dir={root}",
        "--ServerApp.log_level=ERROR",
        "--LabApp.expose_app_in_browser=True",
        "--KernelSpecManager.ensure_native_kernel=False",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            server = Lab(f"http://localhost:{port}", token, root)
            _wait_for(f"{server.address}/api/status?token={token}", process)
            yield server
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(address, timeout=5),
        ):
            return
        time.sleep(0.1)
    raise AssertionError("JupyterLab did not start")


_READY = """
() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === "idle"
"""
_COUNT = "() => window.jupyterapp.shell.currentWidget.content.widgets.length"
_DONE = """
(count) => window.jupyterapp.shell.currentWidget.content.widgets.filter(
  (cell) => cell.model.executionCount > 0).length >= count
"""


class Browser:
    """Chromium with a network log, in which even what was only looked up stands."""

    def __init__(self, playwright: Any, log: Path, canary: Canary, libraries: int) -> None:
        self._log = log
        names = f"MAP *.{CANARY} 127.0.0.1:{canary.port},EXCLUDE localhost"
        self._browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",  # small in containers
                "--disable-quic",
                "--no-first-run",
                "--disable-component-update",
                "--disable-sync",
                "--ignore-certificate-errors",
                f"--host-resolver-rules={names},MAP * 127.0.0.1:{libraries}",
                f"--log-net-log={log}",
            ],
        )

    def page(self) -> Any:
        page = self._browser.new_context(viewport={"width": 1200, "height": 1400}).new_page()
        page.set_default_timeout(120_000)
        return page

    def close(self) -> None:
        self._browser.close()

    def looked_up(self) -> set[str]:
        """Names below the canary's that stand in the network log; complete once closed."""
        return set(_CALLED.findall(self._log.read_text("utf-8", errors="replace")))


def open_notebook(page: Any, url: str) -> None:
    """Open a notebook and wait until its kernel is there."""
    page.goto(url)
    page.wait_for_function(_READY)


def run_all(page: Any) -> None:
    """Run all cells and wait until they have run."""
    count = page.evaluate(_COUNT)  # cells may come to be while they run
    # What it returns is not waited for: beside some outputs JupyterLab never settles it.
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(_DONE, arg=count)


@pytest.fixture(scope="session")
def front_end(lab: Lab) -> SimpleNamespace:
    """What tests do with JupyterLab's page."""
    return SimpleNamespace(lab=lab, open=open_notebook, run_all=run_all)


# Of a module, since asyncio works in no other test of the process while playwright is up.
@pytest.fixture(scope="module")
def chromium(
    canary: Canary, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Browser]]:
    """Start browsers, each with a network log of its own.

    No name leads out of this machine: those of the canary lead to it, and all others to the port
    that is given for libraries, on which nothing listens unless a test does.
    """
    if CHROMIUM is None:
        do_without("needs Chromium; on Debian: apt install chromium")
    folder = tmp_path_factory.mktemp("chromium")
    started: list[Browser] = []
    with contextlib.ExitStack() as stack:
        try:
            playwright = stack.enter_context(sync_playwright())
        except Exception as error:  # noqa: BLE001 - playwright raises no other
            do_without(f"playwright does not start ({error}); on Debian: apt install libatomic1")

        def start(libraries: int = 1) -> Browser:
            log = folder / f"{len(started)}.json"
            started.append(Browser(playwright, log, canary, libraries))
            return started[-1]

        yield start
        for browser in started:
            browser.close()


@pytest.fixture(scope="session")
def npm_packages() -> Path:
    """The folder of npm's packages, which stays for the next run."""
    folder = HERE / "node_modules"
    wanted = json.loads((HERE / "package.json").read_text("utf-8"))["dependencies"]
    if {name: _version(folder / name) for name in wanted} == wanted:
        return folder
    npm = shutil.which("npm")
    if npm is None:
        do_without("needs npm; on Debian: apt install npm")
    options = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    # On a terminal of its own npm asks nothing, and its last words tell what went wrong.
    done = subprocess.run(
        [npm, "install", *options],
        cwd=HERE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        do_without(f"npm could not install what plots load: {done.stderr[-500:]}")
    return folder


def _version(package: Path) -> str | None:
    try:
        return json.loads((package / "package.json").read_text("utf-8"))["version"]
    except OSError:
        return None
