"""Whether VS Code would list the kernel, by the rules of its Jupyter extension.

Source: microsoft/vscode-jupyter, src/kernels/raw/finder. A kernelspec for Python is listed where
its interpreter is found, which for one outside that interpreter's environment takes a path;
default names are hidden; of several with one display name and one interpreter, one is kept.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_client.kernelspec import KernelSpecManager

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpec

    from .report import Report

_DEFAULT_NAME = re.compile(r"python\s?\d*\.?\d*", re.IGNORECASE)
_DEFAULT_DISPLAY_NAMES = {"python 3", "python 3 (ipykernel)"}


def check_vscode(report: Report, spec: KernelSpec) -> None:
    """Say whether VS Code would list this kernelspec; it stops no other front end."""
    reason = hidden_by(spec)
    if reason:
        report.add("VS Code", "note", f"It may not list this kernel: {reason}")
    else:
        report.add("VS Code", "ok", "lists it, if its Python and Jupyter extensions are there")


def hidden_by(spec: KernelSpec) -> str:
    """Return why VS Code would not list a kernelspec, and what to do; empty where it would."""
    program, folder = spec.argv[0], Path(spec.resource_dir)
    inside = folder.is_relative_to(Path(sys.prefix) / "share" / "jupyter")
    if not inside and Path(program).name == program:
        return (
            f"{folder / 'kernel.json'} starts {program!r} without saying where that is. Write the "
            f"whole path there: {sys.executable}"
        )
    if not spec.env and (
        _DEFAULT_NAME.fullmatch(spec.name) or spec.display_name.lower() in _DEFAULT_DISPLAY_NAMES
    ):
        return (
            "it hides kernels with Python's own names. Install it under another: python3 "
            "install.py --name NAME --display-name NAME"
        )
    twins = [name for name, other in _others(spec) if _alike(spec, other)]
    if twins:
        return (
            f"{', '.join(twins)} has the same display name and interpreter, and it keeps one. "
            "Give one of them another name: python3 install.py --name NAME --display-name NAME"
        )
    return ""


def _others(spec: KernelSpec) -> list[tuple[str, KernelSpec]]:
    manager = KernelSpecManager()
    found = []
    for name in manager.find_kernel_specs():
        try:
            other = manager.get_kernel_spec(name)
        except (KeyError, OSError, ValueError):  # half a kernelspec is no twin
            continue
        if Path(other.resource_dir) != Path(spec.resource_dir):
            found.append((name, other))
    return found


def _alike(spec: KernelSpec, other: KernelSpec) -> bool:
    return bool(other.argv) and (other.display_name, other.argv[0]) == (
        spec.display_name,
        spec.argv[0],
    )
