"""Plain tables, recognised at a glance.

The HTML that comes in megabytes is a data frame's: one table of plain cells. To see that it is no
more takes a tenth of the time that it takes to parse and write it anew. Whatever is not exactly so
takes the long way.
"""

from __future__ import annotations

import re

_OTHER_TAG = re.compile(
    r"<(?!/?(?:table|thead|tbody|tfoot|tr|t[hd]|div|p|br)"
    r'(?: +(?:(?:border|colspan|rowspan|valign|halign)="\w{0,10}"|class="dataframe"'
    r'|style="text-align: (?:right|left|center);"))* */?>)',
    re.ASCII,
)


_CELL_TAGS = ("<td>", "</td>", "<tr>", "</tr>", "<th>", "</th>")


def plain(source: str) -> bool:
    """Whether HTML is one plain table, at most with a division around it and a line of text.

    Every `<` in it begins a whole tag of a known, harmless form, and what is opened is closed, so
    that it changes nothing around it wherever it is put.
    """
    text = _without_cells(source.strip())
    begins = text.find("<table")
    if begins < 0 or not begins < text.find("</table>"):
        return False
    divided = text.startswith("<div>") and text.endswith("</div>")
    wanted = {"<table": 1, "</table": 1, "<div": divided, "</div": divided}
    if any(text.count(tag) != count for tag, count in wanted.items()):
        return False
    lines = text.count("<p")
    return lines <= 1 and text.count("</p") == lines and _OTHER_TAG.search(text) is None


def _without_cells(text: str) -> str:
    """Leave out a table's body if it holds rows and cells alone, which counting tells."""
    begins, ends = text.find("<tbody>") + len("<tbody>"), text.rfind("</tbody>")
    if begins > ends:
        return text
    body = text[begins:ends]
    if body.count("<") != sum(map(body.count, _CELL_TAGS)):
        return text
    return text[:begins] + text[ends:]
