"""Nothing is sent to whoever listens where a pool was, and no web page reaches a pool."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socketserver
import threading
from urllib.parse import urlsplit

import psutil
import pytest

from dynamic_sessions_kernel import errors
from dynamic_sessions_kernel.jupyter.embedded_pool import EmbeddedPool
from dynamic_sessions_kernel.localpool.shared.find_or_start import PersonalFiles, find_or_start


class Impostor(socketserver.ThreadingTCPServer):
    """Listens where a pool was, answers everything with OK, and keeps what it was sent."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.heard = b""
        super().__init__(("127.0.0.1", port), None)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, _client_address) -> None:
        while piece := request.recv(65536):
            self.heard += piece
            request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + b'{"sessions":[]}')


@pytest.fixture
def impostor():
    """Put an impostor on a port; it is gone behind the test."""
    listening = []

    def start(port: int) -> Impostor:
        listening.append(Impostor(port))
        return listening[-1]

    yield start
    for each in listening:
        each.shutdown()
        each.server_close()


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    yield
    told = PersonalFiles.here().read()
    if told is not None:
        pool = psutil.Process(told["pid"])
        pool.terminate()
        pool.wait(20)


def test_a_pool_that_was_killed_is_not_used_and_its_successor_learns_nothing(runtime, impostor):
    first = find_or_start()
    pool = psutil.Process(json.loads(PersonalFiles.here().address.read_bytes())["pid"])
    os.kill(pool.pid, signal.SIGKILL)
    pool.wait(20)
    listener = impostor(urlsplit(first.endpoint).port)
    second = find_or_start()
    assert second.started
    assert second.endpoint != first.endpoint
    assert b".proof?challenge=" in listener.heard
    assert first.token.encode() not in listener.heard
    assert b"Authorization" not in listener.heard


def test_a_kernel_s_next_connection_is_proven_too(start_pool, impostor):
    running = start_pool()
    with EmbeddedPool(running.endpoint, "none", token=running.token) as pool:
        session = pool.session(secrets.token_hex(16))
        assert session.execute("6 * 7").result == 42
        running.stop()
        listener = impostor(urlsplit(running.endpoint).port)
        with pytest.raises(errors.SessionLostError, match="embedded pool ended"):
            session.execute("'a secret of the notebook'")
    assert running.token.encode() not in listener.heard
    assert b"a secret" not in listener.heard
    assert b"Authorization" not in listener.heard


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1:8888"},
        {"Origin": "null"},
        {"Host": "page.example"},
        {"Host": "127.0.0.1.page.example:80"},
        {"Host": "localhost:80.page.example"},
        {"Host": "localhost:page"},
        {"Host": "[page.example]:80"},
    ],
)
def test_no_page_reaches_a_pool_even_with_the_token(session, headers):
    assert session.call("GET", "metadata", headers=headers).status_code == 403


def test_a_proof_is_given_without_the_token_and_differs_for_each_challenge(shared_pool):
    caller = shared_pool.caller()
    path, nobody = ".proof", {"Authorization": ""}
    proofs = {
        caller.call("GET", path, query={"challenge": digit * 64}, headers=nobody).text
        for digit in "0123"
    }
    assert len(proofs) == 4
    assert all(len(each) == 64 for each in proofs)
    refused = caller.call("GET", path, query={"challenge": "x"}, headers=nobody)
    assert refused.status_code == 400
