"""Lives in the session's interpreter: this file's text is sent there, and nothing here imports it.

The service's IPython counts, stores and displays each execution as a cell. The resident lets the
kernel decide about that: a cell is sent below a line that says which number it has, whether it is
stored, and for which start of the interpreter it is meant. In an interpreter without the resident
that line is an unknown magic, whose whole body is a string: nothing of the cell runs there.

What a cell sends is kept by `capture`, and comes back as the value of the execution. An exception
is a part of that, so the execution itself succeeds: of one that fails, the service shows no value.

Python 3.10 and later, the standard library, and the IPython that it finds itself in.
"""

from __future__ import annotations

import asyncio
import base64
import builtins
import contextlib
import json
import os
import sys
import uuid
import zlib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython

from .capture import Capture, readable

#: Stands in each text of ours that could get into a history.
MARK = "dynamic_sessions_resident"
MAGIC = "%%dynamic_sessions_cell "
#: What an execution becomes that was meant for an earlier owner: a magic that nobody has.
TAKEN_OVER = "%dynamic_sessions_taken_over\n"
DATA_FOLDER = Path("/mnt/data")
#: What `%packages` added before this interpreter was started.
PACKAGES = ".cache/dynamic-sessions/packages"
LOST_NAMES = (
    "[The cell took away names of Python's own, without which nothing runs here: {}. They were put "
    "back.]\n"
)
_BUILTINS, _callable = vars(builtins), callable
#: Longer results are compressed, in characters.
SHORT_CHARS = 4096


class Resident:
    """Obeys the lines above cells, and answers questions without leaving a trace."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.boot = ""
        self.capture = Capture(shell)
        self._order: dict[str, Any] | None = None
        self._running: dict[str, Any] | None = None
        self._failed: tuple[Any, Any, Any] | None = None
        self._restore: list[tuple[Any, str, Any, Any]] = []
        self._folder = DATA_FOLDER if DATA_FOLDER.is_dir() else Path.cwd()
        self._store_inputs = shell.history_manager.store_inputs
        shell.history_manager.store_inputs = self.store_inputs
        self._code_name = shell.compile.get_code_name
        shell.compile.get_code_name = self.code_name
        shell.input_transformers_cleanup.insert(0, self.transform)
        shell.events.register("post_run_cell", self.after_cell)
        # Sent along with this package, which it is no part of before.
        self._liveness = import_module(f"{__package__}.liveness").Liveness()
        self._builtins = dict(_BUILTINS)
        # Before all others, which need what it puts back.
        shell.events.callbacks["post_execute"].insert(0, self.put_back)

    def arrive(self, *, found: bool, build: int) -> str:
        """Belong to a kernel from now on; return what it needs to know, as text."""
        self.boot = uuid.uuid4().hex
        self.finish()
        self.capture.passing = True  # until this execution is over
        self.vanish()
        os.chdir(self._folder)
        packages = str(Path.home() / PACKAGES)
        if Path(packages).is_dir() and packages not in sys.path:
            sys.path.append(packages)
        if found:
            self.capture.acknowledge(build)
        else:
            self.capture.inherit(build)
        return packed({"boot": self.boot, "found": found, **self.capture.brought()})

    def vanish(self) -> None:
        """Make the execution that brought us here, a cell to IPython, none; cells count from 1."""
        self.change(self.shell.displayhook, "cache_size", 0)
        self.shell.execution_count = 1
        history, names = self.shell.history_manager, self.shell.user_ns
        with contextlib.suppress(Exception):  # a history that cannot be written has nothing of us
            self.forget_in_history(history)
        history.reset(True)
        for recent in ("_i", "_ii", "_iii"):
            names[recent] = ""
            setattr(history, recent, "")
        history._i00 = ""  # noqa: SLF001 - it has no public name
        for name in [name for name in names if name.startswith("_i") and name[2:].isdigit()]:
            del names[name]

    def forget_in_history(self, history: Any) -> None:
        """Take the code that brought us here out of what `%history -g` reads."""
        with history.db_input_cache_lock:
            history.db_input_cache = [e for e in history.db_input_cache if MARK not in e[-1]]
        if history.enabled:
            with history.db:
                history.db.execute("DELETE FROM history WHERE instr(source_raw, ?)", (MARK,))

    def transform(self, lines: list[str]) -> list[str]:
        """Take the order off a cell and do what it says; IPython calls this for each cell."""
        if self._failed is not None:  # ipykernel has replied by now
            failed, before, inside = self._failed
            failed.error_before_exec, failed.error_in_exec = before, inside
            self._failed = None
        if not lines or not lines[0].startswith(MAGIC):
            if self._running is None:
                self.capture.passing = True  # somebody else's execution
            return lines
        self.finish()
        self.capture.passing = True
        order = json.loads(lines[0][len(MAGIC) :])
        if order["boot"] != self.boot:
            return [TAKEN_OVER]
        self.capture.acknowledge(order["build"])
        self._order = self._running = order
        if order["count"]:
            self.shell.execution_count = order["count"]
        else:
            self.change(self.shell.displayhook, "cache_size", 0)
        if not order["shows"]:
            self.change(self.shell, "ast_node_interactivity", "none")
        if order["id"] is not None:
            self.shell.payload_manager.clear_payload()
            # As the last of them: what others do after a cell belongs to it.
            self.shell.events.unregister("post_run_cell", self.after_cell)
            self.shell.events.register("post_run_cell", self.after_cell)
            self._liveness.before_cell()
            self.capture.begin(order["id"], self.shell.displayhook.parent_header)
        return lines[1:]

    def put_back(self) -> None:
        """Put back the built-in names that a cell took away: IPython could not answer without them.

        What it calls is not looked up among them.
        """
        now, usable = _BUILTINS, _callable
        lost = {
            name: value
            for name, value in self._builtins.items()
            if name not in now or (usable(value) and not usable(now[name]))
        }
        if lost:
            now.update(lost)
            sys.stderr.write(LOST_NAMES.format(", ".join(sorted(lost))))

    def after_cell(self, result: Any = None) -> None:
        """Send what a cell of the kernel's has left; one that it ran itself is a part of it."""
        order, info = self._running, getattr(result, "info", None)
        if info is not None and order is not None and not info.raw_cell.startswith(MAGIC):
            return
        try:
            if order is not None and order["id"] is not None and result is not None:
                self.send(order, result)
        finally:
            self.finish()

    def send(self, order: dict[str, Any], result: Any) -> None:
        """Make all that is kept the value of this execution, and the execution a success."""
        self.capture.drain()
        error = result.error_before_exec or result.error_in_exec
        manager = self.shell.payload_manager
        answer = {
            "cell": order["id"],
            "error": None if error is None else self.described(error),
            "payload": json.loads(json.dumps(manager.read_payload(), default=str)),
        }
        manager.clear_payload()
        answer |= self.kept()
        hook = self.shell.displayhook
        content = {
            "data": {"text/plain": repr(packed(answer))},
            "metadata": {},
            "execution_count": self.shell.execution_count,
        }
        header = hook.parent_header
        hook.session.send(self.capture.socket, "execute_result", content, header, ident=hook.topic)
        self._failed = (result, result.error_before_exec, result.error_in_exec)
        result.error_before_exec = result.error_in_exec = None

    def kept(self) -> dict[str, Any]:
        """Return all that is kept, and whether something lives that may print later."""
        try:
            alive = bool(self._liveness.lives(None))
        except RuntimeError:  # no event loop runs here
            alive = True
        return {"alive": alive, **self.capture.brought()}

    def described(self, error: BaseException) -> dict[str, Any]:
        """Return an exception as ipykernel puts it into its reply."""
        try:
            evalue = readable(str(error))
        except Exception:  # noqa: BLE001 - the person's own class
            evalue = ""
        return {"ename": type(error).__name__, "evalue": evalue}

    def change(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute for one cell."""
        self._restore.append((owner, name, getattr(owner, name), value))
        setattr(owner, name, value)

    def finish(self) -> None:
        """Undo what was set for one cell, unless the cell itself set it anew."""
        self._order = self._running = None
        self.capture.passing = not self.capture.cell
        while self._restore:
            owner, name, before, value = self._restore.pop()
            if getattr(owner, name) == value:
                setattr(owner, name, before)

    def store_inputs(self, number: int, source: str, source_raw: str | None = None) -> None:
        """Store a cell as the person typed it, or not at all."""
        order, self._order = self._order, None
        if order is None:
            if MARK not in source:
                self._store_inputs(number, source, source_raw)
            return
        # `In` is a list, in which a number that was never stored must not be missing.
        history = self.shell.history_manager
        for stored in (history.input_hist_parsed, history.input_hist_raw):
            stored[number:] = [""] * (number - len(stored))
        if order["cell"] is not None:
            self._store_inputs(number, self.transformed(order["cell"]), order["cell"])
        elif order["stores"]:
            raw = (source_raw or source).partition("\n")[2]
            self._store_inputs(number, source, raw)

    def code_name(self, raw_code: str, *others: Any) -> str:
        """Return the name of a cell's code, which is made of what the person typed."""
        typed = raw_code.partition("\n")[2] if raw_code.startswith(MAGIC) else raw_code
        return str(self._code_name(typed, *others))

    def transformed(self, cell: str) -> str:
        """Return a cell as IPython would run it; as it is where that fails."""
        try:
            return str(self.shell.transform_cell(cell))
        except Exception:  # noqa: BLE001 - the person's own transformers are called too
            return cell

    def ask(self, question: str) -> str:
        """Answer a request of the kernel, as text."""
        content = json.loads(question)
        kind = content.pop("kind")
        if kind == "kept":
            return packed(self.kept())
        if kind == "expressions":
            return packed(self.shell.user_expressions(content["expressions"]))
        return packed(finished(getattr(self.shell.kernel, "do_" + kind)(**content)))


def launched(shell: Any) -> list[str]:
    """Return `sys.argv` as an ipykernel has it that a front end has launched."""
    launcher = find_spec("ipykernel_launcher")
    program = (launcher and launcher.origin) or "ipykernel_launcher.py"
    app = getattr(getattr(shell, "kernel", None), "parent", None)
    return [program, "-f", str(getattr(app, "abs_connection_file", ""))]


def finished(answer: Any) -> Any:
    """Return what a method of ipykernel's answers, which some versions make a coroutine."""
    if not asyncio.iscoroutine(answer):
        return answer
    try:
        answer.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("it would have to wait")


def packed(answer: Any) -> str:
    """Return JSON without any character that a quoted string would have to escape."""
    text = json.dumps(answer, default=str)
    if len(text) > SHORT_CHARS:
        smaller = base64.urlsafe_b64encode(zlib.compress(text.encode(), 1)).decode()
        return json.dumps({"zlib": smaller})
    return text.replace("%", "%25").replace("'", "%27").replace("\\", "%5C")


def arrive(*, build: int, argv: list[str]) -> str:
    """Find the interpreter's resident, or make it, and have it belong to the caller."""
    shell: Any = get_ipython()
    found = getattr(shell, "dynamic_sessions_resident", None)
    if found is None:
        sys.argv[:] = [*launched(shell), *argv]
    resident = found or Resident(shell)
    shell.dynamic_sessions_resident = resident
    return resident.arrive(found=found is not None, build=build)
