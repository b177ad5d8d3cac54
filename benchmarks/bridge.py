"""How fast the bridge is, as ratios to what it is made of.

    python benchmarks/bridge.py

prints: `1 + 1` through the kernel against one bare execution of it over the same kind of
connection, on loopback and with 50 ms of latency; 10 MB of prints, and the time from starting a
kernel to its first result, against ipykernel; then the CPU that an idle notebook takes and the
memory of each process.
"""

# ruff: noqa: ANN001, ANN002, ANN201, ANN204 - a script that is read from top to bottom

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from dynamic_sessions_kernel import SessionPool

ROUNDS, CELLS = 12, 10
IDLE_SECONDS = 20
TICKS = os.sysconf("SC_CLK_TCK")


class Kernel:
    """A kernel with a client that does no more than it must."""

    def __init__(self, argv=None, environment=None):
        self.manager = KernelManager(kernel_name="python3")
        if argv:
            self.manager._kernel_spec = KernelSpec(  # noqa: SLF001 - no spec is installed for this
                argv=argv, display_name="", language="python", interrupt_mode="message"
            )
        started = time.perf_counter()
        self.manager.start_kernel(env={**os.environ, **(environment or {})}, stderr=None)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(60)
        self.run("1 + 1")
        self.to_first_result = time.perf_counter() - started
        self.pid = self.manager.provisioner.pid

    def run(self, code: str) -> tuple[float, int]:
        """Run a cell; return the seconds until its reply and idle status, and its output's size."""
        client, size = self.client, 0
        started = time.perf_counter()
        client.execute(code)
        while True:
            message = client.iopub_channel.get_msg(timeout=60)
            content = message["content"]
            size += len(content.get("text", ""))
            if content.get("execution_state") == "idle":
                break
        client.shell_channel.get_msg(timeout=60)
        return time.perf_counter() - started, size

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel()


@contextmanager
def pool(*options):
    command = [sys.executable, "-m", "dynamic_sessions_kernel.localpool", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        told = json.loads(process.stdout.readline())
        time.sleep(2)  # until its spare session is ready, as a pool's is
        environment = {
            "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT": told["endpoint"],
            "DYNAMIC_SESSIONS_TOKEN": told["token"],
            "DYNAMIC_SESSIONS_RUNTIME": "bridge",
        }
        try:
            yield told, environment
        finally:
            process.terminate()


def ours(environment):
    argv = [sys.executable, "-m", "dynamic_sessions_kernel", "-f", "{connection_file}"]
    return Kernel(argv, environment)


def one_and_one(told, kernel):
    """Time both in turn, so that a busy machine slows both."""
    with SessionPool(told["endpoint"], "none", token=told["token"]) as opened:
        session = opened.session(uuid.uuid4().hex)
        bare, through = [], []
        for turn in range(ROUNDS):
            for _ in range(CELLS):
                started = time.perf_counter()
                session.execute("1 + 1")
                bare.append(time.perf_counter() - started)
            times = [kernel.run("1 + 1")[0] for _ in range(CELLS)]
            through += times if turn else []
        session.delete()
    return statistics.median(bare[CELLS:]), statistics.median(through)


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 >> 20


def processes(parent: int):
    """Name the processes below one that belong to the bridge."""
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        line = Path(f"/proc/{child}/cmdline").read_bytes()
        if b"dsk.relay" in line:
            yield "relay", int(child)
        elif b"dsk.kernel_main" in line:
            yield "ipykernel in the session", int(child)
        yield from processes(int(child))


def main():
    stock = Kernel()
    printing = "for n in range(100_000): print('x' * 99)"
    with pool() as (told, environment):
        kernel = ours(environment)
        print(
            f"start to first result  {kernel.to_first_result:6.2f} s, "
            f"{kernel.to_first_result - stock.to_first_result:+.2f} s of ipykernel's"
        )
        bare, through = one_and_one(told, kernel)
        print(
            f"1 + 1, loopback        {through * 1000:6.1f} ms, {through / bare:.2f} of a bare "
            f"execution's {bare * 1000:.1f} ms"
        )
        local, sent = (min(k.run(printing)[0] for _ in range(3)) for k in (stock, kernel))
        print(
            f"10 MB of prints        {sent:6.2f} s, {sent / local:.2f} of ipykernel's {local:.2f} s"
        )
        shown = {"kernel": kernel.pid, **dict(processes(os.getpid()))}
        before = {name: cpu(pid) for name, pid in shown.items()}
        time.sleep(IDLE_SECONDS)
        for name, pid in shown.items():
            share = (cpu(pid) - before[name]) / IDLE_SECONDS
            print(f"idle, {name:24}  {share:6.2%} of a core, {memory(pid)} MB")
        kernel.close()
    with pool("--latency", "0.05") as (told, environment):
        kernel = ours(environment)
        bare, through = one_and_one(told, kernel)
        print(
            f"1 + 1, 50 ms latency   {through * 1000:6.1f} ms, {through / bare:.2f} of a bare "
            f"execution's {bare * 1000:.1f} ms"
        )
        kernel.close()
    stock.close()


if __name__ == "__main__":
    main()
