"""A service with real interpreters and faults on demand, and a runtime to try on it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from dynamic_sessions_kernel.client.models import ExecutionResult
from dynamic_sessions_kernel.messages import Message, Part, Request
from dynamic_sessions_kernel.runtimes.bridge.remote_code import relay_folder
from dynamic_sessions_kernel.runtimes.bridge.runtime import BridgeRuntime

T = TypeVar("T")
Fault = Callable[[Callable[[], ExecutionResult]], ExecutionResult]

#: The end of every wait, in seconds.
LIMIT = 60


class Interpreter:
    """The service's interpreter: an IPython that gives the last value of what it runs.

    Args:
        python: the Python that has it, and the ipykernel that a relay starts.
    """

    def __init__(self, python: str = sys.executable) -> None:
        self.python = python
        self.folder = tempfile.mkdtemp(prefix="dsk-test-")
        self._lock = threading.Lock()
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.python, Path(__file__).with_name("interpreter.py")],
            cwd=self.folder,
            # With this set, ipykernel leaves out what programs print.
            env={k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def restart(self) -> None:
        """Do what the service does to a run over its time: a new interpreter, same machine."""
        with self._lock:
            self._stop()
            self._process = self._start()

    def _stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def close(self) -> None:
        self._stop()
        shutil.rmtree(self.folder)

    def run(self, code: str) -> ExecutionResult:
        """Run code as one execution does."""
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(code) + "\n")
            self._process.stdin.flush()
            outcome = json.loads(self._process.stdout.readline())
        return ExecutionResult(image=None, duration=0.0, **outcome)


class Session:
    """What a runtime uses of `pool.Session`, on an interpreter, with a fault in between."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.identifier = uuid.uuid4().hex
        self.interpreter = interpreter
        self.fault: Fault = lambda run: run()
        self.executions = 0
        self.deleted = False

    def execute(self, code: str, **_: float) -> ExecutionResult:
        self.executions += 1
        return self.fault(lambda: self.interpreter.run(code))

    def delete(self) -> None:
        self.deleted = True

    @property
    def relay(self) -> Path:
        """The relay's folder."""
        return Path(relay_folder(self.identifier))

    def end_relay(self) -> None:
        """End the relay and leave no trace of it, as the end of its container does."""
        shutil.rmtree(self.relay, ignore_errors=True)


class Notebook:
    """A kernel's use of a runtime: cells one after the other, with the output of each."""

    def __init__(self, session: Session, **options: Any) -> None:
        self.session = session
        self.messages: list[Message] = []
        self._arrived = threading.Condition()
        self._number = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.runtime = BridgeRuntime(self._take, session, **options)  # type: ignore[arg-type]

    def close(self) -> None:
        self.wait_for(self.runtime.close(delete=False)).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _take(self, message: Message) -> None:
        with self._arrived:
            self.messages.append(message)
            self._arrived.notify_all()

    def wait_for(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def request(self, msg_type: str, **content: Any) -> Request:
        self._number += 1
        return Request(f"request-{self._number}", msg_type, content)

    def start(
        self, code: str, *, cell: str | None = None, last: bool = True, **content: Any
    ) -> Future[dict[str, Any]]:
        """Begin to run a cell; `messages` then holds its output."""
        self.messages.clear()
        content = {"silent": False, "store_history": True, "allow_stdin": True} | content
        request = self.request("execute_request", code=code, **content)
        return self.wait_for(self.runtime.execute(request, Part(code, cell or code, last)))

    def start_ahead(self, code: str) -> Callable[[], Future[dict[str, Any]]]:
        """Hand a cell over while another runs; what is returned begins its turn."""
        content = {"silent": False, "store_history": True, "allow_stdin": True, "code": code}
        request, part = self.request("execute_request", **content), Part(code, code)

        async def hand() -> bool:
            return self.runtime.hand_ahead(request, part)

        assert self.wait_for(hand()).result(LIMIT)
        return lambda: self.wait_for(self.runtime.execute(request, part))

    def run(self, code: str, **content: Any) -> dict[str, Any]:
        """Run a cell and return the reply."""
        return self.start(code, **content).result(LIMIT)

    def ask(self, msg_type: str, **content: Any) -> dict[str, Any] | None:
        """Ask for something else and return the reply."""
        return self.wait_for(self.runtime.ask(self.request(msg_type, **content))).result(LIMIT)

    def tell(self, msg_type: str, **content: Any) -> None:
        self._loop.call_soon_threadsafe(self.runtime.forward, self.request(msg_type, **content))

    def until(self, condition: Callable[[Message], bool]) -> Message:
        """Wait for a message."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: any(map(condition, self.messages)), LIMIT)
            return next(message for message in self.messages if condition(message))

    def until_printed(self, text: str) -> None:
        self.until(lambda _: text in self.text())

    def text(self, name: str = "stdout") -> str:
        """What was printed."""
        return "".join(
            message.content["text"]
            for message in self.messages
            if message.msg_type == "stream" and message.content["name"] == name
        )

    def value(self) -> str:
        """The displayed value of the cell."""
        (result,) = [m for m in self.messages if m.msg_type == "execute_result"]
        return str(result.content["data"]["text/plain"])


@contextmanager
def notebook_on(interpreter: Interpreter) -> Iterator[Notebook]:
    """Open a notebook on a session of its own, and leave nothing of either."""
    session = Session(interpreter)
    notebook = Notebook(session)
    try:
        yield notebook
    finally:
        notebook.close()
        session.end_relay()


@pytest.fixture(scope="session")
def interpreter() -> Iterator[Interpreter]:
    interpreter = Interpreter()
    yield interpreter
    interpreter.close()


@pytest.fixture
def session(interpreter: Interpreter) -> Iterator[Session]:
    session = Session(interpreter)
    yield session
    session.end_relay()


@pytest.fixture
def open_notebook(session: Session) -> Iterator[Callable[..., Notebook]]:
    """Opens notebooks on the session, each with a kernel of its own."""
    opened = []

    def open_one(**options: Any) -> Notebook:
        opened.append(Notebook(session, **options))
        return opened[-1]

    yield open_one
    for notebook in opened:
        notebook.close()


@pytest.fixture
def notebook(open_notebook: Callable[..., Notebook]) -> Notebook:
    """A notebook that nobody has used."""
    return open_notebook()


@pytest.fixture(scope="module")
def shared(interpreter: Interpreter) -> Iterator[Notebook]:
    """A notebook for tests that leave it as they find it."""
    with notebook_on(interpreter) as notebook:
        yield notebook


def tidy(value: Any) -> Any:
    """Name identities, addresses, temporary files and folders alike."""
    text = json.dumps(value, default=repr, sort_keys=True)
    text = re.sub(r"ipykernel_\d+/\d+\.py", "cell.py", text)
    text = re.sub(r"0x[0-9a-f]{6,}", "0xADDRESS", text)
    text = re.sub(r'"engine": "[0-9a-f-]+"|"engine_uuid": "[0-9a-f-]+"', '"engine": "E"', text)
    names: dict[str, str] = {}
    return json.loads(
        re.sub(
            r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])",
            lambda m: names.setdefault(m[0], f"id{len(names)}"),
            text,
        )
    )


@pytest.fixture(scope="session")
def source_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Fetch a release's source, which has the tests that its wheel lacks."""

    def fetch(requirement: str) -> Path:
        folder = tmp_path_factory.mktemp("source")
        name, _, _ = requirement.partition("==")
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--no-binary", name, "--dest", str(folder), requirement),
        ]
        subprocess.run(command, check=True, timeout=120)
        (packed,) = folder.glob("*.tar.gz")
        with tarfile.open(packed) as archive:
            # Debian's Python 3.11 has no filters yet; later ones warn without.
            careful = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(folder, **careful)
        return folder / packed.name.removesuffix(".tar.gz")

    return fetch
