"""Replies pass like outputs: front ends render some of them as trusted, and act on others.

JupyterLab draws the debugger's rich variables, inspections, user expressions and pager data with
its trusted renderers, and a payload may put text into a cell.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from . import ansi, mime, notices
from .plots import viewers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynamic_sessions_kernel.messages import Content

    from .notices import Notice
    from .plots.bokeh import Bokeh

_MAX_TEXT_CHARS = 1024 * 1024
_MAX_ITEMS = 10_000
#: The longest text that a match may replace; paths can be long words.
_MAX_WORD_CHARS = 4096
#: What any front end, or Python, takes for the end of a line.
_LINE_BREAK = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_SPACE = re.compile(r"[ \t]{0,1000}")
_TYPES = "_jupyter_types_experimental"
_NO_MATCHES: Mapping[str, Any] = {"status": "ok", "matches": [], "metadata": {}}


class Replies:
    """The rules for replies.

    Args:
        bokeh: what is known of the session's Bokeh.
        holds_command: whether a text holds a command of this kernel if it becomes a cell.
        was_typed: whether the person typed this text as a cell.
    """

    def __init__(
        self,
        bokeh: Bokeh,
        holds_command: Callable[[str], bool],
        was_typed: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._bokeh = bokeh
        self._was_typed = was_typed
        self._holds_command = holds_command
        self._rules: dict[str, Callable[[Content, list[Notice]], Content]] = {
            "execute_reply": self._execute,
            "inspect_reply": self._inspect,
            "history_reply": self._history,
            "is_complete_reply": _is_complete,
            "comm_info_reply": _comm_info,
            "debug_reply": self._debug,
        }

    def passed(
        self, msg_type: str, content: Any, request: Mapping[str, Any]
    ) -> tuple[Content, list[Notice]]:
        """Return a reply's content as the front end may have it, and notices."""
        rule = self._rules.get(msg_type)
        if msg_type == "complete_reply":
            rule = partial(self._complete, request)
        if rule is None or not isinstance(content, dict):
            return _error("Error", f"The session sent a {msg_type} that was not let through."), []
        said: list[Notice] = []
        try:
            return self._judged(rule, msg_type, content, said), said
        except Exception:  # noqa: BLE001 - what cannot be judged stays out, whatever was wrong
            return _error("Error", f"The session sent a {msg_type} that cannot be read."), []

    def _judged(
        self,
        rule: Callable[[Content, list[Notice]], Content],
        msg_type: str,
        content: Content,
        said: list[Notice],
    ) -> Content:
        if msg_type != "debug_reply" and content.get("status", "ok") != "ok":
            return _failed(content)
        return rule(content, said)

    def without_commands(
        self, msg_type: str, content: Any, request: Mapping[str, Any]
    ) -> tuple[Content, list[Notice]]:
        """Return a trusted session's reply, without cells that would command this kernel."""
        if msg_type in {"complete_reply", "history_reply", "is_complete_reply"}:
            return self.passed(msg_type, content, request)
        payload = content.get("payload") if isinstance(content, dict) else None
        if msg_type != "execute_reply" or not isinstance(payload, list):
            return content, []
        kept = [entry for entry in payload if not self._commands(entry)]
        if len(kept) == len(payload):
            return content, []
        return {**content, "payload": kept}, [notices.COMMANDS]

    def _commands(self, entry: Any) -> bool:
        """Whether a payload proposes a cell that holds a command of this kernel.

        Judged as it came, which is how a trusted session's passes, and as it passes otherwise. What
        is longer than passes otherwise is not searched.
        """
        if not isinstance(entry, dict) or entry.get("source") != "set_next_input":
            return False
        text = entry.get("text")
        if not isinstance(text, str):
            return False
        return len(text) > _MAX_TEXT_CHARS or any(map(self._holds_command, (text, _string(text))))

    def _bundle(self, holder: Mapping[str, Any], said: list[Notice]) -> Content:
        data, metadata = holder.get("data"), holder.get("metadata")
        shown, kept, more = mime.passed(
            data if isinstance(data, dict) else {},
            metadata if isinstance(metadata, dict) else {},
            self._bokeh,
        )
        said.extend(more)
        return {"data": shown, "metadata": kept}

    def _execute(self, content: Content, said: list[Notice]) -> Content:
        expressions = content.get("user_expressions")
        payload = content.get("payload")
        return {
            "status": "ok",
            "execution_count": _count(content.get("execution_count")),
            "user_expressions": {
                _line(name): self._expression(value, said)
                for name, value in _items(expressions)
                if isinstance(value, dict)
            },
            "payload": [
                kept
                for entry in (payload if isinstance(payload, list) else [])[:_MAX_ITEMS]
                if isinstance(entry, dict) and (kept := self._payload(entry, said)) is not None
            ],
        }

    def _expression(self, value: Mapping[str, Any], said: list[Notice]) -> Content:
        if value.get("status") == "ok":
            return {"status": "ok", **self._bundle(value, said)}
        return _failed(value)

    def _payload(self, entry: Mapping[str, Any], said: list[Notice]) -> Content | None:
        """Keep the pager's plain text and proposed input; nothing may quit or open an editor."""
        source = entry.get("source")
        if source == "page":
            data = entry.get("data")
            text = data.get("text/plain") if isinstance(data, dict) else None
            return {
                "source": "page",
                "data": {"text/plain": _string(text)},
                "start": _count(entry.get("start")) or 0,
            }
        if source == "set_next_input":
            if self._commands(entry):
                said.append(notices.COMMANDS)
                return None
            return {
                "source": "set_next_input",
                "text": _string(entry.get("text")),
                "replace": entry.get("replace") is True,
            }
        return None

    def _complete(self, request: Mapping[str, Any], content: Content, _: list[Notice]) -> Content:
        """Keep matches that stay within the word at the cursor, and make no command of its line.

        A front end puts a match into the cell when the person presses Tab.
        """
        code, cursor = _string(request.get("code")), _count(request.get("cursor_pos")) or 0
        start = _count(content.get("cursor_start"))
        end = _count(content.get("cursor_end"))
        word = _word_at(code, cursor, start, end)
        if word is None:
            return {**_NO_MATCHES, "cursor_start": cursor, "cursor_end": cursor}
        start, end = word

        def fits(match: str) -> bool:
            return not _LINE_BREAK.search(match) and not self._commands_line(
                code, start, match, end
            )

        # Judged as it is shown: what is taken out of a text can make a command of the rest.
        matches = [match for match in map(_line, _strings(content.get("matches"))) if fits(match)]
        kept: Content = {**_NO_MATCHES, "matches": matches}
        kept |= {"cursor_start": start, "cursor_end": end}
        metadata = content.get("metadata")
        types = metadata.get(_TYPES) if isinstance(metadata, dict) else None
        if isinstance(types, list):
            kept["metadata"] = {
                _TYPES: [
                    _typed(entry, start, end)
                    for entry in types[:_MAX_ITEMS]
                    if isinstance(entry, dict)
                    and isinstance(entry.get("text"), str)
                    and fits(_line(entry["text"]))
                ]
            }
        return kept

    def _commands_line(self, code: str, start: int, match: str, end: int) -> bool:
        """Whether a match turns its line into a command of this kernel that it was not before."""
        first = code.rfind("\n", 0, start) + 1
        last = code.find("\n", end)
        last = len(code) if last < 0 else last
        line = code[first:last]
        completed = f"{code[first:start]}{match}{code[end:last]}"
        return self._holds_command(completed) and not self._holds_command(line)

    def _history(self, content: Content, _: list[Notice]) -> Content:
        """Keep (session, line, input), where input may be a pair of input and output.

        An input that holds a command of this kernel is left out, unless the person typed it: the
        arrow keys put it into a cell.
        """
        kept = []
        entries = content.get("history")
        for entry in (entries if isinstance(entries, list) else [])[:_MAX_ITEMS]:
            if not isinstance(entry, (list, tuple)) or len(entry) != 3:  # noqa: PLR2004 - see above
                continue
            session, line, text = entry
            if isinstance(text, (list, tuple)):
                source: Any = [_string(part) if part is not None else None for part in text[:2]]
                proposed = _string(text[0]) if text else ""
            else:
                source = proposed = _string(text)
            if self._holds_command(proposed) and not self._was_typed(proposed):
                continue
            kept.append([_count(session) or 0, _count(line) or 0, source])
        return {"status": "ok", "history": kept}

    def _inspect(self, content: Content, said: list[Notice]) -> Content:
        return {
            "status": "ok",
            "found": content.get("found") is True,
            **self._bundle(content, said),
        }

    def _debug(self, content: Content, said: list[Notice]) -> Content:
        if not viewers.bounded(content):
            return {"type": "response", "success": False, "body": {}}
        body = content.get("body")
        if content.get("command") == "richInspectVariables" or (
            isinstance(body, dict) and "data" in body
        ):
            holder = body if isinstance(body, dict) else {}
            return {**content, "body": self._bundle(holder, said)}
        return content


def _word_at(code: str, cursor: int, start: int | None, end: int | None) -> tuple[int, int] | None:
    """Return the range that matches replace, if it lies around the cursor, within its line."""
    if start is None or end is None or not 0 <= start <= cursor <= len(code) or end < start:
        return None
    end = min(end, len(code))
    replaced = code[start:end]
    return None if _LINE_BREAK.search(replaced) or len(replaced) > _MAX_WORD_CHARS else (start, end)


def _typed(entry: Mapping[str, Any], start: int, end: int) -> Content:
    """Return what is known of one match: its text, type and signature, in the word's range."""
    kept: Content = {
        key: _line(entry[key])
        for key in ("text", "type", "signature")
        if isinstance(entry.get(key), str)
    }
    return kept | ({"start": start, "end": end} if "start" in entry else {})


def _is_complete(content: Content, _: list[Notice]) -> Content:
    return {"status": "ok", "indent": _indent(content)}


def _comm_info(_content: Content, _: list[Notice]) -> Content:
    return {"status": "ok", "comms": {}}


def _failed(content: Mapping[str, Any]) -> Content:
    status = content.get("status")
    if status in ("incomplete", "complete", "invalid", "unknown"):
        return {"status": status, "indent": _indent(content)}
    failed = _error(_line(content.get("ename")), _string(content.get("evalue")))
    failed["status"] = "abort" if status in ("abort", "aborted") else "error"
    failed["traceback"] = [_string(line) for line in _strings(content.get("traceback"))]
    if "execution_count" in content:
        failed["execution_count"] = _count(content["execution_count"])
        failed["user_expressions"] = {}
        failed["payload"] = []
    return failed


def _indent(content: Mapping[str, Any]) -> str:
    """Return the space that begins the next line; front ends put it into the cell."""
    indent = content.get("indent")
    return indent if isinstance(indent, str) and _SPACE.fullmatch(indent) else ""


def _error(name: str, value: str) -> Content:
    return {"status": "error", "ename": name, "evalue": value, "traceback": []}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _string(value: object) -> str:
    return ansi.harmless(value[:_MAX_TEXT_CHARS]) if isinstance(value, str) else ""


def _line(value: object) -> str:
    return _string(value)[:10_000]


def _strings(value: object) -> list[str]:
    if not isinstance(value, (list, tuple)):
        return []
    return [item for item in value[:_MAX_ITEMS] if isinstance(item, str)]


def _items(value: object) -> list[tuple[str, Any]]:
    return list(value.items())[:_MAX_ITEMS] if isinstance(value, dict) else []
