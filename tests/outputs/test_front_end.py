"""What a person does in JupyterLab beside running cells: moving a slider, debugging."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import TimeoutError  # noqa: A004 - the one that its waits raise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import SimpleNamespace

pytestmark = pytest.mark.timeout(300)

SLIDER = """
from ipywidgets import interact
@interact(x=(0, 10))
def shown(x):
    print('moved to', x)
"""
STOPPED_AT = """total = 1
total = 2
total = 3"""
BAR = "from tqdm.auto import tqdm\nfor _ in tqdm(range(7), desc='steps'): pass"
#: As where debugpy is not installed, which ipykernel finds out when it is imported.
WITHOUT_DEBUGPY = """
kernel = get_ipython().kernel
kernel.debugger = None
async def without(message): return {}
kernel.do_debug_request = without
"""
BUTTON = ".jp-DebuggerBugButton"


@pytest.fixture(scope="module")
def page(chromium: Callable[[], Any]) -> Iterator[Any]:
    page = chromium().page()
    yield page
    page.context.close()


@pytest.fixture
def picture(page: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep a picture of the page's last state, for who looks at it."""
    yield
    if folder := os.environ.get("DYNAMIC_SESSIONS_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{request.node.name}.png"))


def switch_debugger_on(page: Any, until: Any) -> None:
    """Press the debugger's button until this shows.

    JupyterLab loses a press that comes while it prepares the notebook.
    """
    for _ in range(6):
        if page.locator(f"{BUTTON}[aria-pressed=true]").count() == 0:
            page.locator(BUTTON).click()
        with contextlib.suppress(TimeoutError):
            until.wait_for(timeout=20_000)
            return
    raise AssertionError("the button had no effect")


@pytest.mark.parametrize("kernel", ["trusted", "ipykernel"])
def test_what_a_callback_prints_follows_the_slider(
    kernel: str, page: Any, picture: None, front_end: SimpleNamespace
) -> None:
    name = front_end.lab.write(f"slider-{kernel}.ipynb", [SLIDER], kernel)
    front_end.open(page, front_end.lab.url(name))
    front_end.run_all(page)
    page.get_by_text("moved to 5").wait_for()
    handle = page.locator(".noUi-handle")
    for value in (6, 7):
        handle.press("ArrowRight")
        page.get_by_text(f"moved to {value}").wait_for()
    assert page.get_by_text("moved to 5").count() == 0


def test_a_breakpoint_stops_the_cell_and_shows_its_variables(
    page: Any, picture: None, front_end: SimpleNamespace
) -> None:
    name = front_end.lab.write("stops.ipynb", [STOPPED_AT], "isolated")
    front_end.open(page, front_end.lab.url(name))
    third_line = page.locator(".cm-breakpoint-gutter .cm-gutterElement").nth(3)
    switch_debugger_on(page, third_line)  # before the first cell: this starts the session
    third_line.click()
    page.locator(".jp-DebuggerBreakpoint").wait_for()
    # `void`, since the command ends with the cell, which is to stop.
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.locator(".jp-DebuggerCallstackFrame").first.wait_for()
    page.locator(".jp-DebuggerVariables").get_by_text("total").first.wait_for()
    if folder := os.environ.get("DYNAMIC_SESSIONS_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / "stopped.png"))
    page.evaluate("void window.jupyterapp.commands.execute('debugger:continue')")
    page.locator(".jp-InputPrompt").get_by_text("[1]:").wait_for()


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["%session?"], "direct runtime"),
        ([WITHOUT_DEBUGPY], "has no `debugpy`"),
    ],
)
def test_why_the_debugger_does_not_start_is_said_in_the_page(
    page: Any, picture: None, front_end: SimpleNamespace, cells: list[str], said: str
) -> None:
    kernel = "direct" if "direct" in said else "isolated"
    name = front_end.lab.write(f"refused-{kernel}.ipynb", cells, kernel)
    front_end.open(page, front_end.lab.url(name))
    front_end.run_all(page)
    switch_debugger_on(page, page.locator(".jp-OutputArea-output").get_by_text(said).first)


def test_tqdms_bar_stands_at_its_end_as_text(
    page: Any, picture: None, front_end: SimpleNamespace
) -> None:
    name = front_end.lab.write("bar.ipynb", [BAR], "isolated")
    front_end.open(page, front_end.lab.url(name))
    front_end.run_all(page)
    page.get_by_text("steps: 100%").wait_for()
    assert page.get_by_text("steps:   0%").count() == 0
