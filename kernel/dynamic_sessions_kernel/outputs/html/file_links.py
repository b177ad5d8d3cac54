"""IPython's `FileLink` and `FileLinks`: they name files of the session, not of this machine.

As links they would open a file of that name beside the notebook, which is another one. So each
becomes its name, and the command that brings the file here.
"""

from __future__ import annotations

import html as escapes
import posixpath
import re
import shlex

_DATA_FOLDER = "/mnt/data"
_MAX_PATH_CHARS = 1000
#: Exactly what IPython writes, whatever stands around it.
_LINK = re.compile(
    rf"<a href='([^'<>\n]{{1,{_MAX_PATH_CHARS}}})' target='_blank'>"
    rf"([^<>\n]{{1,{_MAX_PATH_CHARS}}})</a>"
)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_NO_NAME = re.compile(r"[\x00-\x1f\x7f\\]")


def named(source: str, plain: str) -> str:
    """Return an HTML output with the command behind each file's name, in place of its link.

    Args:
        source: the output as it came.
        plain: its `text/plain`, which is a `FileLink`'s absolute path.
    """
    if "' target='_blank'>" not in source:
        return source
    # The plain text of `FileLinks` has several lines.
    alone = plain if re.fullmatch(r"/.+", plain) and source.count("<a ") == 1 else ""

    def instead(link: re.Match[str]) -> str:
        address, name = escapes.unescape(link[1]), escapes.unescape(link[2])
        if _ELSEWHERE.match(address) or not f"/{address}".endswith(f"/{name}"):
            return link[0]
        return f"{link[2]} ({_way(alone or address)})"

    return _LINK.sub(instead, source)


def _way(path: str) -> str:
    """Return HTML that says how a file of the session comes here."""
    whole = posixpath.normpath(posixpath.join(_DATA_FOLDER, path))
    if not whole.startswith(f"{_DATA_FOLDER}/"):
        return f"in the session; copied to {_DATA_FOLDER} there, <code>%download</code> brings it"
    if _NO_NAME.search(whole):
        return "in the session, under a name that <code>%download</code> does not take"
    inside = posixpath.relpath(whole, _DATA_FOLDER)
    # What begins as an option does is named whole.
    word = shlex.quote(whole if inside.startswith("-") else inside)
    command = escapes.escape(f"%download {word}", quote=False)
    return f"in the session; <code>{command}</code> brings it here"
