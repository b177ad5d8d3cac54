"""Isolated outputs outside of the run that made them: exported, and reopened without trust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter

from dynamic_sessions_kernel.messages import Message
from dynamic_sessions_kernel.outputs.filter import OutputFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import SimpleNamespace

pytestmark = pytest.mark.timeout(300)

FRAME = "iframe.dynamic-sessions-output"
RUN = "try { top.ran = true } catch { }"
RUNS = f"<script>{RUN} document.body.append('drawn by script')</script>"
OUTPUTS: list[dict[str, Any]] = [
    {"text/html": "<table class='dataframe'><tr><td>a cell</td></tr></table>"},
    {"text/html": f"<h3>A heading</h3>{RUNS}"},
    {"application/javascript": f"{RUN} element.append('drawn by script')"},
    {"image/svg+xml": '<svg xmlns="http://www.w3.org/2000/svg"><circle r="9" fill="red"/></svg>'},
    {"text/markdown": f"**bold**\n\n{RUNS}"},
    {"text/html": "<script>window.prepared = 1</script><style>p { color: red }</style>"},
]


def notebook() -> nbformat.NotebookNode:
    """A notebook as a front end saves it after an isolated run."""
    gate, outputs = OutputFilter(), []
    for data in OUTPUTS:
        content = {"data": {**data, "text/plain": "the text"}, "metadata": {}}
        (message,) = gate.pass_message(Message("display_data", content, "request"))
        shown = message.content
        outputs.append(
            nbformat.v4.new_output("display_data", data=shown["data"], metadata=shown["metadata"])
        )
    cell = nbformat.v4.new_code_cell("show()", outputs=outputs, execution_count=1)
    return nbformat.v4.new_notebook(
        cells=[cell],
        metadata={
            "kernelspec": {"name": "isolated", "display_name": "isolated", "language": "python"}
        },
    )


@pytest.fixture(scope="module")
def reopened(chromium: Callable[..., Any], front_end: SimpleNamespace) -> Iterator[Any]:
    nbformat.write(notebook(), front_end.lab.root / "untrusted.ipynb")
    page = chromium().page()
    page.goto(front_end.lab.url("untrusted.ipynb"))
    page.wait_for_selector(".jp-OutputArea-output strong")
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def exported(chromium: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    html, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook())
    file: Path = tmp_path_factory.mktemp("exported") / "notebook.html"
    file.write_text(html, "utf-8")
    page = chromium().page()
    # Its style sheets and formulas come from public addresses, which do not answer here.
    page.goto(file.as_uri(), wait_until="commit")
    page.wait_for_selector(FRAME, state="attached")
    yield page
    page.context.close()


def texts(page: Any) -> list[str]:
    return [area.inner_text() for area in page.query_selector_all(".jp-OutputArea-output")]


def test_reopened_without_trust_the_static_part_shows(reopened: Any) -> None:
    table, heading, script, drawing, markdown, prepares = texts(reopened)
    assert "a cell" in table
    assert heading.startswith("A heading")
    assert "interactive part" in heading
    assert "the text" in script
    assert "the text" in drawing or drawing == ""
    assert markdown.startswith("bold")
    assert prepares == ""


def test_reopened_without_trust_nothing_runs(reopened: Any) -> None:
    assert reopened.query_selector_all(FRAME) == []
    assert reopened.evaluate("window.ran") is None


def test_exported_the_frames_draw(exported: Any) -> None:
    frame = exported.query_selector(FRAME).content_frame()
    inner = frame.wait_for_selector("iframe", state="attached").content_frame()
    inner.wait_for_selector("text=drawn by script")
    assert exported.query_selector(f"{FRAME} + div").is_hidden()
    heights = [frame.bounding_box()["height"] for frame in exported.query_selector_all(FRAME)]
    assert len(heights) == 3
    assert heights[-1] == 0


def test_exported_the_rest_shows_in_place(exported: Any) -> None:
    assert exported.query_selector("table.dataframe td").inner_text() == "a cell"
    assert exported.query_selector("svg circle, img[src^='data:image/svg']") is not None


def test_exported_nothing_runs_in_the_page(exported: Any) -> None:
    assert exported.evaluate("window.ran") is None
