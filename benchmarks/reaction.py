"""How soon a notebook over the bridge reacts, and how soon it should.

    python benchmarks/reaction.py

prints the median and the worst of several tries, in seconds, beside the target, on one embedded
pool: the first output of a cell that goes on running; the end of a cell after an interrupt, with
its variables kept; completion and inspection while a cell spins; a restart until the first result.
Where ipykernel has its share in it, its own median stands beside, measured in turn.
What a running cell is asked comes at a moment that differs from try to try, since an exchange
that is held in the session cannot be woken.
"""

# ruff: noqa: ANN001, ANN002, ANN201 - a script that is read from top to bottom

from __future__ import annotations

import statistics
import time

import zmq
from bridge import Kernel, ours, pool

TRIES = 7
#: Seconds in which the moment of a question moves on: longer than an exchange is ever held.
MOMENTS = 1.3


class Asking:
    """A cell that runs, and what comes while it does."""

    def __init__(self, kernel: Kernel, code: str) -> None:
        self._client = kernel.client
        self._iopub, self._shell = kernel.client.iopub_channel, kernel.client.shell_channel
        self.started = time.perf_counter()
        self.cell = self._client.execute(code)
        self.outputs = 0
        self.replies = {}
        self._idle = False

    def _take(self, limit: float) -> None:
        poller = zmq.Poller()
        for channel in (self._iopub, self._shell):
            poller.register(channel.socket, zmq.POLLIN)
        if not poller.poll(limit * 1000):
            raise TimeoutError(f"nothing came for {limit} s")
        while self._iopub.msg_ready():
            message = self._iopub.get_msg()
            if message["parent_header"].get("msg_id") == self.cell:
                self.outputs += message["msg_type"] == "stream"
                self._idle |= message["content"].get("execution_state") == "idle"
            if self._shell.msg_ready():
                break
        while self._shell.msg_ready():
            message = self._shell.get_msg()
            self.replies[message["parent_header"]["msg_id"]] = message["content"]

    def until(self, condition) -> float:
        """Wait for it; return the seconds since the cell was sent."""
        while not condition():
            self._take(60)
        return time.perf_counter() - self.started

    def first_output(self) -> float:
        return self.until(lambda: self.outputs)

    def run_for(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            try:
                self._take(max(0.0, end - time.perf_counter()))
            except TimeoutError:
                return

    def ask(self, name: str, *arguments) -> float:
        """Ask a question; return the seconds until its answer."""
        asked = time.perf_counter()
        identity = getattr(self._client, name)(*arguments)
        self.until(lambda: identity in self.replies)
        return time.perf_counter() - asked

    def interrupt(self) -> float:
        """Interrupt the cell; return the seconds until its reply and its idle status."""
        asked = time.perf_counter()
        self._client.control_channel.send(self._client.session.msg("interrupt_request", {}))
        self.end()
        self._client.control_channel.get_msg(timeout=10)
        return time.perf_counter() - asked

    def end(self) -> dict:
        self.until(lambda: self._idle and self.cell in self.replies)
        return self.replies[self.cell]


def first_output(kernel, _moment, ending):
    asking = Asking(kernel, f"import time; print('first'{ending}); time.sleep(1)")
    taken = asking.first_output()
    asking.end()
    return taken


def interrupt(kernel, moment, code):
    kernel.run("kept = 6 * 7")
    asking = Asking(kernel, f"print('begun')\n{code}")
    asking.first_output()
    asking.run_for(moment)
    taken = asking.interrupt()
    if Asking(kernel, "assert kept == 42").end()["status"] != "ok":
        print("  a variable was lost")
    return taken


def question(kernel, moment, name, *arguments):
    kernel.run("fruit_basket = 1")
    asking = Asking(kernel, "print('spinning')\nwhile True: pass")
    asking.first_output()
    asking.run_for(moment)
    taken = asking.ask(name, *arguments)
    asking.interrupt()
    return taken


def restart(kernel, _moment):
    started = time.perf_counter()
    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(60)
    kernel.run("1 + 1")
    return time.perf_counter() - started


MEASURED = [
    ("first output, flushed", 0.3, first_output, ", flush=True"),
    ("first output, as typed", 0.3, first_output, ""),
    ("interrupt of a loop", 1.5, interrupt, "while True: pass"),
    ("interrupt of a sleep", 1.5, interrupt, "import time; time.sleep(100)"),
    ("interrupt of an await", 1.5, interrupt, "import asyncio; await asyncio.sleep(100)"),
    ("interrupt of prints", 1.5, interrupt, "while True: print('flood' * 20)"),
    ("completion in a loop", 1.5, question, "complete", "fruit_", 6),
    ("inspection in a loop", 1.5, question, "inspect", "fruit_basket", 5),
    ("restart to first result", 2.0, restart),
]


#: What ipykernel is measured at, too: its buffer holds prints back for 0.2 s, and it has to start.
SHARED = {first_output, restart}


def main():
    stock = Kernel()
    with pool() as (_, environment):
        kernel = ours(environment)
        print(f"{'':25}  median   worst  target  ipykernel's")
        for name, target, measure, *arguments in MEASURED:
            times, stock_times = [], []
            for n in range(TRIES):
                moment = MOMENTS * (n + 1) / TRIES
                times.append(measure(kernel, moment, *arguments))
                if measure in SHARED:
                    stock_times.append(measure(stock, moment, *arguments))
            beside = f"{statistics.median(stock_times):13.2f}" if stock_times else ""
            median, worst = statistics.median(times), max(times)
            print(f"{name:25} {median:7.2f} {worst:7.2f} {target:7.1f}{beside}")
        kernel.close()
    stock.close()


if __name__ == "__main__":
    main()
