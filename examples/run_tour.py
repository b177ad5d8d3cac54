"""Run the tour notebook through an installed kernel and show each output in the terminal.

It exists so that a person sees, without a browser, that the kernel they installed works: it finds
the kernel by name as any front end does, and talks to it over Jupyter's protocol.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zmq
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import KernelManager

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient

NOTEBOOK = Path(__file__).resolve().with_name("tour.ipynb")
ENDPOINT_VARIABLE = "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT"
#: A cell that is meant to fail carries nbclient's tag for that.
EXPECT_ERROR = "raises-exception"
START_SECONDS = 60
#: The first cell may start the embedded pool; no cell of the tour computes for long.
CELL_SECONDS = 180


class Screen:
    """Shows outputs as they come, and keeps count of what a verdict needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.figures: list[Path] = []

    def show(self, message: dict[str, Any]) -> None:
        """Print one IOPub message; everything that draws nothing is passed over."""
        content = message["content"]
        if message["msg_type"] == "stream":
            print(content["text"], end="", flush=True)
        elif message["msg_type"] in {"execute_result", "display_data"}:
            self.show_data(content["data"])
        elif message["msg_type"] == "error":
            print(plain("\n".join(content["traceback"])))

    def show_data(self, data: dict[str, Any]) -> None:
        """Save a figure, print anything else as text."""
        if "image/png" not in data:
            print(data.get("text/plain", ""))
            return
        image = base64.b64decode(data["image/png"])
        signature, width, height = struct.unpack(">8s8x2I", image[:24])
        if signature != b"\x89PNG\r\n\x1a\n":
            print("Something that says it is a PNG, and is none.")
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"figure-{len(self.figures) + 1}.png"
        path.write_bytes(image)
        self.figures.append(path)
        print(f"[PNG, {width} x {height} pixels, {len(image):,} bytes: {path}]")


def plain(text: str) -> str:
    """Return `text`, without colours where no terminal would show them."""
    return text if sys.stdout.isatty() else re.sub(r"\x1b\[[0-9;]*m", "", text)


def main() -> int:
    """Run every cell and return 0 when all did what the notebook says they do."""
    parser = argparse.ArgumentParser(description="Run the tour through an installed kernel.")
    parser.add_argument("name", nargs="?", default="dynamic-sessions", help="the kernel's name")
    parser.add_argument("--save", type=Path, default=Path("tour"), help="folder for figures")
    options = parser.parse_args()
    screen = Screen(options.save)
    try:
        failures = run(options.name, screen)
    except (RuntimeError, NoSuchKernel) as error:
        # What jupyter_client raises for a kernel that is missing or ends before it answers.
        failures = [f"The kernel did not start: {error}"]
    except KeyboardInterrupt:
        failures = ["Interrupted."]
    if not failures and not screen.figures:
        failures = ["No figure came back."]
    print()
    for failure in failures:
        print(failure)
    print(
        "The tour failed." if failures else "The tour passed: every cell did what it should.",
        flush=True,
    )
    return 1 if failures else 0


def run(name: str, screen: Screen) -> list[str]:
    """Start the kernel, run the notebook's cells; return what went wrong, one sentence each."""
    manager = KernelManager(kernel_name=name)
    if manager.has_trait("transport_encryption") and zmq.has("curve"):
        manager.transport_encryption = "auto"  # what goes over TCP here is nobody else's to read
    introduce(manager)
    manager.start_kernel(cwd=str(NOTEBOOK.parent))  # where %upload looks for relative names
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=START_SECONDS)
        return run_cells(client, screen)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


def run_cells(client: BlockingKernelClient, screen: Screen) -> list[str]:
    """Run the cells in order, up to the first that fails unforeseen."""
    failures: list[str] = []
    for number, cell in enumerate(json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"], 1):
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            print(f"\n{source}\n")
            continue
        print("\n".join(f"  | {line}" for line in source.splitlines()), flush=True)
        try:
            reply = client.execute_interactive(
                source, output_hook=screen.show, allow_stdin=False, timeout=CELL_SECONDS
            )
        except TimeoutError:
            return [*failures, f"Cell {number} did not end within {CELL_SECONDS} s."]
        failed = reply["content"]["status"] != "ok"
        expected = EXPECT_ERROR in cell["metadata"].get("tags", [])
        if failed and not expected:
            return [*failures, f"Cell {number} failed; the rest was not run."]
        if expected and not failed:
            failures.append(f"Cell {number} was meant to fail, and did not.")
    return failures


def introduce(manager: KernelManager) -> None:
    """Say which kernel runs the tour, and where its sessions are."""
    spec = manager.kernel_spec
    if spec is None:
        raise NoSuchKernel(manager.kernel_name)
    endpoint = spec.env.get(ENDPOINT_VARIABLE) or os.environ.get(ENDPOINT_VARIABLE)
    place = f"a session of {endpoint}" if endpoint else "a session of the embedded pool"
    print(f"The tour: {spec.display_name} ({spec.resource_dir}), {place}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
