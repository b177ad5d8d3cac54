"""Models put code into Markdown's fences; this takes one pair off, and nothing else ever."""

from __future__ import annotations

import re

_FENCED = re.compile(
    r"\s*^(?P<fence>`{3,}|~{3,})[ \t]*(?:python3?|py|ipython3?)?[ \t]*\r?\n"
    r"(?P<code>.*?)"
    r"^(?P=fence)\s*",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


def unwrap(text: str) -> str:
    """Return the code of a text that is one fenced block of Python; any other text as it is.

    No Python begins with a fence, so code that is none is never changed. Of several blocks nobody
    knows which was meant, so they fail in the session with a syntax error that the model reads.
    """
    fenced = _FENCED.fullmatch(text)
    if fenced is None:
        return text
    code, fence = fenced["code"], fenced["fence"]
    if any(line.lstrip().startswith(fence) for line in code.splitlines()):
        return text
    return code
