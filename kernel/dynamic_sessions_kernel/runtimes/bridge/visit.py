"""What an exchange runs in the service's interpreter: a call at the relay, and no trace of it.

The relay's folder holds this module, and every exchange loads it from there, since the service
has several interpreters and restarts them; it is in no `sys.modules` afterwards.

This module runs in the session: standard library alone, Python 3.10, inside whatever IPython the
service has, or none.
"""

from __future__ import annotations

import contextlib
import linecache
import socket
import sys
from typing import Any

#: Stands in the code of every exchange, and so in what IPython stores of it.
MARK = "dynamic_sessions_visit"


def visit(text: str) -> str:
    """Hand an envelope to the relay and return its answer."""
    with contextlib.suppress(Exception):  # an unknown IPython keeps a copy, and still works
        forget_this_execution()
    folder, _, _ = __file__.rpartition("/dsk/")
    try:
        return call(folder, text)
    except (FileNotFoundError, ConnectionError):
        return "~dsk1!dead~"


def call(folder: str, text: str) -> str:
    """Exchange envelopes with the relay."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(folder + "/s")
        connection.sendall(len(text).to_bytes(8, "big") + text.encode())
        parts = []
        while part := connection.recv(1 << 20):
            parts.append(part)
    return b"".join(parts).decode()


def forget_this_execution() -> None:
    """Take this execution out of IPython's `In`, `Out` and history, now and when it is over.

    IPython has stored the input before it runs it, and stores the value after.
    """
    ip = sys.modules["IPython"].get_ipython()
    history = ip.history_manager
    line = len(history.input_hist_raw) - 1
    if MARK in history.input_hist_raw[line]:
        forget_input(ip, history, line)
    forget_output_later(ip, history, sys._getframe(2).f_code.co_filename)  # noqa: SLF001 - nothing else tells it


def forget_input(ip: Any, history: Any, line: int) -> None:
    """Blank the input, which keeps its place so that the numbers of `In` stay right."""
    history.input_hist_raw[line] = history.input_hist_parsed[line] = ""
    with history.db_input_cache_lock:
        others = [entry for entry in history.db_input_cache if entry[0] != line]
        written = len(others) == len(history.db_input_cache)
        history.db_input_cache = others
    if written and history.enabled:
        with history.db:
            history.db.execute(
                "DELETE FROM history WHERE session = ? AND line = ?",
                (history.session_number, line),
            )
    before = [getattr(history, name) for name in ("_i", "_ii", "_iii")]
    for name, value in zip(("_i00", "_i", "_ii"), before):  # noqa: B905 - of one length
        setattr(history, name, value)
    latest = {name: getattr(history, name) for name in ("_i", "_ii", "_iii")}
    for space in (ip.user_ns, ip.user_ns_hidden):
        space.update(latest)
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
