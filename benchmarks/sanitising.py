"""Sanitising: what it costs to pass 1 MB of static HTML, beside the cell that makes it.

Cells in a session of an embedded pool show 1 MB of HTML each: what pandas and IPython write, what a
person writes in a loop, and a text that is there already, which is all cost and no work. They are
timed at a front end, from the request to *idle*, with outputs trusted and isolated, on loopback and
with 50 ms of latency. The gate alone is timed on the same HTML, in this process.

    python benchmarks/sanitising.py
"""

from __future__ import annotations

import time
from typing import Any

from bridge import ours, pool

from dynamic_sessions_kernel.messages import Message
from dynamic_sessions_kernel.outputs.filter import OutputFilter

ROUNDS = 7
FIRST = """
import html
import pandas as pd
from IPython.display import HTML, Code
pd.DataFrame([1]).style.background_gradient()
numbers = {name: range(6500) for name in "abcdef"}
source = open(pd.core.frame.__file__).read()[:330_000]
"""
CELLS = {
    "a data frame": "HTML(pd.DataFrame(numbers).to_html())",
    "with classes": "HTML(pd.DataFrame(numbers).to_html(classes='table', border=0))",
    "a styled one": """
pd.DataFrame({name: range(1400) for name in "abcdef"}).style.background_gradient()
""",
    "code": "Code(source, language='python')",
    "a report": """
HTML("".join(
    f'<h3>Order {number}</h3><p class="order">{html.escape(repr(divmod(number, 7)))} of '
    f'<b>{number * 1.19:.2f}</b> was paid on {pd.Timestamp(number, unit="h"):%d %B %Y}.</p>'
    for number in range(8500)
))
""",
    "a text": """HTML("<p style='color: red'>Some <b>bold</b> text.</p>\\n" * 21_000)""",
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


def in_mode(mode: str, environment: dict[str, str]) -> list[tuple[float, str]]:
    """Return the fastest of some runs of each cell on a kernel of its own."""
    kernel = ours({**environment, "DYNAMIC_SESSIONS_OUTPUTS": mode})
    try:
        cell_seconds(kernel.client, FIRST)
        return [
            min(cell_seconds(kernel.client, code) for _ in range(ROUNDS)) for code in CELLS.values()
        ]
    finally:
        kernel.close()


def gate_seconds(html: str) -> float:
    """Return the fastest of some passes of the gate."""
    content = {"data": {"text/html": html, "text/plain": "x"}, "metadata": {}}
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        OutputFilter().pass_message(Message("display_data", content, "request"))
        times.append(time.perf_counter() - begun)
    return min(times)


def main() -> None:
    """Measure and print."""
    for where, options in (("loopback", ()), ("50 ms of latency", ("--latency", "0.05"))):
        with pool(*options) as (_, environment):
            trusted = in_mode("trusted", environment)
            isolated = in_mode("isolated", environment)
        print(f"{where}:")
        for name, (free, html), (kept, _) in zip(CELLS, trusted, isolated, strict=True):
            gate = gate_seconds(html)
            print(
                f"  {name:12} {len(html) / 1e6:.2f} MB; cell {free * 1000:3.0f} ms trusted, "
                f"{kept * 1000:3.0f} ms isolated; the gate {gate * 1000:4.1f} ms, {gate / free:.1%}"
            )


if __name__ == "__main__":
    main()
