"""A service of the tests' own, for responses that a pool gives only on its bad days; and stock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import KernelManager

from tests.support.fake_service import FakeService, Play, Seen
from tests.support.notebook import Notebook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Service(FakeService):
    """Answers each call with what `answer` makes of its code; `ran` is all the code it was sent.

    Attributes:
        answer: from the code of an execution to status, body and headers; None drops the
            connection.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[str] = []
        self.answer: Callable[[str], Any] = lambda _: (500, b"", {})
        self.route = self._route

    def _route(self, seen: Seen) -> Play:
        code = seen.json["code"] if seen.body else ""
        if seen.body:
            self.ran.append(code)
        said = self.answer(code)
        if said is None:
            return Play(drop=True)
        status, content, headers = said
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        return Play(status, content, headers)

    def fails(self, status: int, body: Any = b"", **headers: str) -> None:
        """Refuse everything."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer = lambda _: (status, body, named)

    def runs(self, then: Callable[[str], Any]) -> None:
        """Let the kernel connect, and answer what it runs after that with `then`."""

        def answer(code: str) -> Any:
            if "dynamic_sessions_resident" in code and not code.startswith("%%"):
                return executed(result='{"boot": "b00t"}')
            return then(code)

        self.answer = answer


def executed(
    *,
    status: str = "Succeeded",
    stdout: str = "",
    stderr: str = "",
    result: Any = None,
    container: str = "c1",
) -> Any:
    outcome = {"stdout": stdout, "stderr": stderr, "executionResult": result}
    body = {"id": "1", "identifier": "i", "status": status, "result": outcome}
    return 200, body, {"x-ms-session-guid": container}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    played = Service()
    yield played
    played.close()


@pytest.fixture(scope="module")
def troubled(service: Service, start_notebook: Callable[..., Notebook]) -> Iterator[Notebook]:
    """A notebook on that service, in direct runtime."""
    notebook = start_notebook(
        {
            "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT": service.endpoint,
            "DYNAMIC_SESSIONS_TOKEN": "a-token",
            "DYNAMIC_SESSIONS_RUNTIME": "direct",
        }
    )
    yield notebook
    notebook.close()


@pytest.fixture
def answered() -> Callable[..., Any]:
    """Make the answer to an execution."""
    return executed


@pytest.fixture(scope="module")
def stock(jupyter_environment: dict[str, str]) -> Iterator[Notebook]:
    """A notebook on ipykernel."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=jupyter_environment, stderr=None)
    notebook = Notebook(manager)
    yield notebook
    notebook.close()
