"""Sanitising: what it costs to pass 1 MB of static HTML, beside the cell that makes it.

Cells in a session of an embedded pool show 1 MB of HTML each: a data frame, which is recognised
at a glance; a styled one and bare paragraphs, which are parsed and written anew. They are timed at
a front end, from the request to *idle*, with outputs trusted and isolated. The gate alone is timed
on the same HTML, in this process.

    python benchmarks/sanitising.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from dynamic_sessions_kernel.outputs.gate import Gate
from dynamic_sessions_kernel.runtimes.base import Message

KERNELSPEC = Path(__file__).resolve().parents[1] / "kernelspec"
ROUNDS = 7
FIRST = """
import pandas as pd
from IPython.display import HTML
pd.DataFrame([1]).style.background_gradient()
"""
CELLS = {
    "a data frame": """HTML(pd.DataFrame({name: range(6500) for name in "abcdef"}).to_html())""",
    "a styled one": """
pd.DataFrame({name: range(1400) for name in "abcdef"}).style.background_gradient()
""",
    "paragraphs": """HTML("<p style='color: red'>Some <b>bold</b> text.</p>\\n" * 21_000)""",
}


def cell_seconds(client: Any, code: str) -> tuple[float, str]:
    """Return the time of a cell, and the HTML that it showed."""
    html: list[str] = []

    def take(message: dict[str, Any]) -> None:
        data = message["content"].get("data", {})
        html.append(data.get("text/html", ""))

    begun = time.perf_counter()
    client.execute_interactive(code, timeout=120, output_hook=take)
    return time.perf_counter() - begun, "".join(html)


def in_mode(mode: str, environment: dict[str, str], folder: str) -> list[tuple[float, str]]:
    """Return the fastest of some runs of each cell on a kernel of its own."""
    manager = KernelManager(
        kernel_name="dynamic-sessions",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[folder]),
    )
    manager.start_kernel(env={**os.environ, **environment, "DYNAMIC_SESSIONS_OUTPUTS": mode})
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        cell_seconds(client, FIRST)
        return [min(cell_seconds(client, code) for _ in range(ROUNDS)) for code in CELLS.values()]
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


def gate_seconds(html: str) -> float:
    """Return the fastest of some passes of the gate."""
    content = {"data": {"text/html": html, "text/plain": "x"}, "metadata": {}}
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        Gate().pass_message(Message("display_data", content, "request"))
        times.append(time.perf_counter() - begun)
    return min(times)


def main() -> None:
    """Measure and print."""
    pool = subprocess.Popen(
        [sys.executable, "-m", "dynamic_sessions_kernel.localpool"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert pool.stdout is not None
    told = json.loads(pool.stdout.readline())
    environment = {
        "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT": told["endpoint"],
        "DYNAMIC_SESSIONS_TOKEN": told["token"],
    }
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "dynamic-sessions").symlink_to(KERNELSPEC)
            trusted = in_mode("trusted", environment, folder)
            isolated = in_mode("isolated", environment, folder)
    finally:
        pool.terminate()
        pool.wait(30)
    for name, (free, html), (kept, _) in zip(CELLS, trusted, isolated, strict=True):
        gate = gate_seconds(html)
        print(
            f"{name:13} {len(html) / 1e6:.2f} MB; cell {free * 1000:3.0f} ms trusted, "
            f"{kept * 1000:3.0f} ms isolated; the gate {gate * 1000:3.0f} ms, {gate / free:.1%}"
        )


if __name__ == "__main__":
    main()
