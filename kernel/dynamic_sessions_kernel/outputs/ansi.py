"""Text may colour itself and move within its line, and nothing else.

A terminal front end (jupyter console) hands escape sequences straight to the person's terminal,
where some set the clipboard, the title or the answers that the terminal types back. Front ends in
a browser show the few that are kept here and ignore the rest, so nothing is lost by dropping them.
"""

from __future__ import annotations

import re

#: Colours (m), the cursor's movements within its line (C, D, G), and erasing there (K).
#: Movements to other lines would overwrite what a terminal shows above, the person's input too.
_KEPT = frozenset("mCDGK")

_SUSPICIOUS = re.compile(r"[\x00-\x06\x0e-\x1f\x7f-\x9f]")
_SEQUENCE = re.compile(
    r"\x1b\[[0-9;]{0,100}(?P<final>[A-Za-z])"
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|\x9b[0-?]*[ -/]*[@-~]?"
    r"|[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f-\x9f]"
)


def _keep(match: re.Match[str]) -> str:
    return match.group() if match["final"] in _KEPT else ""


def harmless(text: str) -> str:
    """Return `text` without control sequences that do more than colour or redraw a line."""
    if _SUSPICIOUS.search(text) is None:
        return text
    return _SEQUENCE.sub(_keep, text)
