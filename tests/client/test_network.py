"""Proxies, certificates and what else the environment says about the network."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from dataclasses import replace

import pytest

from dynamic_sessions_kernel import SessionPool, errors
from tests.support.fake_service import QUICK


def test_proxy_variables_do_not_reach_this_machine_s_calls(service, session, monkeypatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert session.execute("1").result == 42


class Tunnel(socketserver.ThreadingTCPServer):
    """An HTTP proxy that leads every CONNECT to one port of this machine."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.port = port
        self.heads: list[str] = []
        super().__init__(("127.0.0.1", 0), _TunnelHandler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _TunnelHandler(socketserver.BaseRequestHandler):
    server: Tunnel

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.request.recv(4096)
        self.server.heads.append(head.decode())
        with socket.create_connection(("127.0.0.1", self.server.port)) as onward:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_relay, args=(onward, self.request), daemon=True)
            back.start()
            _relay(self.request, onward)
            back.join()


def _relay(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def tunnel(tls_service):
    with Tunnel(tls_service.port) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield proxy
        proxy.shutdown()
        thread.join()


def test_azure_is_reached_through_the_proxy_and_with_the_ca_bundle_of_the_environment(
    tls_service, tunnel, authority, open_pool, identifier, token, monkeypatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    session = open_pool(
        "https://test.dynamicsessions.io/pool", token=token, timeouts=replace(QUICK, idle=0.0)
    ).session(identifier)
    assert session.execute("1").result == 42
    assert session.execute("2").result == 42
    assert tls_service.seen[0].headers["authorization"] == f"Bearer {token}"
    assert len(tunnel.heads) == 2
    for head in tunnel.heads:
        assert head.startswith("CONNECT test.dynamicsessions.io:443 ")
        assert token not in head
        assert identifier not in head


@pytest.mark.parametrize("given", [True, False])
def test_netrc_does_not_take_the_token_s_place(
    tls_service, tunnel, authority, open_pool, identifier, token, tmp_path, monkeypatch, given
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine test.dynamicsessions.io login someone password word\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    pool = open_pool("https://test.dynamicsessions.io/pool", token=token if given else None)
    pool.session(identifier).execute("1")
    sent = tls_service.seen[0].headers.get("authorization")
    assert sent == (f"Bearer {token}" if given else None)


def test_a_proxy_that_is_not_there_is_named_as_the_cause(
    open_pool, identifier, monkeypatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://someone:word@127.0.0.1:9")
    session = open_pool("https://test.dynamicsessions.io/pool").session(identifier)
    with pytest.raises(errors.NotSentError, match="check HTTPS_PROXY") as raised:
        session.execute("1", attempts=1)
    assert "word" not in str(raised.value)


def test_an_unknown_certificate_is_refused_before_anything_is_sent(
    tls_service, open_pool, identifier, token
) -> None:
    session = open_pool(tls_service.endpoint, token=token).session(identifier)
    with pytest.raises(errors.UntrustedServerError, match="REQUESTS_CA_BUNDLE"):
        session.execute("1")
    assert tls_service.seen == []


def test_the_ca_bundle_of_the_environment_holds_for_this_machine_too(
    tls_service, authority, open_pool, identifier, monkeypatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    assert open_pool(tls_service.endpoint).session(identifier).execute("1").result == 42


def test_a_ca_bundle_that_does_not_exist_is_a_setting_to_correct(monkeypatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(errors.SettingsError, match=r"/nowhere/ca\.pem"):
        SessionPool("https://test.dynamicsessions.io/pool", "none")


def test_https_to_a_server_that_speaks_http_sends_nothing(service, open_pool, identifier) -> None:
    endpoint = service.endpoint.replace("http:", "https:")
    with pytest.raises(errors.NotSentError):
        open_pool(endpoint).session(identifier).execute("1", attempts=1)
