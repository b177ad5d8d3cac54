"""One line of advice where people are stuck: what a session lacks, and how to bring it there.

A session has the packages of its pool and often no network, which no traceback says. What a session
sends decides only whether a line is shown, never what stands in it: the session could otherwise
have a person install a package of its choice.
"""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.errors import PoolFullError
from dynamic_sessions_kernel.magics.near_misses import asks_the_shell, near_miss

if TYPE_CHECKING:
    from pathlib import Path

    from dynamic_sessions_kernel.messages import Content, Message

_MISSING = re.compile(r"No module named '([A-Za-z_]\w{0,99})(?:\.[\w.]{0,99})?'")
#: What pip prints when no index answers, or has nothing.
_PIP_FAILED = re.compile(r"No matching distribution found for ")
_PIP = re.compile(
    r"^\s*(?:[%!]\s*|!\S*python\S*\s+-m\s+)pip3?\s+(?:install|download)\b", re.MULTILINE
)
_TAIL_CHARS = 100

_EMBEDDED = (
    "Sessions of the embedded pool have no network: `%packages install NAME` brings a package, and "
    "`{python} -m pip install NAME` in a terminal of this machine gives it to all sessions."
)
_ELSEWHERE = "If the pool has no network, `%packages install NAME` brings a package all the same."
_MAKE_ROOM = (
    "`%session list` shows the pool's sessions; `%session delete PREFIX` deletes one of them, and "
    "`%session stop` in another notebook that notebook's own. Then run the cell again."
)
_INSTALL = "The session lacks that module; `%pip install NAME` installs it. "


class Advice:
    """What to say behind a cell. `watch` may be called from any thread.

    Args:
        folder: the notebook's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cell = ""
        self._tail = ""
        self._pip_failed = False

    def begin(self, cell: str) -> None:
        """Note which request's output is looked at."""
        self._cell, self._tail, self._pip_failed = cell, "", False

    def watch(self, message: Message) -> None:
        """Look at what the session sends, for pip's last words."""
        if message.msg_type != "stream" or message.parent != self._cell or self._pip_failed:
            return
        text = self._tail + str(message.content.get("text", ""))
        self._pip_failed = _PIP_FAILED.search(text) is not None
        self._tail = text[-_TAIL_CHARS:]

    def of(self, code: str, reply: Content, *, embedded: bool) -> str | None:
        """Return the line for a cell that has ended; None where there is nothing to say.

        Args:
            code: the cell, as the person typed it.
            reply: what the session made of it.
            embedded: whether it is a session of the embedded pool.
        """
        failed = reply.get("status") == "error"
        if self._pip_failed and _PIP.search(code):
            return _lacking(embedded=embedded)
        if failed and reply.get("ename") == "ModuleNotFoundError":
            return self._missing(code, str(reply.get("evalue", "")), embedded=embedded)
        if failed and reply.get("ename") == PoolFullError.__name__:
            return _MAKE_ROOM
        return near_miss(code) if failed or asks_the_shell(code) else None

    def _missing(self, code: str, evalue: str, *, embedded: bool) -> str | None:
        found = _MISSING.fullmatch(evalue)
        if found is None:
            return None
        name = found[1]
        # Only for what the cell itself imports: a session must not choose a file of the folder.
        typed = re.search(rf"\bimport\b.*\b{name}\b|\bfrom\s+{name}\b", code)
        if typed and (self._folder / f"{name}.py").is_file():
            return (
                f"{name}.py lies beside the notebook; `%upload {name}.py` brings it to the session."
            )
        return _lacking(embedded=embedded, beginning=_INSTALL)


def _lacking(*, embedded: bool, beginning: str = "") -> str:
    return (
        _EMBEDDED.format(python=shlex.quote(sys.executable)) if embedded else beginning + _ELSEWHERE
    )
