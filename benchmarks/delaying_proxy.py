"""A TLS proxy that makes a loopback pool far away: it delays bytes both ways, and the set-up too.

The embedded pool's own `--latency` delays answers alone, which hides half of a way: connections
and handshakes cost nothing there.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 with its key, in one PEM file; clients trust the same."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "delaying proxy")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "proxy.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


class _Far(asyncio.Protocol):
    """One half of a connection: hands bytes to the other half after the delay, in their order."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.other: _Far | None = None
        self.transport: asyncio.Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        for data in self._early:
            transport.write(data)

    def take(self, data: bytes) -> None:
        if self.transport is None:
            self._early.append(data)
        else:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            asyncio.get_running_loop().call_later(self.delay, self.other.take, data)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        if self.other is not None and self.other.transport is not None:
            asyncio.get_running_loop().call_later(self.delay, self.other.transport.close)


async def _serve(port: int, pem: Path, way: float, ready: threading.Event, told: list[int]) -> None:
    """Listen twice: TLS without a delay in the inner server, every byte delayed in the outer one.

    So the handshake's own round trips, and the connection's (one more), pay the way as well.
    """
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def accept(target: int, delay: float, setup: float) -> _Far:
        near, far = _Far(delay), _Far(delay)
        near.other, far.other = far, near

        async def connect() -> None:
            await asyncio.sleep(setup)
            await loop.create_connection(lambda: far, "127.0.0.1", target)

        task = loop.create_task(connect())
        near.task = task  # type: ignore[attr-defined]  # keeps it alive
        return near

    inner = await loop.create_server(lambda: accept(port, 0.0, 0.0), "127.0.0.1", 0, ssl=context)
    behind = inner.sockets[0].getsockname()[1]
    outer = await loop.create_server(lambda: accept(behind, way, 2 * way), "127.0.0.1", 0)
    told.append(outer.sockets[0].getsockname()[1])
    ready.set()
    await asyncio.Event().wait()


@contextlib.contextmanager
def far_away(port: int, pem: Path, round_trip: float) -> Iterator[int]:
    """Serve a loopback port over TLS and a round trip of so many seconds; yields the new port."""
    ready, told = threading.Event(), []
    loop = asyncio.new_event_loop()

    def run() -> None:
        with contextlib.suppress(RuntimeError):  # it is stopped from outside
            loop.run_until_complete(_serve(port, pem, round_trip / 2, ready, told))

    threading.Thread(target=run, daemon=True).start()
    ready.wait(10)
    try:
        yield told[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
