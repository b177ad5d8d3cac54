"""The private names of ipykernel that the kernel rests on are in the one that is installed."""

from __future__ import annotations

import re
from pathlib import Path

import ipykernel.kernelbase
import pytest
from ipykernel.kernelapp import IPKernelApp

import dynamic_sessions_kernel
from dynamic_sessions_kernel.jupyter import ipykernel_seams

PACKAGE = Path(dynamic_sessions_kernel.__file__).parent


@pytest.mark.parametrize("name", ipykernel_seams.KERNEL_NAMES)
def test_the_kernel_of_ipykernel_has_the_name(name: str) -> None:
    assert hasattr(ipykernel.kernelbase.Kernel(), name)


@pytest.mark.parametrize("name", ipykernel_seams.APP_NAMES)
def test_the_app_of_ipykernel_has_the_name(name: str) -> None:
    assert hasattr(IPKernelApp, name)


def test_no_other_module_uses_one_of_them() -> None:
    names = [*ipykernel_seams.KERNEL_NAMES, *ipykernel_seams.APP_NAMES, "ipykernel._version"]
    private = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")
    seams = PACKAGE / "jupyter" / "ipykernel_seams.py"
    users = [
        file.name
        for file in (PACKAGE / "jupyter").rglob("*.py")
        if file != seams and private.search(file.read_text())
    ]
    assert users == []
