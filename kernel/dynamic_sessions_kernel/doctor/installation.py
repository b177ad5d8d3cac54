"""What is installed here: the Python with what the package needs, and the kernelspec."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from packaging.requirements import Requirement

from dynamic_sessions_kernel._version import __version__

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpec

    from .report import Report

PACKAGE = "dynamic_sessions_kernel"
_DISTRIBUTION = "dynamic-sessions-kernel"
#: Longer than a Python takes to start on a machine that is busy.
_START_SECONDS = 60.0
_AGAIN = "Install it again: python3 install.py"


def check_interpreter(report: Report) -> None:
    """See whether this Python has what the package needs, in the versions that it needs."""
    version = sys.version.split()[0]
    here = f"Python {version} ({sys.executable}), {_DISTRIBUTION} {__version__}"
    wrong = _unmet()
    if wrong:
        report.add("interpreter", "failed", f"{here} lacks {', '.join(wrong)}. {_AGAIN}")
    else:
        report.add("interpreter", "ok", here)


def _unmet() -> list[str]:
    """Return the requirements that this Python does not meet, with what it has instead."""
    wrong = []
    try:
        wanted = importlib.metadata.requires(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return ["the installed package: this is a folder of sources"]
    for requirement in map(Requirement, wanted):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(str(requirement))
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement} (it has {found})")
    return wrong


def find_kernelspec(report: Report, name: str) -> KernelSpec | None:
    """Find what Jupyter would start; None, with a finding, where it would start nothing of ours."""
    try:
        spec = KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        report.add("kernelspec", "failed", f"Jupyter knows no kernel {name!r} here. {_AGAIN}")
        return None
    except (OSError, ValueError) as error:
        report.add(
            "kernelspec",
            "failed",
            f"The kernelspec {name!r} cannot be read ({type(error).__name__}). {_AGAIN}",
        )
        return None
    if PACKAGE not in spec.argv:
        report.add(
            "kernelspec",
            "failed",
            f"{name!r} is another kernel ({spec.resource_dir}). Name this one with --name; "
            "`jupyter kernelspec list` shows all.",
        )
        return None
    fault = _does_not_start(spec.argv[0])
    if fault:
        report.add(
            "kernelspec", "failed", f"{spec.resource_dir} starts {spec.argv[0]}, {fault}. {_AGAIN}"
        )
        return None
    report.add("kernelspec", "ok", f"{spec.display_name!r} ({spec.resource_dir})")
    return spec


def _does_not_start(program: str) -> str:
    """Return why the kernelspec's Python cannot start the kernel; empty where it can."""
    if program in {"python", "python3", "python.exe"}:
        program = sys.executable  # as jupyter_client does, which puts its own in the place
    if shutil.which(program) is None:
        return "which is not there"
    try:
        ended = subprocess.run(  # noqa: S603 - what Jupyter itself would start
            [program, "-P", "-c", f"import {PACKAGE}.jupyter.app"],
            capture_output=True,
            timeout=_START_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"which does not start ({type(error).__name__})"
    return "which cannot import the kernel" if ended.returncode else ""
