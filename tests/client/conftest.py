"""Pools and sessions on the fake service, with certificates and a sign-in of the tests' own."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import ipaddress
import json
import logging
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dynamic_sessions_kernel import SessionPool
from tests.support.fake_service import QUICK, FakeService, Play

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "99999999-8888-7777-6666-555555555555"
TOKEN = "eyJhbGciOiJub25lIn0.eyJzZWNyZXQiOiJ5ZXMifQ.c2lnbmF0dXJl"
IDENTIFIER = "5ec1e7-1dent1f1e7-0123456789"


@dataclass
class Authority:
    """A certificate authority of the tests' own."""

    bundle: Path
    server: ssl.SSLContext


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("authority")
    now = dt.datetime.now(dt.UTC)

    def certificate(name: str, key: Any, issuer: str, signer: Any, *extensions: Any) -> bytes:
        builder = x509.CertificateBuilder(
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]),
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
            key.public_key(),
            x509.random_serial_number(),
            now - dt.timedelta(hours=1),
            now + dt.timedelta(days=1),
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        signed = builder.sign(signer, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    bundle, pair = folder / "ca.pem", folder / "server.pem"
    identity = x509.SubjectKeyIdentifier.from_public_key(root.public_key())
    bundle.write_bytes(
        certificate("Test CA", root, "Test CA", root, x509.BasicConstraints(True, None), identity)
    )
    names = [
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.DNSName("localhost"),
        x509.DNSName("test.dynamicsessions.io"),
        x509.DNSName("login.microsoftonline.com"),
    ]
    pair.write_bytes(
        leaf.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate(
            "server",
            leaf,
            "Test CA",
            root,
            x509.SubjectAlternativeName(names),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()),
        )
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pair)
    return Authority(bundle, server)


@pytest.fixture
def service() -> Iterator[FakeService]:
    server = FakeService()
    yield server
    server.close()


@pytest.fixture
def tls_service(authority: Authority) -> Iterator[FakeService]:
    server = FakeService(authority.server)
    yield server
    server.close()


def jwt(claims: dict[str, object]) -> str:
    def pack(value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{pack({'alg': 'none'})}.{pack(claims)}.c2ln"


class Entra:
    """Microsoft Entra's token endpoint, as far as azure-identity asks it."""

    def __init__(self, service, play) -> None:
        self.port = service.port
        self.authority = f"https://localhost:{service.port}"
        self.asked: list[dict[str, str]] = []
        self.pending = 0
        self.interval = 0  # seconds between questions whether the person has signed in
        self.codes = 0
        self.token: str | None = None
        self.life = 3600
        self.nonce: str | None = None
        self.refusal: dict[str, str] | None = None
        self._play = play
        service.route = self.answer

    def answer(self, seen):
        base = f"{self.authority}/{TENANT}"
        if seen.path.endswith("openid-configuration"):
            return self._json(
                {
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                    "issuer": f"{base}/v2.0",
                }
            )
        if seen.path.endswith("/devicecode"):
            self.codes += 1
            return self._json(
                {
                    "device_code": "device",
                    "user_code": "ABCD-EFGH",
                    "verification_uri": "https://microsoft.com/devicelogin",
                    "expires_in": 900,
                    "interval": self.interval,
                    "message": "open the page",
                }
            )
        if not seen.path.endswith("/token"):
            return self._json({}, 404)
        self.asked.append(
            {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        )
        if self.refusal is not None:
            return self._json(self.refusal, 401)
        if self.pending:
            self.pending -= 1
            return self._json({"error": "authorization_pending"}, 400)
        claims = {
            "iss": f"{base}/v2.0", "aud": CLIENT, "sub": "someone", "tid": TENANT,
            "preferred_username": "someone@example.com", "exp": int(time.time()) + 3600,
            "iat": int(time.time()), "nonce": self.nonce,
        }  # fmt: skip
        return self._json(
            {
                "token_type": "Bearer",
                "access_token": self.token or f"entra-{len(self.asked)}",
                "refresh_token": "for more",
                "expires_in": self.life,
                "id_token": jwt(claims),
            }
        )

    def _json(self, body, status=200):
        return self._play(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def entra(tls_service, authority, make_play, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    return Entra(tls_service, make_play)


@pytest.fixture
def open_pool() -> Iterator[Callable[..., SessionPool]]:
    with contextlib.ExitStack() as stack:

        def opener(endpoint: str, credential: Any = "none", **more: Any) -> SessionPool:
            more.setdefault("timeouts", QUICK)
            return stack.enter_context(SessionPool(endpoint, credential, **more))

        yield opener


@pytest.fixture
def pool(service: FakeService, open_pool: Callable[..., SessionPool]) -> SessionPool:
    return open_pool(service.endpoint, token=TOKEN)


@pytest.fixture
def session(pool: SessionPool) -> Any:
    return pool.session(IDENTIFIER)


@pytest.fixture
def legacy(service, open_pool, identifier):
    return open_pool(service.endpoint, api_version="2024-02-02-preview").session(identifier)


@pytest.fixture
def make_play() -> type[Play]:
    return Play


@pytest.fixture
def identifier() -> str:
    return IDENTIFIER


@pytest.fixture
def token() -> str:
    return TOKEN


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC", "AZURE_TENANT_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_secret_in_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    for phase in ("setup", "call"):
        for record in caplog.get_records(phase):  # type: ignore[arg-type]  # the loop's own words
            text = record.getMessage() + str(record.exc_info)
            assert IDENTIFIER not in text, record
            assert TOKEN not in text, record
