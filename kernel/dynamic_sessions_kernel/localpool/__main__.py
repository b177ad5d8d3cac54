"""Serves the embedded pool until it is stopped: `python -m dynamic_sessions_kernel.localpool`.

When it is ready it prints one line of JSON with `endpoint` and `token`. The token is random, or
taken from DYNAMIC_SESSIONS_LOCALPOOL_TOKEN; it is never an argument, which every user could read.
"""

from __future__ import annotations

import sys

if sys.path and sys.path[0] and not sys.flags.safe_path:
    # `-m` puts the folder it is started in first, where a file of any name shadows what we import.
    del sys.path[0]

import argparse
import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING, TypeVar

from dynamic_sessions_kernel.errors import LocalPoolError

from .faults import FaultRates
from .pool import FULL_STATUSES, LocalPool, PoolOptions
from .profiles import PROFILES
from .sandbox.choose import CHOICES
from .sandbox.limits import VARIABLES, Limits, parse_amount

if TYPE_CHECKING:
    from collections.abc import Callable

_Number = TypeVar("_Number", int, float)

TOKEN_VARIABLE = "DYNAMIC_SESSIONS_LOCALPOOL_TOKEN"  # noqa: S105 - its name only


def parse_options(arguments: list[str]) -> PoolOptions:
    """Read the command line and the token's variable."""
    default = PoolOptions()
    parser = argparse.ArgumentParser(
        prog="python -m dynamic_sessions_kernel.localpool",
        description="Serve the API of Azure Container Apps dynamic sessions on this machine, for "
        f"work and tests without Azure. The token is random, or taken from {TOKEN_VARIABLE}.",
    )
    add = parser.add_argument
    add("--port", type=_port, default=default.port, help="0, the default: any that is free")
    add("--max-sessions", type=_count, default=default.most, help="default: %(default)s")
    add("--cooldown", type=_seconds, default=default.cooldown, metavar="S",
        help="seconds without a call after which a session ends; default: %(default)s")  # fmt: skip
    add("--sandbox", default=default.sandbox, choices=CHOICES)
    add("--python", default=default.python, metavar="PATH",
        help="the Python of sessions, which needs ipykernel; default: the pool's own")  # fmt: skip
    add("--time-limit", type=_seconds, default=default.time_limit, metavar="S",
        help="seconds that an execution may take; default: %(default)s")  # fmt: skip
    _add_limits(parser, default.limits)
    add("--profile", default=default.profile, choices=tuple(PROFILES),
        help="the kind of pool whose answers are given; default: %(default)s")  # fmt: skip
    add("--full-status", type=int, default=default.full_status, choices=FULL_STATUSES,
        help="how a full pool answers; default: %(default)s")  # fmt: skip
    add("--lose-tail", type=_probability, default=0, metavar="P",
        help="probability that a run loses the last line of its stdout")  # fmt: skip
    add("--error-rate", type=_probability, default=0, metavar="P",
        help="probability of a 503 instead of an answer")  # fmt: skip
    add("--drop-rate", type=_probability, default=0, metavar="P",
        help="probability that an execution's connection closes unanswered")  # fmt: skip
    add("--cancel-rate", type=_probability, default=0, metavar="P",
        help="probability that an execution is cancelled before it runs")  # fmt: skip
    add("--latency", type=_wait, default=0, metavar="S",
        help="seconds by which each answer is late")  # fmt: skip
    add("--seed", type=int, metavar="N", help="makes the faults above repeatable")
    given = parser.parse_args(arguments)
    faults = FaultRates(
        lose_tail=given.lose_tail,
        error_rate=given.error_rate,
        drop_rate=given.drop_rate,
        cancel_rate=given.cancel_rate,
        latency=given.latency,
        seed=given.seed,
    )
    return PoolOptions(
        port=given.port,
        most=given.max_sessions,
        cooldown=given.cooldown,
        sandbox=given.sandbox,
        python=given.python,
        time_limit=given.time_limit,
        profile=given.profile,
        full_status=given.full_status,
        faults=faults,
        limits=Limits(given.memory_bytes, given.processes, given.disk_bytes),
        # Taken out of the environment, which sessions without a sandbox could read.
        token=os.environ.pop(TOKEN_VARIABLE, "") or default.token,
    )


def _add_limits(parser: argparse.ArgumentParser, default: Limits) -> None:
    """Add an option for each limit of a session."""
    for name, option, what in (
        ("memory_bytes", "--memory", "memory of all its processes, such as 4G"),
        ("processes", "--processes", "processes and threads"),
        ("disk_bytes", "--disk", "files; none may be longer than half of it"),
    ):
        parser.add_argument(
            option,
            dest=name,
            default=getattr(default, name),
            type=_amount(name),
            metavar="N",
            help=f"what a session may have of: {what}; default: {VARIABLES[name]}, or enough for "
            "an ordinary notebook",
        )


async def serve(options: PoolOptions) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        LocalPoolError: the pool cannot be as it is wanted.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    pool = LocalPool(options)
    pool.start()
    try:
        sys.stdout.write(json.dumps(pool.address()) + "\n")
        sys.stdout.flush()
        if pool.address()["sandbox"] == "none":
            sys.stderr.write(
                "Sessions run without a sandbox: their code can do whatever you can on this "
                f"machine. {pool.address()['reason']}\n"
            )
        await stopped.wait()
    finally:
        await pool.stop()


def main() -> int:
    """Run the command."""
    try:
        asyncio.run(serve(parse_options(sys.argv[1:])))
    except (LocalPoolError, OSError) as error:
        sys.stderr.write(f"The pool did not start: {error}\n")
        return 1
    return 0


def _amount(name: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            return parse_amount(name, text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _port(text: str) -> int:
    return _bounded(int(text), 0, 65535)


def _count(text: str) -> int:
    return _bounded(int(text), 1, 10_000)


def _seconds(text: str) -> float:
    return _bounded(float(text), 0.001, 1e9)


def _wait(text: str) -> float:
    return _bounded(float(text), 0, 1e6)


def _probability(text: str) -> float:
    return _bounded(float(text), 0, 1)


def _bounded(value: _Number, low: float, high: float) -> _Number:
    # The comparison also keeps out what is no number.
    if not low <= value <= high:
        raise ValueError
    return value


if __name__ == "__main__":
    sys.exit(main())
