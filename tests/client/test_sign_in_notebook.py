"""Signing in from a notebook: azure-identity's own code in the kernel, and what its cells show.

azure-identity speaks to Entra's real address, which a proxy of the tests' leads to the token
endpoint here; the pool is the embedded one, with the token that this endpoint gives.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time

import pytest

TENANT = "11111111-2222-3333-4444-555555555555"
FOR_EVER = 10**9


class Tunnel(socketserver.StreamRequestHandler):
    """Leads whatever address is asked for to one port of this machine."""

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        with socket.create_connection(("127.0.0.1", self.server.target)) as far:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=self.carry, args=(far, self.connection), daemon=True)
            back.start()
            self.carry(self.connection, far)
            back.join()

    @staticmethod
    def carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy(entra):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel) as server:
        server.daemon_threads = True
        server.target = entra.port
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def notebook(proxy, entra, authority, local_pool, start_notebook):
    """A notebook that signs in with a device code."""
    entra.authority = "https://login.microsoftonline.com"
    entra.token = local_pool.token
    entra.pending, entra.interval = FOR_EVER, 1
    settings = {
        **local_pool.environment,
        "DYNAMIC_SESSIONS_TOKEN": "",
        "DYNAMIC_SESSIONS_CREDENTIAL": "device_code",
        "AZURE_TENANT_ID": TENANT,
        "HTTPS_PROXY": proxy,
        "REQUESTS_CA_BUNDLE": str(authority.bundle),
    }
    notebook = start_notebook(settings)
    yield notebook
    notebook.close()


def sign_in(entra) -> None:
    """Do what the person does in the browser."""
    entra.pending = 0


def test_the_cell_shows_the_code_waits_and_takes_it_away_again(notebook, entra) -> None:
    cell = notebook.send("6 * 7")
    shown = notebook.until(cell, "display_data")
    for text in shown["data"].values():
        assert "ABCD-EFGH" in text
        assert "https://microsoft.com/devicelogin" in text
    sign_in(entra)
    ran = notebook.wait(cell)
    assert ran.result == "42"
    (updated,) = ran.all("update_display_data")
    assert updated["transient"] == shown["transient"]
    assert set(updated["data"].values()) == {"Signed in to Azure."}
    assert updated["data"].keys() == shown["data"].keys()
    assert notebook.run("7 * 6").all("display_data") == []


def test_an_interrupt_ends_the_waiting_and_a_late_sign_in_counts(notebook, entra) -> None:
    cell = notebook.send("1")
    notebook.until(cell, "display_data")
    started = time.monotonic()
    notebook.interrupt()
    assert notebook.wait(cell).error.startswith("KeyboardInterrupt: ")
    assert time.monotonic() - started < 2
    again = notebook.send("6 * 7")
    assert "ABCD-EFGH" in notebook.until(again, "display_data")["data"]["text/plain"]
    sign_in(entra)
    assert notebook.wait(again).result == "42"
    assert "Signed in" in notebook.until(cell, "update_display_data")["data"]["text/plain"]
    assert entra.codes == 1


def test_shutdown_does_not_wait_for_a_sign_in(notebook) -> None:
    notebook.until(notebook.send("1"), "display_data")
    started = time.monotonic()
    notebook.manager.shutdown_kernel()
    assert time.monotonic() - started < 2.5


def test_a_sign_in_that_is_refused_is_told_and_the_next_cell_asks_anew(notebook, entra) -> None:
    cell = notebook.send("1")
    notebook.until(cell, "display_data")
    entra.refusal = {"error": "authorization_declined", "error_description": "declined by you"}
    ran = notebook.wait(cell)
    assert ran.error.startswith("SignInError: ")
    assert "declined" in ran.error
    (updated,) = ran.all("update_display_data")
    assert "ABCD-EFGH" not in str(updated)
    entra.refusal = None
    again = notebook.send("6 * 7")
    notebook.until(again, "display_data")
    sign_in(entra)
    assert notebook.wait(again).result == "42"
    assert entra.codes == 2


def test_a_token_that_expires_while_a_cell_runs_is_renewed_unnoticed(notebook, entra) -> None:
    entra.life = 11  # of which the last 10 s are not used
    cell = notebook.send(
        "import os, time\nprint('began', flush=True)\n"
        "while not os.path.exists('go'): time.sleep(0.02)\nprint('ended')"
    )
    notebook.until(cell, "display_data")
    sign_in(entra)
    notebook.until(cell, "stream")
    before = len(entra.asked)
    end = time.monotonic() + 30
    while len(entra.asked) < before + 2 and time.monotonic() < end:
        time.sleep(0.05)
    assert [asked["grant_type"] for asked in entra.asked[before:]][:2] == ["refresh_token"] * 2
    notebook.interrupt()
    ran = notebook.wait(cell)
    assert len(ran.all("display_data")) == 1
    assert entra.codes == 1
    assert "KeyboardInterrupt" in ran.error
    assert ran.stdout == "began\n"
