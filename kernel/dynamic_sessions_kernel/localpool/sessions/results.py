"""What the service makes of an execution's messages, with everything that it loses on the way.

There is one slot for a result and two capped strings: of several figures the last is kept, an
image takes the place of a value, and HTML, LaTeX, JSON, widgets and displayed text are dropped
(facts A to C of what is known of the service).
"""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .kept_messages import Outcome

#: Where stdout and stderr are each cut without a mark (docs/service.md, "Running code").
CAP_CHARS = 4096

TIMED_OUT = "Request timed out waiting for code execution to complete"
ABORTED = "Execution aborted"
RESTARTED = "Kernel restarted"

_INTEGER = re.compile(r"-?(0|[1-9]\d{0,3999})", re.ASCII)
_FLOAT = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.ASCII)
_QUOTES = ("'", '"')
# Markup, not pixels: the service knows such results by their text only.
_NO_PIXELS = "svg+xml"


@dataclass(frozen=True, slots=True)
class Result:
    """An execution as the service describes it.

    Attributes:
        value: of the last expression, as JSON has it; None for none.
        milliseconds: how long it ran.
        canceled: whether the service gave it up.
    """

    succeeded: bool
    stdout: str
    stderr: str
    value: Any
    milliseconds: int
    canceled: bool = False

    @property
    def status(self) -> str:
        """The current generation's word for how it ended."""
        if self.canceled:
            return "Canceled"
        return "Succeeded" if self.succeeded else "Failed"

    @property
    def chars(self) -> int:
        """About how much memory it takes."""
        return len(self.stdout) + len(self.stderr) + len(str(self.value))

    def with_stdout(self, stdout: str) -> Result:
        """Return the same, with another stdout."""
        return replace(self, stdout=stdout)


def failure(text: str, milliseconds: int = 0) -> Result:
    """Return a failure of the service itself, by one of the texts of this module."""
    return Result(succeeded=False, stdout="", stderr=text, value=None, milliseconds=milliseconds)


def canceled() -> Result:
    """Return an execution that was cancelled before its code ran."""
    return Result(False, "", "", None, 0, canceled=True)


def from_outcome(outcome: Outcome, milliseconds: int) -> Result:
    """Return what the service would answer on an execution that ran to its end."""
    streams = {"stdout": "", "stderr": ""}
    written: dict[str, list[str]] = {name: [] for name in streams}
    value = image = None
    for msg_type, content in outcome.messages:
        if msg_type == "stream" and content.get("name") in written:
            written[content["name"]].append(str(content.get("text", "")))
        elif msg_type in ("execute_result", "display_data", "update_display_data"):
            data = content.get("data")
            if isinstance(data, dict):
                image = _image(data) or image
                if msg_type == "execute_result":
                    value = _value(data.get("text/plain"))
    stdout, stderr = ("".join(written[name]) for name in ("stdout", "stderr"))
    if outcome.reply.get("status") == "ok":
        return Result(True, stdout, stderr, image or value, milliseconds)
    stderr += "\n".join(map(str, outcome.reply.get("traceback") or [])) or _last_words(outcome)
    return Result(False, stdout, stderr, None, milliseconds)


def _last_words(outcome: Outcome) -> str:
    reply = outcome.reply
    return f"{reply.get('ename', '')}: {reply.get('evalue', '')}" if "ename" in reply else ABORTED


def _image(data: Mapping[str, Any]) -> dict[str, str] | None:
    for mime_type, content in data.items():
        kind, _, form = str(mime_type).partition("/")
        if kind == "image" and form != _NO_PIXELS and isinstance(content, str):
            return {"type": "image", "format": form, "base64_data": content.replace("\n", "")}
    return None


def _value(text: Any) -> Any:
    """Return JSON for numbers, booleans and strings, known by how they print; else the text."""
    if not isinstance(text, str):
        return None
    if text in ("True", "False"):
        return text == "True"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return _unquoted(text) if text.startswith(_QUOTES) else text


def _unquoted(text: str) -> str:
    try:
        literal = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return literal if isinstance(literal, str) else text
