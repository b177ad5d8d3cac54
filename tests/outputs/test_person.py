"""What a person does in JupyterLab's page with what a cell shows or asks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

pytestmark = pytest.mark.timeout(300)

PDF = "JVBERi0xLjQKJSBub3RoaW5nIG1vcmUK"
_RUN = "void window.jupyterapp.commands.execute('notebook:run-all-cells')"


@pytest.fixture(scope="module")
def page(chromium: Callable[[], Any], front_end: SimpleNamespace) -> Any:
    """A page of JupyterLab; the tests open their notebooks in it one after the other."""
    return chromium().page()


def test_a_pdf_is_saved_by_a_click(page: Any, front_end: SimpleNamespace) -> None:
    bundle = {"application/pdf": PDF, "text/plain": "a document"}
    cell = f"from IPython.display import display\ndisplay({bundle!r}, raw=True)"
    front_end.lab.write("pdf.ipynb", [cell], "isolated")
    front_end.open(page, front_end.lab.url("pdf.ipynb"))
    front_end.run_all(page)
    with page.expect_download() as saving:
        page.get_by_text("Save this PDF").click()
    assert saving.value.suggested_filename == "output.pdf"
    assert Path(saving.value.path()).read_bytes() == b"%PDF-1.4\n% nothing more\n"


@pytest.mark.parametrize(
    ("answer", "shown"),
    [("yes please", "The session is not trusted."), ("yes", r"outputs\s*trusted")],
)
def test_trust_is_asked_for_in_the_page(
    page: Any, front_end: SimpleNamespace, answer: str, shown: str
) -> None:
    name = f"trust-{answer.replace(' ', '-')}.ipynb"
    front_end.lab.write(name, ["1", "%session trust", "%session"], "isolated")
    front_end.open(page, front_end.lab.url(name))
    page.evaluate(_RUN)
    assert page.locator(".jp-Stdin-prompt").inner_text().strip().endswith("[y/N]")
    page.locator(".jp-Stdin-input").fill(answer)
    page.keyboard.press("Enter")
    page.locator(".jp-OutputArea-output", has_text=re.compile(shown)).wait_for()
