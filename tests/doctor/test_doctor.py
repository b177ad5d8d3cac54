"""The doctor as a person runs it: what it finds, what it advises, and how it exits."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dynamic_sessions_kernel.doctor.main import main
from tests.support.fake_service import FakeService
from tests.support.pool import LocalPool, running_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ENDPOINT = "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT"
TOKEN = "DYNAMIC_SESSIONS_TOKEN"
SECRET = "a-token-that-nobody-may-see"
ARGV = [sys.executable, "-P", "-m", "dynamic_sessions_kernel", "-f", "{connection_file}"]
DOCTOR = [sys.executable, "-m", "dynamic_sessions_kernel", "doctor"]


@dataclass
class Told:
    """A doctor's report, each step's state and sentence by its name."""

    status: int
    text: str

    def __getitem__(self, step: str) -> tuple[str, str]:
        lines = self.text.splitlines()
        for number, line in enumerate(lines):
            if line[11:24].strip() == step:
                more = [other[24:] for other in lines[number + 1 :]]
                ends = next(
                    (i for i, other in enumerate(lines[number + 1 :]) if other[:24].strip()),
                    len(more),
                )
                return line[:11].strip(), " ".join([line[24:], *more[:ends]])
        raise AssertionError(self.text)


@pytest.fixture
def examine(tmp_path: Path, jupyter_environment: dict[str, str]) -> Callable[..., dict[str, str]]:
    """Writes a kernelspec of the test's own; returns the environment to examine it in."""

    def write(spec: dict[str, Any] | None = None, /, **settings: str) -> dict[str, str]:
        folder = tmp_path / "share" / "kernels" / "examined"
        folder.mkdir(parents=True)
        common = {"language": "python", "interrupt_mode": "message"}
        whole = {"argv": ARGV, "display_name": "Examined", **common, **(spec or {})}
        (folder / "kernel.json").write_text(json.dumps(whole))
        environment = {
            name: value
            for name, value in jupyter_environment.items()
            if not name.lower().endswith("_proxy")
        }
        return {**environment, "JUPYTER_PATH": str(tmp_path / "share"), **settings}

    return write


@pytest.fixture
def doctor(
    examine: Callable[..., dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Told]:
    """Runs the doctor in this process, which saves the time of starting another."""

    def run(spec: dict[str, Any] | None = None, /, **settings: str) -> Told:
        monkeypatch.setattr(os, "environ", os.environ.copy())
        environment = examine(spec, **settings)
        for name in os.environ.keys() - environment.keys():
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        status = main(["--name", "examined"])
        written = capsys.readouterr()
        assert SECRET not in written.out + written.err
        return Told(status, written.out)

    return run


@pytest.fixture
def service() -> Iterator[FakeService]:
    server = FakeService()
    yield server
    server.close()


def test_all_is_well_on_a_pool_that_the_kernelspec_names(
    examine, local_pool: LocalPool, tmp_path: Path
) -> None:
    before = local_pool.identifiers()
    ended = subprocess.run(
        [*DOCTOR, "--name", "examined"],
        env=examine({"env": {ENDPOINT: local_pool.endpoint}}, **{TOKEN: local_pool.token}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    told = Told(ended.returncode, ended.stdout)
    assert told.status == 0, told.text + ended.stderr
    steps = ("interpreter", "kernelspec", "VS Code", "endpoint", "DNS", "connection")
    for step in (*steps, "sign-in", "role", "pool", "round trip", "cell"):
        assert told[step][0] == "ok", told.text
    assert "Python" in told["pool"][1]
    assert "All is well" in told.text
    assert local_pool.token not in ended.stdout + ended.stderr
    assert local_pool.identifiers() <= before  # it leaves no session behind


def test_a_wrong_token_is_a_failed_sign_in(doctor, local_pool: LocalPool) -> None:
    told = doctor(**{ENDPOINT: local_pool.endpoint, TOKEN: SECRET})
    assert told.status == 1
    assert told["connection"][0] == "ok"
    state, sentence = told["sign-in"]
    assert state == "FAILED"
    assert "DYNAMIC_SESSIONS_TOKEN" in sentence
    assert told["cell"][0] == "not tried"


def test_no_sign_in_is_said_without_azure_s_own_words_unless_they_are_asked_for(
    examine, service: FakeService, tmp_path: Path
) -> None:
    settings = {ENDPOINT: service.endpoint, "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential"}
    environment = {**examine(**settings), "PATH": str(tmp_path)}  # without `az`
    environment = {name: value for name, value in environment.items() if "AZURE_CLIENT" not in name}
    for details in ([], ["--details"]):
        ended = subprocess.run(
            [*DOCTOR, "--name", "examined", *details],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert ended.returncode == 1
        state, sentence = Told(ended.returncode, ended.stdout)["sign-in"]
        assert state == "FAILED"
        assert "az login" in sentence
        assert "--details shows why" in sentence
        assert "(az) is not installed here" in sentence
        assert bool(ended.stderr) is bool(details), ended.stderr
    assert "EnvironmentCredential" in ended.stderr


def test_a_wrong_endpoint_is_a_pool_that_is_not_there(doctor, local_pool: LocalPool) -> None:
    told = doctor(**{ENDPOINT: local_pool.endpoint + "x", TOKEN: local_pool.token})
    assert told.status == 1
    state, sentence = told["pool"]
    assert state == "FAILED"
    assert "Check the endpoint" in sentence


def test_what_is_no_endpoint_is_said_before_anything_is_sent(doctor) -> None:
    told = doctor(**{ENDPOINT: "westus2.dynamicsessions.io/p", TOKEN: SECRET})
    assert told.status == 1
    assert "is not the address of a session pool" in told["endpoint"][1]


def test_a_foreign_host_gets_no_token(doctor) -> None:
    told = doctor(**{ENDPOINT: "https://pools.example.com/p", TOKEN: SECRET})
    assert told["endpoint"][0] == "FAILED"
    assert "DYNAMIC_SESSIONS_TOKEN_HOSTS" in told["endpoint"][1]


def test_a_name_that_does_not_resolve_is_a_matter_of_the_network(doctor) -> None:
    settings = {ENDPOINT: "https://pool.invalid/p", TOKEN: SECRET}
    told = doctor(**settings, DYNAMIC_SESSIONS_TOKEN_HOSTS="pool.invalid")
    assert told.status == 1
    state, sentence = told["DNS"]
    assert state == "FAILED"
    assert "pool.invalid cannot be resolved. Check the network" in sentence


def test_where_nobody_listens_the_connection_fails(doctor) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        told = doctor(**{ENDPOINT: f"http://127.0.0.1:{bound.getsockname()[1]}/p", TOKEN: SECRET})
    assert told.status == 1
    assert "the connection was refused" in told["connection"][1]


def test_a_certificate_that_proves_nothing_fails_before_the_token_is_sent(
    doctor, tmp_path: Path
) -> None:
    server = FakeService(self_signed(tmp_path / "pair.pem"))
    with contextlib.closing(server):
        told = doctor(**{ENDPOINT: server.endpoint, TOKEN: SECRET})
    assert told.status == 1
    assert "REQUESTS_CA_BUNDLE" in told["TLS"][1]
    assert server.seen == []


def test_a_role_that_is_missing_is_named(doctor, service: FakeService) -> None:
    service.always(403)
    told = doctor(**{ENDPOINT: service.endpoint, TOKEN: SECRET})
    assert told.status == 1
    assert told["sign-in"][0] == "ok"
    state, sentence = told["role"]
    assert state == "FAILED"
    assert "Azure ContainerApps Session Executor" in sentence
    first = service.seen[0]
    assert "authorization" not in first.headers  # who answers there was not known yet


def test_a_pool_of_another_language_is_named(doctor) -> None:
    with running_pool("--profile", "shell") as pool:
        told = doctor(**pool.environment)
    assert told.status == 1
    assert told["role"][0] == "ok"
    assert told["pool"][0] == "FAILED"
    assert "of type Shell" in told["pool"][1]


def test_a_full_pool_is_named(doctor) -> None:
    with running_pool("--max-sessions", "1") as pool, pool.client() as client:
        client.session("0123456789-taken").execute("1")
        told = doctor(**pool.environment)
        assert pool.identifiers() == {"0123456789-taken"}
    assert told.status == 1
    assert told["pool"][0] == "ok"
    assert "no session to spare" in told["round trip"][1]


def test_a_setting_that_cannot_be_used_is_named(doctor) -> None:
    told = doctor(DYNAMIC_SESSIONS_RUNTIME="fast")
    assert told.status == 1
    assert "DYNAMIC_SESSIONS_RUNTIME" in told["settings"][1]


def test_the_configuration_file_counts_as_it_does_for_the_kernel(doctor, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "dynamic_sessions_kernel_config.py").write_text(
        "c.DynamicSessionsKernel.endpoint = 'https://pools.example.com/p'\n"
    )
    told = doctor(JUPYTER_CONFIG_DIR=str(folder))
    assert "pools.example.com" in told["endpoint"][1]


def test_a_kernel_that_does_not_run_a_cell_fails_although_the_service_does(
    doctor, local_pool: LocalPool
) -> None:
    broken = {"argv": [*ARGV, "--DynamicSessionsKernel.runtime=fast"]}
    told = doctor(broken, **local_pool.environment)
    assert told.status == 1
    assert told["round trip"][0] == "ok"
    assert "DYNAMIC_SESSIONS_RUNTIME" in told["cell"][1]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["/nowhere/python", "-m", "dynamic_sessions_kernel"], "which is not there"),
        (["false", "-m", "dynamic_sessions_kernel"], "which cannot import the kernel"),
        ([sys.executable, "-m", "ipykernel_launcher"], "is another kernel"),
    ],
)
def test_a_kernelspec_that_starts_nothing_of_ours_says_why(doctor, argv, said) -> None:
    told = doctor({"argv": argv}, **{ENDPOINT: "no address"})
    assert told.status == 1
    assert told["kernelspec"][0] == "FAILED"
    assert said in told["kernelspec"][1]


def test_a_kernel_that_is_not_installed_says_how(examine, monkeypatch, capsys) -> None:
    monkeypatch.setenv("JUPYTER_PATH", examine()["JUPYTER_PATH"])
    monkeypatch.setenv(ENDPOINT, "no address")
    assert main(["--name", "missing"]) == 1
    told = capsys.readouterr().out
    assert "Jupyter knows no kernel 'missing' here. Install it again: python3 install.py" in told


def self_signed(pair: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate that no authority has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    pair.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair)
    return context
