"""A cell on the kernel, as any front end runs one."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import start_new_kernel

if TYPE_CHECKING:
    from dynamic_sessions_kernel.settings import Settings

    from .report import Report

_START_SECONDS, _CELL_SECONDS = 60, 120
_ASKING = ("device_code", "interactive")


def check_cell(report: Report, name: str | None, settings: Settings | None) -> None:
    """Start the kernel as Jupyter does, run a cell, and shut it down, which ends its session.

    Args:
        report: takes the finding.
        name: of the kernelspec; None where a step before has failed.
        settings: of the kernel; None where they cannot be read.
    """
    if name is None or settings is None:
        report.add("cell", "not tried", "since what it needs has failed")
        return
    if settings.endpoint and not settings.token and settings.credential in _ASKING:
        report.add("cell", "not tried", "since you would have to sign in once more")
        return
    started = time.monotonic()
    shown: list[str] = []
    try:
        value = _run(name, shown)
    except (RuntimeError, TimeoutError) as error:
        report.add(
            "cell",
            "failed",
            f"The kernel gave no answer in time ({type(error).__name__}). With "
            "DYNAMIC_SESSIONS_LOG=debug in its environment it says why, where Jupyter runs.",
        )
        return
    seconds = time.monotonic() - started
    if value != "42":
        said = " ".join(" ".join(shown).split())[:400] or "nothing"
        report.add("cell", "failed", f"It did not end as it should. It says: {said}")
        return
    report.add("cell", "ok", f"ran on the kernel, within {seconds:.1f} s from its start")


def _run(name: str, shown: list[str]) -> str | None:
    """Return a cell's value as text; `shown` gets what the cell shows else."""
    values: list[str] = []

    def take(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "execute_result":
            values.append(content["data"].get("text/plain", ""))
        elif message["msg_type"] == "error":
            shown.append(str(content.get("evalue", "")))
        elif message["msg_type"] in {"stream", "display_data"}:
            shown.append(content.get("text") or content.get("data", {}).get("text/plain", ""))

    manager, client = start_new_kernel(
        startup_timeout=_START_SECONDS, kernel_name=name, stderr=subprocess.DEVNULL
    )
    try:
        client.execute_interactive(
            "6 * 7", allow_stdin=False, timeout=_CELL_SECONDS, output_hook=take
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    return values[-1] if values else None
