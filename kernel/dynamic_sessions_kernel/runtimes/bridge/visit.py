"""What an exchange runs in the service's interpreter: a call at the relay, and no trace of it.

Each visit stands by itself, since the service has several interpreters and restarts them. Its
source is sent with every exchange, so it is short; `dynamic_sessions_visit` is the way in.

This module runs in the session: standard library alone, Python 3.10, inside whatever IPython the
service has, or none.
"""

import contextlib
import linecache
import os
import socket
import sys
import tempfile


def dynamic_sessions_visit(name: str, text: str) -> str:
    """Hand an envelope to the relay and return its answer."""
    with contextlib.suppress(Exception):  # an unknown IPython keeps a copy, and still works
        forget_this_execution()
    folder = relay_folder(name)
    try:
        return call(folder, text)
    except (FileNotFoundError, ConnectionError):
        return "~dsk1!dead~" if os.path.isdir(folder) else "~dsk1!absent~"


def relay_folder(name: str) -> str:
    """Where the relay lives: the address of a unix socket must be short."""
    base = "/tmp" if os.access("/tmp", os.W_OK) else tempfile.gettempdir()
    return os.path.join(base, name)


def call(folder: str, text: str) -> str:
    """Exchange envelopes with the relay."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(os.path.join(folder, "s"))
        connection.sendall(len(text).to_bytes(8, "big") + text.encode())
        parts = []
        while part := connection.recv(1 << 20):
            parts.append(part)
    return b"".join(parts).decode()


def forget_this_execution():  # type: ignore[no-untyped-def]  # IPython's parts have no types
    """Take this execution out of IPython's `In`, `Out` and history, now and when it is over.

    IPython has stored the input before it runs it, and stores the value after.
    """
    ip = sys.modules["IPython"].get_ipython()
    history, count = ip.history_manager, ip.execution_count
    raw = history.input_hist_raw
    if len(raw) == count + 1 and "dynamic_sessions_visit" in raw[count]:
        forget_input(ip, history, count)
    forget_output_later(ip, history, count, sys._getframe(2).f_code.co_filename)


def forget_input(ip, history, count):  # type: ignore[no-untyped-def]
    """Blank the input, which keeps its place so that the numbers of `In` stay right."""
    history.input_hist_raw[count] = history.input_hist_parsed[count] = ""
    with history.db_input_cache_lock:
        others = [entry for entry in history.db_input_cache if entry[0] != count]
        written = len(others) == len(history.db_input_cache)
        history.db_input_cache = others
    if written and history.enabled:
        with history.db:
            history.db.execute(
                "DELETE FROM history WHERE session = ? AND line = ?",
                (history.session_number, count),
            )
    history._i00, history._i, history._ii = history._i, history._ii, history._iii
    latest = {"_i": history._i, "_ii": history._ii, "_iii": history._iii}
    ip.user_ns.update(latest)
    ip.user_ns_hidden.update(latest)


def forget_output_later(ip, history, count, file):  # type: ignore[no-untyped-def]
    """Put everything that takes the value back as it was, once this execution is over."""
    hook, spaces = ip.displayhook, (ip.user_ns, ip.user_ns_hidden)
    names = ("_", "__", "___")
    values = [{name: space[name] for name in names if name in space} for space in spaces]
    hooked = [getattr(hook, name) for name in names]
    last = ip.last_execution_result

    def forget():  # type: ignore[no-untyped-def]
        ip.events.unregister("post_execute", forget)
        for name, value in zip(names, hooked):
            setattr(hook, name, value)
        for space, value in zip(spaces, values):
            space.update(value)
            space.pop(f"_{count}", None)
            space.pop(f"_i{count}", None)
        ip.last_execution_result = last
        ip.user_ns["_oh"].pop(count, None)
        for kept in ("outputs", "output_hist_reprs"):
            getattr(history, kept, {}).pop(count, None)
        history.db_output_cache = [e for e in history.db_output_cache if e[0] != count]
        linecache.cache.pop(file, None)
        getattr(ip.compile, "_filename_map", {}).pop(file, None)

    ip.events.register("post_execute", forget)
