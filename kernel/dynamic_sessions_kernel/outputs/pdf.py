"""PDFs: a file to save, since a browser's own viewer runs what a document asks for.

Shown by the front end, a PDF opens dialogs over the page, and does so again when its notebook is
opened (Chromium 156). No other type that passes is opened by a viewer of the browser's: pictures,
sound and video are decoded and drawn, and SVG is written anew.
"""

from __future__ import annotations


def link(data: str) -> str:
    """Return HTML that offers a PDF to be saved.

    Args:
        data: the document in base64, already checked to be nothing else.
    """
    size = f"{max(1, len(data) * 3 // 4 // 1000):,} kB"
    return (
        f'<p><a download="output.pdf" href="data:application/pdf;base64,{data}">'
        f"Save this PDF ({size})</a></p>"
    )
