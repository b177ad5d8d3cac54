"""A service of the tests' own, for answers that a pool gives only on its bad days."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.notebook import Notebook

PATH = "/subscriptions/s/resourceGroups/g/sessionPools/p"


@dataclass
class Service:
    """Answers each call with what `answer` makes of its code; `ran` is all the code it was sent.

    Attributes:
        answer: from the code of an execution to status, body and headers; None drops the
            connection.
    """

    endpoint: str = ""
    ran: list[str] = field(default_factory=list)
    answer: Callable[[str], Any] = lambda _: (500, b"", {})

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

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            code = json.loads(body)["code"] if body else ""
            if body:
                played.ran.append(code)
            said = played.answer(code)
            if said is None:
                self.close_connection = True
                return
            status, content, headers = said
            if not isinstance(content, bytes):
                content = json.dumps(content).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    played.endpoint = f"http://127.0.0.1:{server.server_address[1]}{PATH}"
    yield played
    server.shutdown()
    server.server_close()


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
