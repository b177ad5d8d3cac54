"""Sanitising: what it costs to pass 1 MB of static HTML, beside the cell that makes it.

Cells in a session of an embedded pool show 1 MB of HTML each: what pandas and IPython write, what a
person writes in a loop, and a text that is there already, which is all cost and no work. They are
timed at a front end, from the request to *idle*, with outputs trusted and isolated, on loopback and
with 50 ms of latency. The filter alone is timed on the same HTML, in this process.

Then outputs that are small and odd: the memory that the filter takes for each MB of them, which is
to be at most 10 MB, and the longest time for which no other thread of the process runs, which is
to be below 0.1 s.

    python benchmarks/sanitising.py [--odd]
"""

from __future__ import annotations

import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge import ours, pool

from dynamic_sessions_kernel.messages import Message
from dynamic_sessions_kernel.outputs.filter import OutputFilter

if TYPE_CHECKING:
    from collections.abc import Callable

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


def filter_seconds(html: str) -> float:
    """Return the fastest of some passes of the filter."""
    content = {"data": {"text/html": html, "text/plain": "x"}, "metadata": {}}
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        OutputFilter().pass_message(Message("display_data", content, "request"))
        times.append(time.perf_counter() - begun)
    return min(times)


#: Outputs of 4 MB each, by what could cost more than its length.
ODD: dict[str, tuple[str, Any]] = {
    "a long TeX command": ("text/latex", "\\" + "a" * 4_000_000),
    "the same in HTML": ("text/html", "<p>$\\" + "a" * 4_000_000 + "$</p>"),
    "a fence of spaces": ("text/markdown", "```" + " " * 4_000_000),
    "a link's long text": ("text/markdown", "[" + "a" * 4_000_000),
    "escapes in a label": ("text/markdown", "[" + "\\a" * 2_000_000 + "]"),
    "a long sequence": ("text/plain", "\x1b[" + "1;" * 2_000_000),
    "short paragraphs": ("text/html", "<p>x</p>" * 500_000),
    "open elements": ("text/html", "<b x=y>" * 570_000),
    "a drawing of groups": ("image/svg+xml", f"<svg>{'<g/>' * 1_000_000}</svg>"),
    "small containers": ("application/json", [[] for _ in range(1_300_000)]),
    "small GeoJSON": ("application/geo+json", {"a": [{} for _ in range(1_300_000)]}),
    "small values of Vega": (
        "application/vnd.vegalite.v5+json",
        {"data": {"values": [{} for _ in range(1_300_000)]}},
    ),
}


def peak_mb() -> float:
    """Return the most memory that this process had since it was last reset, and reset it."""
    status = Path("/proc/self/status").read_text("ascii")
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def longest_pause_seconds(action: Callable[[], object]) -> float:
    """Return the longest time for which another thread did not run during an action."""
    ended, pauses = threading.Event(), [0.0]

    def tick() -> None:
        before = time.perf_counter()
        while not ended.wait(0.001):
            now = time.perf_counter()
            pauses.append(now - before)
            before = now

    ticking = threading.Thread(target=tick)
    ticking.start()
    action()
    ended.set()
    ticking.join()
    return max(pauses)


def odd_outputs() -> None:
    """Measure what odd outputs cost, and print it."""
    for name, (mime, value) in ODD.items():
        content = {"data": {mime: value}, "metadata": {}}
        message = Message("display_data", content, "request")
        peak_mb()
        before = peak_mb()
        pause = longest_pause_seconds(partial(OutputFilter().pass_message, message))
        memory = (peak_mb() - before) / 4
        print(f"  {name:22} {memory:5.1f} MB a MB, others wait {pause * 1000:4.0f} ms")


def main() -> None:
    """Measure and print."""
    odd_outputs()
    if "--odd" in sys.argv:
        return
    for where, options in (("loopback", ()), ("50 ms of latency", ("--latency", "0.05"))):
        with pool(*options) as (_, environment):
            trusted = in_mode("trusted", environment)
            isolated = in_mode("isolated", environment)
        print(f"{where}:")
        for name, (free, html), (kept, _) in zip(CELLS, trusted, isolated, strict=True):
            alone = filter_seconds(html)
            print(
                f"  {name:12} {len(html) / 1e6:.2f} MB; cell {free * 1000:3.0f} ms trusted, "
                f"{kept * 1000:3.0f} ms isolated; filter {alone * 1000:4.1f} ms, {alone / free:.1%}"
            )


if __name__ == "__main__":
    main()
