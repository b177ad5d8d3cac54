"""Tables of `%session` and `%files`: small, as HTML for pages and as text for terminals.

They are made here and not by the session, so they pass no filter; yet what a pool sends stands in
them, so everything is escaped and nothing can drive a page, a typesetter or a terminal.
"""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.outputs import latex

from .progress import readable_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynamic_sessions_kernel.client.models import RemoteFile

    from .session_protocol import Listed, Status

_LONGEST = 300
_MOST_FILES = 1_000
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def status_table(status: Status) -> dict[str, str]:
    """Return the status as a MIME bundle: what is not known has no row."""
    rows = [
        ("session", status.identifier or "none yet; the first cell that runs code starts one"),
        ("pool", status.pool),
        ("runtime", status.runtime),
        ("outputs", status.outputs),
    ]
    if status.python or status.packages is not None:
        packages = "" if status.packages is None else f"{status.packages} packages"
        rows.append(("software", ", ".join(filter(None, (status.python, packages)))))
    if status.limits:
        rows.append(("limits", status.limits))
    rows += [
        (name, _moment(moment))
        for name, moment in (("created", status.created), ("expires", status.expires))
        if moment is not None
    ]
    if status.kept_until is not None:
        rows.append(("kept until", f"{_moment(status.kept_until)}, and longer if a cell runs"))
    if status.round_trip is not None:
        rows.append(("round trip", f"{status.round_trip * 1000:.0f} ms"))
    sent, received = map(readable_size, (status.traffic.sent, status.traffic.received))
    rows.append(("moved", f"{sent} sent, {received} received"))
    rows.append(("executions", str(status.traffic.executions)))
    if status.trouble:
        rows.append(("not known", status.trouble))
    return {"text/plain": _plain([], rows), "text/html": _html([], rows)}


def listing(sessions: Sequence[Listed]) -> dict[str, str]:
    """Return the pool's sessions as a MIME bundle."""
    head = ["session", "created", "last used", "expires", ""]
    rows = [
        (
            session.identifier,
            _moment(session.created),
            _moment(session.last_accessed),
            _moment(session.expires),
            "this kernel's" if session.ours else "",
        )
        for session in sessions
    ]
    return {"text/plain": _plain(head, rows), "text/html": _html(head, rows)}


def file_table(files: Sequence[RemoteFile]) -> dict[str, str]:
    """Return files of the session as a MIME bundle."""
    rows = [
        (
            file.path + "/" * file.is_directory,
            "" if file.is_directory else readable_size(file.size),
            _moment(file.modified),
        )
        for file in files[:_MOST_FILES]
    ]
    if len(files) > _MOST_FILES:
        rows.append((f"and {len(files) - _MOST_FILES:,} more", "", ""))
    head = ["file", "size", "changed"]
    return {"text/plain": _plain(head, rows), "text/html": _html(head, rows)}


def _moment(moment: datetime | None) -> str:
    """Say a time as this machine's clock has it, and how far away it is."""
    if moment is None:
        return ""
    seconds = (moment - datetime.now(UTC)).total_seconds()
    far = _distance(abs(seconds))
    return (
        f"{moment.astimezone():%Y-%m-%d %H:%M:%S} ({f'in {far}' if seconds > 0 else f'{far} ago'})"
    )


def _distance(seconds: float) -> str:
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _clean(text: str) -> str:
    """Take from a text what would act on a terminal."""
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    return "".join(character if character.isprintable() else "\ufffd" for character in shown)


def _plain(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [*([head] if head else []), *rows]
    cells = [[_clean(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _html(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        inside = "".join(
            f'<{tag} style="text-align: left">{escape(_clean(cell))}</{tag}>' for cell in cells
        )
        return f"<tr>{inside}</tr>"

    title = f"<thead>{line(head, 'th')}</thead>" if head else ""
    body = "".join(line(row, "td") for row in rows)
    return latex.inert(f"<table>{title}<tbody>{body}</tbody></table>")
