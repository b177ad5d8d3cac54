"""The doctor's command line, and the order of its steps."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import TYPE_CHECKING

from .cell import check_cell
from .installation import check_interpreter, find_kernelspec
from .report import Report
from .service import check_service
from .settings import settings_of
from .vscode import check_vscode

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The kernelspec's name unless it was installed under another.
DEFAULT_NAME = "dynamic-sessions"
_INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Try all steps.

    Args:
        arguments: of the command line, behind `doctor`.

    Returns:
        The exit status: 0 where a cell ran, 1 where a step failed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m dynamic_sessions_kernel doctor",
        description="Find out what keeps the kernel from running a cell, and what to do. It starts "
        "a session and ends it; the report has no secret.",
    )
    parser.add_argument(
        "--name", default=DEFAULT_NAME, help="the kernel's name for Jupyter; default: %(default)s"
    )
    parser.add_argument(
        "--details", action="store_true", help="show the libraries' own words, on stderr"
    )
    given = parser.parse_args(arguments)
    name: str = given.name
    # Where a step fails, its sentence stands in the report; Azure's own words fill the screen.
    logging.basicConfig(
        level=logging.WARNING if given.details else logging.CRITICAL + 1, format="%(message)s"
    )
    try:
        return _examine(name)
    except KeyboardInterrupt:
        print("\nInterrupted; what stands above holds.", file=sys.stderr)  # noqa: T201 - a terminal's
        return _INTERRUPTED


def _examine(name: str) -> int:
    report = Report(lambda line: print(line, flush=True))  # noqa: T201 - what the person asked for
    check_interpreter(report)
    spec = find_kernelspec(report, name)
    if spec is not None:
        check_vscode(report, spec)
        # As Jupyter will: what the kernelspec sets goes before what the terminal has.
        os.environ.update(spec.env)
    settings = settings_of(report)
    reached = settings is not None and check_service(report, settings)
    check_cell(report, name if spec is not None and reached else None, settings)
    return report.end()
