"""What VS Code lists, and what a token says of itself."""

from __future__ import annotations

import base64
import json
import sys
from typing import TYPE_CHECKING

import pytest
from jupyter_client.kernelspec import KernelSpec

from dynamic_sessions_kernel.doctor.token import token_fault
from dynamic_sessions_kernel.doctor.vscode import hidden_by

if TYPE_CHECKING:
    from pathlib import Path

MODULE = ["-m", "dynamic_sessions_kernel"]


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    return tmp_path / "kernels"


def spec(kernels: Path, name: str = "mine", **more) -> KernelSpec:
    values = {"argv": [sys.executable, *MODULE], "display_name": "Mine", **more}
    folder = kernels / name
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({"language": "python", **values}))
    return KernelSpec(name=name, resource_dir=str(folder), **values)


def test_a_kernelspec_with_a_whole_path_and_a_name_of_its_own_is_listed(kernels) -> None:
    assert hidden_by(spec(kernels)) == ""


def test_one_that_leaves_the_interpreter_to_whoever_starts_it_is_not(kernels) -> None:
    assert sys.executable in hidden_by(spec(kernels, argv=["python", *MODULE]))


def test_one_inside_its_own_environment_may_leave_it(kernels, monkeypatch) -> None:
    inside = kernels.parent / "share" / "jupyter" / "kernels"
    monkeypatch.setattr(sys, "prefix", str(kernels.parent))
    assert hidden_by(spec(inside, argv=["python", *MODULE])) == ""


@pytest.mark.parametrize(
    ("name", "display_name"), [("python3", "Mine"), ("mine", "Python 3 (ipykernel)")]
)
def test_one_with_a_default_name_is_hidden(kernels, name, display_name) -> None:
    assert "Python's own names" in hidden_by(spec(kernels, name, display_name=display_name))


def test_of_two_with_one_display_name_and_interpreter_one_is_kept(kernels) -> None:
    spec(kernels, "twin")
    assert hidden_by(spec(kernels)).startswith("twin has the same display name")


NOW = 1_800_000_000


def jwt(**claims) -> str:
    parts = ({"alg": "none"}, claims)
    packed = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)
    return ".".join([*(part.rstrip("=") for part in packed), "c2ln"])


def test_an_expired_token_is_known_before_it_is_sent() -> None:
    fault = token_fault(jwt(exp=NOW - 7200, aud="https://dynamicsessions.io"), NOW)
    assert "expired 2.0 hours ago" in fault
    assert "az account get-access-token --resource https://dynamicsessions.io" in fault


def test_a_token_for_another_audience_is_known_before_it_is_sent() -> None:
    fault = token_fault(jwt(exp=NOW + 60, aud="https://management.azure.com/"), NOW)
    assert "is for https://management.azure.com/" in fault


@pytest.mark.parametrize(
    "token",
    [
        jwt(exp=NOW + 60, aud="https://dynamicsessions.io"),
        jwt(exp=NOW + 60, aud="https://dynamicsessions.io/"),
        jwt(exp=NOW + 60, aud="00000000-1111-2222-3333-444444444444"),
        jwt(exp="soon", aud=["https://dynamicsessions.io"]),
        "an-embedded-pools-own",
        "not.json.here",
        "a.b",
        jwt(),
    ],
)
def test_of_any_other_token_nothing_is_said(token: str) -> None:
    assert token_fault(token, NOW) == ""
