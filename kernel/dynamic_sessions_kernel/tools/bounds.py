"""What a model's context can hold: texts and values cut to a length, and a word where they were."""

from __future__ import annotations

import json
import re
from typing import Any

#: Colours and other sequences of terminals, which cost a model tokens and say nothing to it.
_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")


def plain(text: str) -> str:
    """Return a text without what only a terminal reads."""
    return _SEQUENCES.sub("", text)


def cut(text: str, most: int) -> str:
    """Return a text of about `most` characters: its beginning, its end, and what is left out."""
    if len(text) <= most:
        return text
    head = most // 2
    tail = most - head
    left_out = len(text) - most
    return f"{text[:head]}\n[… {left_out} characters left out …]\n{text[len(text) - tail :]}"


def bounded(value: Any, most: int) -> Any:
    """Return a JSON value as it is; one that is too long as the beginning and end of its text."""
    if isinstance(value, str):
        return cut(value, most)
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= most else cut(text, most)
