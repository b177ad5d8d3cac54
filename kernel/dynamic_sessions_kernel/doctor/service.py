"""The way to the pool, step by step: endpoint, name, TLS, sign-in, role, kind, an execution."""

from __future__ import annotations

import contextlib
import shutil
import socket
import time
import uuid
import warnings
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from dynamic_sessions_kernel.client.embedded import EMBEDDED, find_or_start, no_sandbox_warning
from dynamic_sessions_kernel.client.endpoint import parse_endpoint
from dynamic_sessions_kernel.client.execution_errors import service_failure
from dynamic_sessions_kernel.client.http.transport import Timeouts
from dynamic_sessions_kernel.client.pool import SessionPool
from dynamic_sessions_kernel.client.pool_types import other_language
from dynamic_sessions_kernel.errors import (
    BadRequestError,
    DynamicSessionsError,
    ForbiddenError,
    LocalPoolError,
    ServiceError,
    SettingsError,
    TransportError,
    UnauthorizedError,
    UnexpectedAnswerError,
    UntrustedServerError,
)

from .token import token_fault

if TYPE_CHECKING:
    from dynamic_sessions_kernel.client.endpoint import Endpoint
    from dynamic_sessions_kernel.client.models import PoolMetadata
    from dynamic_sessions_kernel.settings import Settings

    from .report import Report

_TIMEOUTS = Timeouts(read=30, sign_in=300)
#: One more than the first: what passes by itself is no finding, and nobody waits for a full pool.
_ATTEMPTS = 2
_RUN_SECONDS = 60.0


def check_service(report: Report, settings: Settings) -> bool:
    """Try all between here and an execution; stops at the first that fails.

    Returns:
        Whether code ran in a session of the pool.
    """
    if settings.endpoint:
        where = _find_endpoint(report, settings)
        if where is None or not _find_host(report, where) or not _reach(report, settings, where):
            return False
    elif not _find_embedded(report):
        return False
    try:
        pool = _open(settings)
    except SettingsError as error:
        report.add("settings", "failed", str(error))
        return False
    with pool:
        return (
            _sign_in(report, pool, settings) and _look_at(report, pool) and _execute(report, pool)
        )


def _find_endpoint(report: Report, settings: Settings) -> Endpoint | None:
    try:
        where = parse_endpoint(settings.endpoint, settings.token_hosts)
        SessionPool(
            settings.endpoint,
            settings.credential,
            api_version=settings.api_version,
            token=settings.token,
            token_hosts=settings.token_hosts,
        ).close()
    except SettingsError as error:
        report.add("endpoint", "failed", str(error))
        return None
    report.add("endpoint", "ok", f"{where.host}, pool {where.url.rsplit('/', 1)[-1]}")
    return where


def _find_embedded(report: Report) -> bool:
    try:
        address = find_or_start()
    except LocalPoolError as error:
        report.add("endpoint", "failed", str(error))
        return False
    if warning := no_sandbox_warning(address):
        report.add("endpoint", "note", warning)
    else:
        report.add(
            "endpoint",
            "ok",
            "none is set: the embedded pool on this machine, its sessions in a sandbox "
            f"({address.sandbox})",
        )
    return True


def _find_host(report: Report, where: Endpoint) -> bool:
    """See whether the name resolves: the pool's, or the proxy's that is to reach it."""
    if where.loopback:
        report.add("DNS", "ok", "not needed: the pool is on this machine")
        return True
    proxy = select_proxy(where.url, get_environ_proxies(where.url))
    host = urlsplit(proxy).hostname if proxy else where.host
    by = "the proxy " if proxy else ""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        report.add(
            "DNS",
            "failed",
            f"The name of {by}{host} cannot be resolved. Check the network, the VPN and "
            + ("HTTPS_PROXY." if proxy else "the endpoint; behind a proxy set HTTPS_PROXY."),
        )
        return False
    report.add("DNS", "ok", f"{by}{host} is {found[0][4][0]}")
    return True


def _reach(report: Report, settings: Settings, where: Endpoint) -> bool:
    """See whether the host can be reached and proves who it is, before anything secret is sent."""
    step = "TLS" if where.url.startswith("https:") else "connection"
    try:
        with SessionPool(
            settings.endpoint,
            credential=None,
            api_version=settings.api_version,
            timeouts=_TIMEOUTS,
            attempts=_ATTEMPTS,
        ) as pool:
            pool.metadata()
    except UntrustedServerError as error:
        report.add(step, "failed", str(error))
        return False
    except TransportError as error:
        report.add("connection", "failed", str(error))
        return False
    except (ServiceError, UnexpectedAnswerError):
        pass  # an answer, which is what was asked for; what it says is seen with a sign-in
    proven = "its certificate is good" if step == "TLS" else "it answers"
    report.add(step, "ok", f"{where.host}: {proven}")
    return True


def _open(settings: Settings) -> SessionPool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no sandbox stands in the report
        return SessionPool(
            settings.endpoint or EMBEDDED,
            settings.credential,
            api_version=settings.api_version,
            token=settings.token if settings.endpoint else None,
            token_hosts=settings.token_hosts,
            timeouts=_TIMEOUTS,
            attempts=_ATTEMPTS,
        )


def _sign_in(report: Report, pool: SessionPool, settings: Settings) -> bool:
    if not settings.endpoint:
        return True
    if settings.token and (fault := token_fault(settings.token)):
        report.add("sign-in", "failed", fault)
        return False
    if pool.sign_in_announcement:
        report.add("sign-in", "note", pool.sign_in_announcement.replace("this cell", "this"))
    try:
        pool.sign_in()
    except DynamicSessionsError as error:
        report.add("sign-in", "failed", _why_no_sign_in(str(error), settings))
        return False
    return True


def _why_no_sign_in(sentence: str, settings: Settings) -> str:
    """Return the error's sentence with what is known here, where no Jupyter runs."""
    sentence = sentence.replace(
        "the log, where Jupyter runs, has the details", "the doctor's --details shows why"
    )
    if settings.credential == "default" and shutil.which("az") is None:
        sentence += " The Azure CLI (az) is not installed here, or not on this PATH."
    return sentence


def _look_at(report: Report, pool: SessionPool) -> bool:
    """Ask the pool what it is, which shows whether the sign-in and the role are good."""
    started = time.monotonic()
    metadata: PoolMetadata | None = None
    try:
        metadata = pool.metadata()
    except UnauthorizedError as error:
        report.add("sign-in", "failed", str(error))
        return False
    except ForbiddenError as error:
        report.add("sign-in", "ok", "accepted")
        report.add("role", "failed", str(error))
        return False
    except BadRequestError:
        pass  # custom containers, or an older generation, say nothing of themselves
    except DynamicSessionsError as error:
        report.add("pool", "failed", str(error))
        return False
    milliseconds = (time.monotonic() - started) * 1000
    report.add("sign-in", "ok", "accepted")
    report.add("role", "ok", "it may use the pool")
    wrong = None if metadata is None else other_language(metadata)
    if wrong is not None:
        report.add("pool", "failed", str(wrong))
        return False
    report.add("pool", "ok", f"{_kind(metadata)}; a call takes {milliseconds:.0f} ms")
    return True


def _kind(metadata: PoolMetadata | None) -> str:
    if metadata is None or not metadata.runtimes:
        return "it does not say what it runs"
    runtime = metadata.runtimes[0]
    name = f"{runtime.get('name', '')} {runtime.get('version', '')}".strip()
    return f"{name[:40]}, {len(metadata.packages)} packages"


def _execute(report: Report, pool: SessionPool) -> bool:
    """Run code by the service's API in a session of the doctor's own, and end that."""
    session = pool.session(str(uuid.uuid4()))
    started = time.monotonic()
    try:
        result = session.execute("6 * 7", timeout=_RUN_SECONDS)
    except DynamicSessionsError as error:
        report.add("round trip", "failed", str(error))
        return False
    finally:
        with contextlib.suppress(DynamicSessionsError):
            session.delete()
    seconds = time.monotonic() - started
    failure = service_failure(result)
    if failure is not None or str(result.result) != "42":
        said = str(failure) if failure else "The session answered 6 * 7 with something else."
        report.add("round trip", "failed", f"{said} Run the doctor again, then look at the pool.")
        return False
    report.add("round trip", "ok", f"code ran in a fresh session, within {seconds:.1f} s")
    return True
