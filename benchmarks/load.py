"""Load: many notebooks over many kernels on one embedded pool with its faults turned up.

Every cell appends a numbered line to a file in its session and prints the same line, so a cell
that was lost, or that ran twice, shows in the file and in the outputs. Printed at the end: cells
per second; memory, threads and open files of the kernel processes and of the pool, early and late;
and what was left behind.

    python benchmarks/load.py                      # 100 notebooks over 30 kernels
    python benchmarks/load.py --soak 1800          # go on for half an hour
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from jupyter_client.manager import AsyncKernelManager

CELLS_PER_NOTEBOOK = 12
CELL_SECONDS = 300
LONG_OUTPUT = 20_000  # characters: past the service's cap, so the cap would show


@dataclass(frozen=True)
class Use:
    """What a process holds."""

    memory: float  # MB, resident
    threads: int
    files: int

    @classmethod
    def of(cls, process: psutil.Process) -> Use:
        return cls(process.memory_info().rss / 1e6, process.num_threads(), process.num_fds())

    @classmethod
    def highest(cls, uses: list[Use]) -> Use:
        return cls(*(max(getattr(use, name) for use in uses) for name in cls.__annotations__))

    def __str__(self) -> str:
        return f"{self.memory:.0f} MB, {self.threads} threads, {self.files} files"


@dataclass
class Tally:
    """What one kernel's notebooks came to."""

    cells: int = 0
    faults: list[str] = field(default_factory=list)
    use: list[Use] = field(default_factory=list)  # one after each notebook


class Notebook:
    """Runs cells one after the other on one kernel and collects what each printed."""

    def __init__(self, manager: AsyncKernelManager) -> None:
        self._client = manager.client()

    async def open(self) -> None:
        self._client.start_channels()
        await self._client.wait_for_ready(timeout=CELL_SECONDS)

    async def run(self, code: str) -> tuple[str, str]:
        """Run a cell; return `ok` or its error, and all it wrote to stdout."""
        written: list[str] = []

        def collect(message: dict) -> None:
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                written.append(message["content"]["text"])

        reply = await self._client.execute_interactive(
            code, timeout=CELL_SECONDS, output_hook=collect, store_history=True, allow_stdin=False
        )
        content = reply["content"]
        outcome = content["status"]
        if outcome == "error":
            outcome = f"{content['ename']}: {content['evalue']}"
        return outcome, "".join(written)

    def close(self) -> None:
        self._client.stop_channels()


def start_pool(options: argparse.Namespace) -> tuple[subprocess.Popen[str], dict]:
    """Start an embedded pool with faults and wait for its line."""
    command = [sys.executable, "-m", "dynamic_sessions_kernel.localpool"]
    command += ["--max-sessions", str(options.kernels + 5), "--seed", str(options.seed)]
    command += ["--lose-tail", "0.05", "--error-rate", "0.02", "--drop-rate", "0.02"]
    pool = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = pool.stdout.readline() if pool.stdout else ""
    return pool, json.loads(line)


def write_kernelspec(folder: Path, address: dict) -> None:
    """Write a kernelspec that uses the pool just started."""
    spec = folder / "kernels" / "load"
    spec.mkdir(parents=True)
    content = {
        "argv": [sys.executable, "-m", "dynamic_sessions_kernel", "-f", "{connection_file}"],
        "display_name": "load",
        "language": "python",
        "interrupt_mode": "message",
        "env": {
            "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT": address["endpoint"],
            "DYNAMIC_SESSIONS_TOKEN": address["token"],
        },
    }
    (spec / "kernel.json").write_text(json.dumps(content))


async def check_notebook(notebook: Notebook, number: int, tally: Tally) -> None:
    """One notebook's cells; every departure from exactly once is a fault of the tally."""
    name = f"lines-{number}.txt"
    for cell in range(CELLS_PER_NOTEBOOK):
        line = f"{number}:{cell}"
        long = cell % 4 == 3
        code = f"with open({name!r}, 'a') as f: print({line!r}, file=f)\nprint({line!r})"
        expected = line + "\n"
        if long:
            code += f"\nprint('x' * {LONG_OUTPUT})"
            expected += "x" * LONG_OUTPUT + "\n"
        status, text = await notebook.run(code)
        tally.cells += 1
        if status != "ok" or text != expected:
            tally.faults.append(f"cell {line}: {status}, {len(text)} of {len(expected)} characters")
    _, text = await notebook.run(f"print(open({name!r}).read(), end='')")
    wanted = "".join(f"{number}:{cell}\n" for cell in range(CELLS_PER_NOTEBOOK))
    if text != wanted:
        tally.faults.append(f"notebook {number}: the file holds {len(text.splitlines())} lines")


async def start_kernel() -> tuple[AsyncKernelManager, Notebook]:
    """Start a kernel, on other ports where another process took one before it was bound.

    Jupyter's restarter does the same. The ports are chosen here, and this very test opens many.
    """
    while True:
        manager = AsyncKernelManager(kernel_name="load")
        await manager.start_kernel(stdout=subprocess.DEVNULL)
        notebook = Notebook(manager)
        try:
            await notebook.open()
        except RuntimeError:
            alive = await manager.is_alive()
            notebook.close()
            await manager.shutdown_kernel(now=True)
            if alive:
                raise
        else:
            return manager, notebook


async def work(numbers: asyncio.Queue[int], until: float) -> Tally:
    """One kernel that takes notebooks until none is left, or until the soak is over."""
    manager, notebook = await start_kernel()
    process = psutil.Process(manager.provisioner.pid)
    tally = Tally()
    try:
        while not numbers.empty() or time.monotonic() < until:
            number = numbers.get_nowait() if not numbers.empty() else tally.cells + 1_000_000
            await check_notebook(notebook, number, tally)
            tally.use.append(Use.of(process))
    finally:
        notebook.close()
        await manager.shutdown_kernel()
    return tally


def left_behind(pool: psutil.Process, folders: list[Path]) -> list[str]:
    """Stop the pool; name processes and files that did not go with it."""
    family = pool.children(recursive=True)
    pool.terminate()
    _, alive = psutil.wait_procs([pool, *family], timeout=20)
    files = [str(file) for folder in folders for file in folder.iterdir()]
    return [f"process {process.pid} {process.name()}" for process in alive] + files


async def run(options: argparse.Namespace) -> list[Tally]:
    numbers: asyncio.Queue[int] = asyncio.Queue()
    for number in range(options.notebooks):
        numbers.put_nowait(number)
    until = time.monotonic() + options.soak
    return await asyncio.gather(*(work(numbers, until) for _ in range(options.kernels)))


def report(tallies: list[Tally], seconds: float, pool: list[Use], left: list[str]) -> int:
    cells = sum(tally.cells for tally in tallies)
    faults = [fault for tally in tallies for fault in tally.faults]
    print(f"{cells} cells over {len(tallies)} kernels in {seconds:.0f} s: {cells / seconds:.1f}/s")
    print(f"lost or doubled: {len(faults)}", *faults[:20], sep="\n  ")
    print("the most that any kernel held after its")
    for name, share in (("first notebook", 0), ("middle one", 0.5), ("last", 1)):
        uses = [t.use[round((len(t.use) - 1) * share)] for t in tallies if t.use]
        print(f"  {name}: {Use.highest(uses)}")
    print(f"the pool, before and after: {pool[0]}; {pool[1]}")
    print(f"left behind: {left or 'nothing'}")
    return 1 if faults or left else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", type=int, default=30)
    parser.add_argument("--notebooks", type=int, default=100)
    parser.add_argument("--soak", type=float, default=0, help="seconds to go on for")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        # Folders of our own, so that what is left in them is nobody else's.
        own = {name: Path(folder, name) for name in ("TMPDIR", "JUPYTER_RUNTIME_DIR")}
        for name, path in own.items():
            path.mkdir()
            os.environ[name] = str(path)
        os.environ["JUPYTER_PATH"] = folder
        os.chdir(folder)
        pool, address = start_pool(options)
        write_kernelspec(Path(folder), address)
        process = psutil.Process(pool.pid)
        began = time.monotonic()
        uses = [Use.of(process)]
        try:
            tallies = asyncio.run(run(options))
            seconds = time.monotonic() - began
            uses.append(Use.of(process))
        finally:
            left = left_behind(process, list(own.values()))
            pool.wait()
    return report(tallies, seconds, uses, left)


if __name__ == "__main__":
    sys.exit(main())
