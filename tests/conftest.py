"""What every room's tests share: an embedded pool, and notebooks without a front end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from dynamic_sessions_kernel import SessionPool
from dynamic_sessions_kernel.settings import all_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[1]
KERNEL_NAME = "dynamic-sessions"


@dataclass(frozen=True)
class LocalPool:
    """An embedded pool of the tests' own."""

    endpoint: str
    token: str

    @property
    def environment(self) -> dict[str, str]:
        """What a kernel needs to use it."""
        return {
            "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT": self.endpoint,
            "DYNAMIC_SESSIONS_TOKEN": self.token,
        }

    def client(self) -> SessionPool:
        return SessionPool(self.endpoint, token=self.token)

    def identifiers(self) -> set[str]:
        with self.client() as pool:
            return {info.identifier for info in pool.sessions()}


@dataclass(frozen=True)
class Ran:
    """What a cell gave."""

    reply: dict[str, Any]
    messages: list[dict[str, Any]]

    @property
    def status(self) -> str:
        return self.reply["status"]

    @property
    def count(self) -> int:
        return self.reply["execution_count"]

    def all(self, msg_type: str) -> list[dict[str, Any]]:
        return [m["content"] for m in self.messages if m["msg_type"] == msg_type]

    def _stream(self, name: str) -> str:
        return "".join(c["text"] for c in self.all("stream") if c["name"] == name)

    @property
    def stdout(self) -> str:
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        return self._stream("stderr")

    @property
    def result(self) -> str:
        (content,) = self.all("execute_result")
        return content["data"]["text/plain"]

    @property
    def error(self) -> str:
        """The one error, as the person reads its last line."""
        (content,) = self.all("error")
        assert self.status == "error"
        assert self.reply["ename"] == content["ename"]
        return f"{content['ename']}: {content['evalue']}"


class Notebook:
    """A front end for tests: it sends cells and collects what belongs to them."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client = manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self._replies: dict[str, dict[str, Any]] = {}
        self._published: dict[str, list[dict[str, Any]]] = {}

    def run(self, code: str, *, timeout: float = 60, **options: Any) -> Ran:
        return self.wait(self.send(code, **options), timeout=timeout)

    def send(self, code: str, **options: Any) -> str:
        return self.client.execute(code, **{"allow_stdin": False, **options})

    def wait(self, msg_id: str, *, timeout: float = 60) -> Ran:
        """Wait for a cell's reply and its `idle`."""
        until = time.monotonic() + timeout
        while msg_id not in self._replies:
            reply = self.client.get_shell_msg(timeout=max(0.0, until - time.monotonic()))
            self._replies[reply["parent_header"]["msg_id"]] = reply["content"]
        while not self._idle(msg_id):
            self._take(until)
        return Ran(self._replies[msg_id], self._published[msg_id])

    def until(self, msg_id: str, msg_type: str, *, timeout: float = 30) -> dict[str, Any]:
        """Wait for a message that a cell publishes."""
        until = time.monotonic() + timeout
        while True:
            for message in self._published.get(msg_id, []):
                if message["msg_type"] == msg_type:
                    return message["content"]
            self._take(until)

    def _take(self, until: float) -> None:
        message = self.client.get_iopub_msg(timeout=max(0.0, until - time.monotonic()))
        parent = message["parent_header"].get("msg_id", "")
        self._published.setdefault(parent, []).append(message)

    def _idle(self, msg_id: str) -> bool:
        return any(
            message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            for message in self._published.get(msg_id, [])
        )

    def ask(self, name: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Ask something other than an execution, such as `complete`."""
        msg_id = getattr(self.client, name)(*arguments, **options)
        while True:
            reply = self.client.get_shell_msg(timeout=30)
            if reply["parent_header"]["msg_id"] == msg_id:
                return reply["content"]
            self._replies[reply["parent_header"]["msg_id"]] = reply["content"]

    def interrupt(self) -> None:
        """Interrupt as front ends do, and wait until the kernel has taken it."""
        channel = self.client.control_channel
        channel.send(self.client.session.msg("interrupt_request", {}))
        assert channel.get_msg(timeout=10)["msg_type"] == "interrupt_reply"

    def quiet(self, seconds: float = 0.2) -> bool:
        """Whether nothing more is published."""
        try:
            self.client.get_iopub_msg(timeout=seconds)
        except Empty:
            return True
        return False

    def restart(self) -> None:
        self.manager.restart_kernel()
        self.client.wait_for_ready(timeout=60)

    def close(self) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel()
        self.manager.cleanup_resources()


@pytest.fixture(scope="session")
def local_pool() -> Iterator[LocalPool]:
    """An embedded pool, started as a person would."""
    command = [sys.executable, "-m", "dynamic_sessions_kernel.localpool", "--max-sessions", "40"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            told = json.loads(process.stdout.readline())
            yield LocalPool(told["endpoint"], told["token"])
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="session")
def jupyter_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment without the person's settings, and with Jupyter folders of the tests'."""
    ours = {setting.environment for setting in all_settings().values()}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    folder = tmp_path_factory.mktemp("jupyter")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        environment[name] = str(folder / name.lower())
    return environment


@pytest.fixture(scope="session")
def new_manager(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., KernelManager]:
    """Make a manager, of this class or another, that starts our kernel from the kernelspec."""
    folder = tmp_path_factory.mktemp("kernels")
    (folder / KERNEL_NAME).symlink_to(ROOT / "kernelspec")
    specs = KernelSpecManager(kernel_dirs=[str(folder)])

    def make(manager: type[KernelManager] = KernelManager) -> KernelManager:
        return manager(kernel_name=KERNEL_NAME, kernel_spec_manager=specs)

    return make


@pytest.fixture(scope="session")
def start_notebook(
    jupyter_environment: dict[str, str],
    new_manager: Callable[..., KernelManager],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Notebook]:
    """Start a kernel from the kernelspec; the caller closes the notebook."""
    folder = tmp_path_factory.mktemp("notebooks")

    def start(settings: dict[str, str], cwd: Path | None = None, **options: Any) -> Notebook:
        manager = new_manager()
        manager.start_kernel(
            env={**jupyter_environment, **settings},
            cwd=str(cwd or folder),
            **{"stderr": None, **options},
        )
        try:
            return Notebook(manager)
        except BaseException:
            manager.shutdown_kernel(now=True)
            raise

    return start


class Judged:
    """Runs jupyter_kernel_test's `KernelTests` on our kernel; mixed in before it.

    Attributes:
        runtime: the runtime that is judged.
        first_cell: runs before the suite, which allows a cell so many seconds.
    """

    runtime: ClassVar[str]
    first_cell: ClassVar[str] = "1"
    kernel_name = KERNEL_NAME
    language_name = "python"
    file_extension = ".py"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _kernel(
        cls, local_pool: LocalPool, start_notebook: Callable[..., Notebook]
    ) -> Iterator[None]:
        notebook = start_notebook(
            {**local_pool.environment, "DYNAMIC_SESSIONS_RUNTIME": cls.runtime}
        )
        notebook.run(cls.first_cell, timeout=120)
        cls.km, cls.kc = notebook.manager, notebook.client
        yield
        notebook.close()

    @classmethod
    def setUpClass(cls) -> None:
        """The fixture starts the kernel."""

    @classmethod
    def tearDownClass(cls) -> None:
        """The fixture ends it."""


@pytest.fixture(scope="module")
def direct(local_pool: LocalPool, start_notebook: Callable[..., Notebook]) -> Iterator[Notebook]:
    """A notebook on the direct runtime, shared by the tests of a module."""
    notebook = start_notebook({**local_pool.environment, "DYNAMIC_SESSIONS_RUNTIME": "direct"})
    yield notebook
    notebook.close()


@pytest.fixture
def new_notebook(
    local_pool: LocalPool, start_notebook: Callable[..., Notebook]
) -> Iterator[Callable[..., Notebook]]:
    """Start notebooks of the test's own, on the direct runtime unless told otherwise."""
    started: list[Notebook] = []

    def start(cwd: Path | None = None, **settings: str) -> Notebook:
        chosen = {"DYNAMIC_SESSIONS_RUNTIME": "direct", **local_pool.environment, **settings}
        started.append(start_notebook(chosen, cwd))
        return started[-1]

    yield start
    for notebook in started:
        notebook.close()
