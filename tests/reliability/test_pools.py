"""Pools at their worst: faults turned up, full, short of time, or not there at all."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.pool import running_pool

PATH = "/subscriptions/s/resourceGroups/g/sessionPools/p"


@pytest.fixture(scope="module")
def start_pool(open_through):
    """Start a pool with options of the test's own; opens notebooks on it."""
    with contextlib.ExitStack() as stack:

        def start(*options: str):
            pool = stack.enter_context(running_pool(*options))
            client = stack.enter_context(pool.client())

            def open_notebook(**settings: str):
                notebook = open_through(
                    pool.endpoint, DYNAMIC_SESSIONS_TOKEN=pool.token, **settings
                )
                identifier = notebook.place.session.identifier
                notebook.place.session = client.session(identifier)
                stack.callback(notebook.close)
                return notebook

            return open_notebook

        yield start


def test_under_all_faults_a_hundred_cells_run_once_and_print_once(start_pool) -> None:
    rates = ("--lose-tail", "0.2", "--error-rate", "0.1", "--drop-rate", "0.1", "--seed", "7")
    notebook = start_pool(*rates)()
    for number in range(100):
        ran = notebook.run(notebook.place.mark(str(number)) + f"print({number})")
        assert (ran.status, ran.stdout) == ("ok", f"{number}\n")
    assert notebook.place.lines("ran") == [str(number) for number in range(100)]


def test_a_full_pool_is_told_at_once_and_waited_for(start_pool) -> None:
    open_notebook = start_pool("--max-sessions", "1")
    first = open_notebook()
    first.run("1")
    second = open_notebook()
    cell = second.send(second.place.mark("waited") + "print('waited')")
    notice = second.until(cell, "display_data")["data"]["text/plain"]
    assert "The pool has no session to spare (429)" in notice
    assert "cannot be reached" not in notice
    assert "Interrupt to stop waiting" in notice
    assert "`%session delete PREFIX`" in notice
    first.close()
    ran = second.wait(cell)
    assert ran.stdout == "waited\n"
    assert second.place.lines("ran") == ["waited"]
    third = open_notebook()
    cell = third.send("1")
    third.until(cell, "display_data")
    third.interrupt()
    assert "Interrupted" in third.wait(cell).error


def test_a_time_limit_ends_a_direct_cell_and_says_what_is_kept(start_pool) -> None:
    notebook = start_pool("--time-limit", "3")(DYNAMIC_SESSIONS_RUNTIME="direct")
    notebook.run("import time\nkept = 1")
    cells = [
        notebook.send(notebook.place.mark("over") + "print('begun')\ntime.sleep(100)"),
        notebook.send(notebook.place.mark("queued")),
    ]
    error = notebook.wait(cells[0]).error
    assert error.startswith("TimeLimitError: The code ran longer than the service allows")
    assert "variables and files that it made are kept" in error
    assert notebook.wait(cells[1]).status == "aborted"
    assert notebook.place.lines("ran") == ["over"]
    assert notebook.run("kept").result == "1"
    assert notebook.until(cells[0], "stream")["text"] == "begun\n"  # in its own cell, but later

    blocking = threading.Thread(
        target=notebook.place.session.execute,
        args=("import time; open('/mnt/data/on', 'w').write('on\\n'); time.sleep(100)",),
    )
    blocking.start()
    notebook.place.until("on")
    error = notebook.run(notebook.place.mark("behind")).error
    blocking.join(30)
    assert error.startswith("ExecutionAbortedError: The service gave this execution up")
    assert "Whether it changed anything is unknown" in error
    assert notebook.place.ran("behind") == 0


def test_200_direct_cells_are_whole_where_every_fifth_last_line_is_lost(start_pool) -> None:
    notebook = start_pool("--lose-tail", "0.2")(DYNAMIC_SESSIONS_RUNTIME="direct")
    for n in range(200):
        ran = notebook.run(f"print('one')\nprint('two')\nprint({n})\n{n} * 2")
        assert (ran.status, ran.stdout, ran.stderr) == ("ok", f"one\ntwo\n{n}\n", "")
        assert ran.result == str(n * 2)


def test_executions_that_are_cancelled_are_not_noticed_over_the_bridge(start_pool) -> None:
    notebook = start_pool("--cancel-rate", "0.3", "--seed", "3")()
    for n in range(20):
        ran = notebook.run(notebook.place.mark(str(n)) + f"print({n})")
        assert (ran.status, ran.stdout) == ("ok", f"{n}\n")
    assert notebook.place.lines("ran") == [str(n) for n in range(20)]


def test_direct_cells_run_once_and_are_whole_where_answers_are_dropped(start_pool) -> None:
    rates = ("--lose-tail", "0.2", "--drop-rate", "0.2", "--seed", "5")
    notebook = start_pool(*rates)(DYNAMIC_SESSIONS_RUNTIME="direct")
    for n in range(50):
        ran = notebook.run(notebook.place.mark(str(n)) + f"print({n})")
        assert (ran.status, ran.stdout) == ("ok", f"{n}\n")
    assert notebook.place.lines("ran") == [str(n) for n in range(50)]


def test_a_full_pool_ends_a_direct_cell_that_runs_once_there_is_room(start_pool) -> None:
    open_notebook = start_pool("--max-sessions", "1", "--full-status", "404")
    first, second = (open_notebook(DYNAMIC_SESSIONS_RUNTIME="direct") for _ in range(2))
    first.run("1")
    error = second.run("1").error
    assert error.startswith("PoolFullError: The pool has no session to spare (404)")
    first.close()
    assert second.run("1").result == "1"


def test_a_time_limit_and_its_aborted_queue_are_not_noticed_over_the_bridge(start_pool) -> None:
    notebook = start_pool("--time-limit", "3")()
    notebook.run("import time")
    cell = notebook.send(
        notebook.place.mark("long")
        + "for n in range(40):\n    print(n, flush=True)\n    time.sleep(0.1)"
    )
    notebook.until(cell, "stream")
    assert notebook.place.session.execute("import time; time.sleep(100)").status == "Failed"
    ran = notebook.wait(cell)
    assert (ran.status, ran.stdout) == ("ok", "".join(f"{n}\n" for n in range(40)))
    assert notebook.place.ran("long") == 1


@pytest.mark.parametrize("runtime", ["bridge", "direct"])
def test_a_pool_whose_name_is_unknown_is_told_and_the_next_cell_asks_again(
    open_through, runtime
) -> None:
    notebook = open_through(
        f"https://pool.invalid{PATH}",
        DYNAMIC_SESSIONS_TOKEN_HOSTS="pool.invalid",
        DYNAMIC_SESSIONS_RUNTIME=runtime,
    )
    try:
        cells = [notebook.send("1"), notebook.send("2")]
        error = notebook.wait(cells[0]).error
        assert error == (
            "NotSentError: pool.invalid could not be reached: its name cannot be resolved: check "
            "the endpoint, and the network. Nothing was sent."
        )
        assert notebook.wait(cells[1]).status == "aborted"
    finally:
        notebook.close()


@pytest.fixture
def impostor(tmp_path):
    """A server with a certificate that nobody vouches for; counts what gets through to it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "impostor")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    received = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    plain, _ = server.accept()
                    with (
                        contextlib.suppress(OSError),
                        plain,
                        context.wrap_socket(plain, server_side=True) as connection,
                    ):
                        received.append(connection.recv(100))

        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}{PATH}", received
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("runtime", ["bridge", "direct"])
def test_a_server_that_cannot_prove_who_it_is_is_sent_nothing(
    open_through, impostor, runtime
) -> None:
    endpoint, received = impostor
    notebook = open_through(endpoint, DYNAMIC_SESSIONS_RUNTIME=runtime)
    try:
        assert notebook.run("1").error == (
            "UntrustedServerError: 127.0.0.1 could not prove who it is (TLS certificate), so "
            "nothing was sent. Behind a proxy that opens TLS, name its CA file in "
            "REQUESTS_CA_BUNDLE; else check the endpoint."
        )
        assert b"".join(received) == b""
    finally:
        notebook.close()
