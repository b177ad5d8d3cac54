"""What static outputs look like in a browser's page: in place, as written, and within their box."""

from __future__ import annotations

import html as escapes
from typing import TYPE_CHECKING, Any

import pytest

from dynamic_sessions_kernel.outputs import markdown
from dynamic_sessions_kernel.outputs.html import output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def page(chromium: Callable[[], Any]) -> Iterator[Any]:
    browser = chromium()
    yield browser.page()
    browser.close()


def put(page: Any, html: str) -> None:
    """Show an output with something above and below it, as in a notebook."""
    page.set_content(
        "<!doctype html><body style='margin:0'><div id=above style='height:100px'>above</div>"
        f"<div id=output style='width:600px'>{html}</div>"
        "<div id=below style='height:100px'>below</div>"
    )


def at(page: Any, x: int, y: int) -> str:
    """The id of what a person sees and clicks at a place."""
    return str(page.evaluate("([x, y]) => document.elementFromPoint(x, y).id", [x, y]))


def test_a_drawing_beside_a_table_is_drawn_in_place(page: Any) -> None:
    shown = output.shown(
        "<table><tr><th>Shape</th><td>(2,3)</td></tr></table>"
        '<svg width="60" height="40"><rect width="60" height="40" fill="orange"/></svg>'
    )
    put(page, shown.html)
    box = page.locator("#output rect").bounding_box()
    assert (box["width"], box["height"]) == (60, 40)
    fill = "element => getComputedStyle(element).fill"
    assert page.locator("#output rect").evaluate(fill) == "rgb(255, 165, 0)"
    assert page.locator("#output table").bounding_box()["y"] == 100


def test_a_part_folds_and_unfolds_by_its_label(page: Any) -> None:
    shown = output.shown(
        "<style>.part {display: none} .in:checked ~ .part {display: block}</style>"
        '<input class="in" id="s" type="checkbox"><label for="s">Data</label>'
        '<div class="part">values</div>'
    )
    put(page, shown.html)
    part = page.get_by_text("values")
    assert not part.is_visible()
    page.get_by_text("Data").click()
    assert part.is_visible()
    page.get_by_text("Data").click()
    assert not part.is_visible()


def test_a_span_placed_in_another_is_where_it_is_placed(page: Any) -> None:
    shown = output.shown(
        '<span style="display:inline-block;position:relative;height:40px">Bank<span id="mark" '
        'style="position:absolute;top:22px;left:0;width:100%;height:4px;background:red">'
        "</span></span>"
    )
    put(page, shown.html)
    assert page.locator("#dynses-mark").bounding_box()["y"] == 122


@pytest.mark.parametrize(
    "style",
    [
        "position:absolute;inset:-9999px;background:red;z-index:9999",
        "position:relative;top:-90px;height:300px;background:red;z-index:9999",
        "transform:scale(90);background:red",
        "box-shadow:0 0 0 9999px red",
        "outline:9999px solid red",
    ],
)
def test_nothing_of_an_output_covers_what_is_around_it(page: Any, style: str) -> None:
    put(page, output.shown(f'<p style="margin:0;{style}">x</p>').html)
    below = page.locator("#below").bounding_box()["y"]
    assert at(page, 50, 50) == "above"
    assert at(page, 50, int(below) + 50) == "below"
    shot = page.screenshot(clip={"x": 0, "y": 0, "width": 600, "height": 99})
    put(page, "<p style='margin:0'>x</p>")
    assert shot == page.screenshot(clip={"x": 0, "y": 0, "width": 600, "height": 99})


@pytest.mark.parametrize(
    "code",
    [
        "if 1<a: print('<b>')",
        "p = 'C:\\\\data\\\\a.csv' # $5 and $6",
        "s = r'$\\href{a}{b}$' + '&lt;'",
    ],
)
def test_what_is_selected_and_copied_is_what_was_sent(page: Any, code: str) -> None:
    for html in (
        markdown.rendered(f"```python\n{code}\n```"),
        output.shown(f"<table><tr><td>{escapes.escape(code)}</td></tr></table>").html,
    ):
        put(page, html)
        copied = page.evaluate(
            "() => { getSelection().selectAllChildren(document.getElementById('output'));"
            " return getSelection().toString(); }"
        )
        assert copied.strip() == code
