"""What an exchange runs in the service's interpreter: a call at the relay, and no trace of it.

The first exchange that an interpreter sees loads this module from the relay's folder; it stays in
`sys.modules`, hidden from the person's names, so that every later exchange is one short call. The
service has several interpreters and restarts them: each loads it anew.

IPython keeps every input and every value, in memory and in its history file. So inputs of ours
are kept from it by a wrapper around the one method that stores them, and values are taken out
again when the execution is over.

Like the ipykernel in the session (`kernel_main`), it waits for a flush only where there is
something to send.

This module runs in the session: standard library alone, Python 3.10, inside whatever IPython the
service has, or none.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import socket
import sys
from typing import Any

from .kernel_main import flush_only_what_is_there
from .protocol import ABSENT, DEAD, MARK, SIZE_BYTES, SOCKET

#: The connection to each relay, by its folder, kept from one exchange to the next.
connections: dict[str, socket.socket] = {}


def visit(folder: str, text: str) -> str:
    """Hand an envelope to the relay and return its answer."""
    file = sys._getframe(1).f_code.co_filename  # noqa: SLF001 - it stands nowhere else
    try:
        connection = send(folder, len(text).to_bytes(SIZE_BYTES, "big") + text.encode())
    except (FileNotFoundError, ConnectionError):
        forget_this_execution(file)
        return DEAD if os.path.isdir(folder) else ABSENT  # noqa: PTH112 - fast
    try:
        forget_this_execution(file)  # now, since it costs nothing while the relay works
        answer = receive(connection)
    except BaseException:
        connection.close()  # the answer that is still to come would be taken for the next one
        raise
    connections[folder] = connection
    return answer


def send(folder: str, request: bytes) -> socket.socket:
    """Send a request on the connection that is there, or else on a new one."""
    address = f"{folder}/{SOCKET}"
    kept = connections.pop(folder, None)
    if kept is not None:
        try:
            os.stat(address)  # noqa: PTH116 - fast
            kept.sendall(request)
        except OSError:
            kept.close()  # that relay ended or is about to; another may listen
        else:
            return kept
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(60)
        connection.connect(address)
        connection.sendall(request)
    except BaseException:
        connection.close()
        raise
    return connection


def receive(connection: socket.socket) -> str:
    """Read an answer: its length, then as much."""
    answer = bytearray()
    while len(answer) < SIZE_BYTES + int.from_bytes(answer[:SIZE_BYTES], "big"):
        part = connection.recv(1 << 20)
        if not part:
            raise ConnectionError("the relay ended before it answered")
        answer += part
    return answer[SIZE_BYTES:].decode()


def forget_this_execution(file: str) -> None:
    """Take this execution out of IPython's `In`, `Out` and history, now and when it is over."""
    with contextlib.suppress(Exception):  # where IPython has changed, it keeps a copy of our code
        forget_on(sys.modules["IPython"].get_ipython(), file)


def forget_on(ip: Any, file: str) -> None:
    """Do so on this IPython, for the execution whose code is in `file`."""
    history = ip.history_manager
    store = history.store_inputs
    if not hasattr(store, MARK):
        forget_input(ip, history)
        history.store_inputs = storing_others(history, store)
        for stream in (sys.stdout, sys.stderr):
            flush_only_what_is_there(stream)
    forget_output_later(ip, history, file)


def storing_others(history: Any, store: Any) -> Any:
    """Wrap IPython's `store_inputs`: ours leave an empty place, so that `In` keeps its numbers."""

    def store_inputs(line_num: int, source: str, source_raw: str | None = None) -> None:
        if MARK in source:
            history.input_hist_parsed.append("")
            history.input_hist_raw.append("")
        else:
            store(line_num, source, source_raw)

    setattr(store_inputs, MARK, True)
    return store_inputs


def forget_input(ip: Any, history: Any) -> None:
    """Undo what IPython has stored of exchanges before there was the wrapper."""
    lines = {n for n, source in enumerate(history.input_hist_raw) if MARK in source}
    for line in lines:
        history.input_hist_raw[line] = history.input_hist_parsed[line] = ""
    with history.db_input_cache_lock:
        history.db_input_cache = [e for e in history.db_input_cache if e[0] not in lines]
    if history.enabled:
        with history.db:
            history.db.executemany(
                "DELETE FROM history WHERE session = ? AND line = ?",
                [(history.session_number, line) for line in lines],
            )
    names = ("_i00", "_i", "_ii", "_iii")
    others = [source for name in names if MARK not in (source := getattr(history, name))]
    latest = dict(zip(names, (*others, "", "", "", "")))  # noqa: B905 - Python 3.10
    for name, source in latest.items():
        setattr(history, name, source)
    del latest["_i00"]
    for space in (ip.user_ns, ip.user_ns_hidden):
        space.update(latest)
        for line in lines:
            space.pop(f"_i{line}", None)


def forget_output_later(ip: Any, history: Any, file: str) -> None:
    """Put everything that takes the value back as it was, once this execution is over."""
    hook, spaces = ip.displayhook, (ip.user_ns, ip.user_ns_hidden)
    names = ("_", "__", "___")
    values = [{name: space[name] for name in names if name in space} for space in spaces]
    hooked = [getattr(hook, name) for name in names]
    last, outputs = ip.last_execution_result, ip.user_ns["_oh"]
    known = set(outputs)

    def forget() -> None:
        ip.events.unregister("post_execute", forget)
        ip.last_execution_result = last
        for name, value in zip(names, hooked):  # noqa: B905 - of one length
            setattr(hook, name, value)
        added = set(outputs) - known
        for space, value in zip(spaces, values):  # noqa: B905
            for name in (*names, *(f"_{line}" for line in added)):
                space.pop(name, None)
            space.update(value)
        for line in added:
            for kept in (outputs, history.output_hist_reprs, getattr(history, "outputs", {})):
                kept.pop(line, None)
        history.db_output_cache = [e for e in history.db_output_cache if e[0] not in added]
        linecache.cache.pop(file, None)
        getattr(ip.compile, "_filename_map", {}).pop(file, None)

    ip.events.register("post_execute", forget)
