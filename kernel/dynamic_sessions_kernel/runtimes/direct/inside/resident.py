"""Lives in the session's interpreter: this file's text is sent there, and nothing here imports it.

The service's IPython counts, stores and displays each execution as a cell. The resident lets the
kernel decide about that: a cell is sent below a line that says which number it has, whether it is
stored, and for which start of the interpreter it is meant. In an interpreter without the resident
that line is an unknown magic, whose whole body is a string: nothing of the cell runs there.

Python 3.10 and later, the standard library, and the IPython that it finds itself in.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython

MAGIC = "%%dynamic_sessions_cell "
#: What an execution becomes that was meant for an earlier owner: a magic that nobody has.
TAKEN_OVER = "%dynamic_sessions_taken_over\n"
DATA_FOLDER = Path("/mnt/data")


class Resident:
    """Obeys the lines above cells, and answers questions without leaving a trace."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.boot = ""
        self._order: dict[str, Any] | None = None
        self._restore: list[tuple[Any, str, Any, Any]] = []
        self._environment = dict(os.environ)
        self._path = list(sys.path)
        self._modules = set(sys.modules)
        self._folder = DATA_FOLDER if DATA_FOLDER.is_dir() else Path.cwd()
        self._store_inputs = shell.history_manager.store_inputs
        shell.history_manager.store_inputs = self.store_inputs
        shell.input_transformers_cleanup.insert(0, self.transform)
        shell.events.register("post_run_cell", self.finish)

    def arrive(self, *, found: bool, fresh: bool) -> str:
        """Belong to a kernel from now on; return what it needs to know, as text."""
        self.boot = uuid.uuid4().hex
        if found and fresh:
            self.forget()
        self.finish()
        self.vanish()
        os.chdir(self._folder)
        return packed({"boot": self.boot, "found": found and not fresh})

    def vanish(self) -> None:
        """Make the execution that brought us here, a cell to IPython, none; cells count from 1."""
        self.change(self.shell.displayhook, "cache_size", 0)
        self.shell.execution_count = 1
        history, names = self.shell.history_manager, self.shell.user_ns
        history.reset(True)
        for recent in ("_i", "_ii", "_iii"):
            names[recent] = ""
            setattr(history, recent, "")
        history._i00 = ""  # noqa: SLF001 - it has no public name
        for name in [name for name in names if name.startswith("_i") and name[2:].isdigit()]:
            del names[name]

    def forget(self) -> None:
        """Clear what the person's cells made, other than files."""
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
        self.shell.reset(new_session=True)
        os.environ.clear()
        os.environ.update(self._environment)
        sys.path[:] = self._path
        # Modules of libraries cannot be imported twice in one process; the person's own can.
        for name in set(sys.modules) - self._modules:
            path = getattr(sys.modules[name], "__file__", None)
            if path and self._folder in Path(path).parents:
                del sys.modules[name]

    def transform(self, lines: list[str]) -> list[str]:
        """Take the order off a cell and do what it says; IPython calls this for each cell."""
        if not lines or not lines[0].startswith(MAGIC):
            return lines
        self.finish()
        order = json.loads(lines[0][len(MAGIC) :])
        if order["boot"] != self.boot:
            return [TAKEN_OVER]
        self._order = order
        if order["count"]:
            self.shell.execution_count = order["count"]
        else:
            self.change(self.shell.displayhook, "cache_size", 0)
        if not order["shows"]:
            self.change(self.shell, "ast_node_interactivity", "none")
        return lines[1:]

    def change(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute for one cell."""
        self._restore.append((owner, name, getattr(owner, name), value))
        setattr(owner, name, value)

    def finish(self, *_: object) -> None:
        """Undo what was set for one cell, unless the cell itself set it anew."""
        self._order = None
        while self._restore:
            owner, name, before, value = self._restore.pop()
            if getattr(owner, name) == value:
                setattr(owner, name, before)

    def store_inputs(self, number: int, source: str, source_raw: str | None = None) -> None:
        """Store a cell as the person typed it, or not at all."""
        order, self._order = self._order, None
        if order is None:
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
        if kind == "expressions":
            return packed(self.shell.user_expressions(content["expressions"]))
        return packed(finished(getattr(self.shell.kernel, "do_" + kind)(**content)))


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
    return text.replace("%", "%25").replace("'", "%27").replace("\\", "%5C")


def arrive(*, fresh: bool) -> str:
    """Find the interpreter's resident, or make it, and have it belong to the caller."""
    shell: Any = get_ipython()
    found = getattr(shell, "dynamic_sessions_resident", None)
    resident = found or Resident(shell)
    shell.dynamic_sessions_resident = resident
    return resident.arrive(found=found is not None, fresh=fresh)
