"""What a person waits for, as ratios taken in one run.

    python benchmarks/run.py [name of a row ...]

Each row is measured beside what it is compared with, in turn, so that a busy machine slows both.
It prints the ratio of medians and of p95s, and the raw figures behind them; see README.md for how
to read it.
"""

# ruff: noqa: ANN001, ANN201 - a script that is read from top to bottom

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bridge import Kernel, ours, pool
from delaying_proxy import certificate, far_away

from dynamic_sessions_kernel import SessionPool

ROUND_TRIP_SECONDS = 0.04
CELLS, ROUNDS = 50, 7


def percentile(values, share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def show(name: str, ours_took, theirs_took, of_what: str) -> None:
    """Print one row."""
    ratios = [percentile(ours_took, s) / percentile(theirs_took, s) for s in (0.5, 0.95)]
    print(f"{name:44} {ratios[0]:5.2f} (p95 {ratios[1]:5.2f}) of {of_what}")
    for whose, took in (("ours", ours_took), ("theirs", theirs_took)):
        low, middle, high = (percentile(took, share) * 1000 for share in (0.0, 0.5, 1.0))
        print(f"    {whose:6} {low:8.1f} {middle:8.1f} {high:8.1f} ms, n = {len(took)}", flush=True)


def run_all(kernel, count: int = CELLS) -> float:
    """Queue cells at once; return the seconds until the last one's reply."""
    client = kernel.client
    started = time.perf_counter()
    sent = [client.execute(f"x = {number}") for number in range(count)]
    replies = {}
    while sent[-1] not in replies:
        reply = client.shell_channel.get_msg(timeout=120)
        replies[reply["parent_header"]["msg_id"]] = reply["content"]["status"]
    took = time.perf_counter() - started
    assert [replies[identity] for identity in sent] == ["ok"] * count
    ended = None
    while ended != sent[-1]:
        message = client.iopub_channel.get_msg(timeout=60)
        if message["content"].get("execution_state") == "idle":
            ended = message["parent_header"]["msg_id"]
    return took


def bare(session, count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        session.execute("1 + 1")
    return time.perf_counter() - started


@contextmanager
def far_pool():
    """A pool 40 ms away behind TLS, and the environment of a kernel that uses it."""
    with pool() as (told, environment), tempfile.TemporaryDirectory() as folder:
        pem = certificate(Path(folder))
        os.environ["REQUESTS_CA_BUNDLE"] = str(pem)
        parts = urlsplit(told["endpoint"])
        try:
            with far_away(parts.port, pem, ROUND_TRIP_SECONDS) as port:
                endpoint = f"https://127.0.0.1:{port}{parts.path}"
                name = "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT"
                yield {**told, "endpoint": endpoint}, {**environment, name: endpoint}
        finally:
            del os.environ["REQUESTS_CA_BUNDLE"]


@contextmanager
def bare_session(told):
    with SessionPool(told["endpoint"], "none", token=told["token"]) as opened:
        session = opened.session(uuid.uuid4().hex)
        bare(session, 3)
        yield session
        session.delete()


def queued_far() -> None:
    with far_pool() as (told, environment), bare_session(told) as session:
        kernel = ours(environment)
        run_all(kernel)
        pairs = [(run_all(kernel), bare(session, CELLS)) for _ in range(ROUNDS)]
        show("50 queued cells, 40 ms", *zip(*pairs, strict=True), "50 bare executions")
        kernel.close()


def queued_near() -> None:
    stock = Kernel()
    with pool() as (_, environment):
        kernel = ours(environment)
        pairs = [(run_all(kernel), run_all(stock)) for _ in range(ROUNDS + 1)][1:]
        show("50 queued cells, loopback", *zip(*pairs, strict=True), "stock ipykernel's")
        kernel.close()
    stock.close()


def growth() -> None:
    """How the time of a queued cell grows with how many are queued."""
    with pool() as (_, environment):
        kernel = ours(environment)
        run_all(kernel)
        for count in (1, 10, 100, 500):
            took = min(run_all(kernel, count) for _ in range(3))
            print(f"{count:4} queued cells, loopback {took / count * 1000:8.2f} ms a cell")
        kernel.close()


def after_pause() -> None:
    chance = random.Random(5)
    with far_pool() as (told, environment), bare_session(told) as session:
        kernel = ours(environment)
        mine, theirs = [], []
        for _ in range(40):
            time.sleep(chance.uniform(0.2, 2.5))
            mine.append(kernel.run("1 + 1")[0])
            theirs.append(bare(session, 1))
        show("a cell after a pause, 40 ms", mine, theirs, "a bare execution")
        kernel.close()


def second_cell() -> None:
    mine, theirs = [], []
    for _ in range(3):
        stock = Kernel()
        theirs.append(stock.run("import pandas")[0])
        stock.close()
        with pool() as (_, environment):
            kernel = ours(environment)
            mine.append(kernel.run("import pandas")[0])
            kernel.close()
    show("the cell after the first, import pandas", mine, theirs, "stock ipykernel's")


def one_cell() -> None:
    with pool() as (told, environment), bare_session(told) as session:
        kernel = ours(environment)
        pairs = [(kernel.run("1 + 1")[0], bare(session, 1)) for _ in range(120)][20:]
        show("1 + 1, loopback", *zip(*pairs, strict=True), "a bare execution")
        kernel.close()


ROWS = {
    row.__name__: row
    for row in (queued_far, queued_near, growth, after_pause, second_cell, one_cell)
}


def main() -> None:
    for name in sys.argv[1:] or ROWS:
        ROWS[name]()


if __name__ == "__main__":
    main()
