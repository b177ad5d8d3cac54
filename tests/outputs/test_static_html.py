"""Static HTML keeps what only shows: drawings, boxes to tick, mathematics, pictures, downloads."""

from __future__ import annotations

import base64
import re

import pytest

from dynamic_sessions_kernel.outputs import svg
from dynamic_sessions_kernel.outputs.html import output


def test_a_drawing_within_html_stays_in_its_place() -> None:
    shown = output.shown(
        '<table><tr><td>1</td></tr></table><svg width="6"><use xlink:href="#i"/></svg>'
        '<p>between</p><svg><title>t<b>u</b></title><symbol id="i"><path d="M0 0"/></symbol></svg>'
    )
    assert not shown.framed
    tags = re.findall(r"<(?!/)[a-z]+|between", shown.html)
    assert " ".join(tags) == (
        "<table <tbody <tr <td <svg <use <p between <svg <title <symbol <path"
    )
    assert 'xlink:href="#dynses-i"' in shown.html
    assert 'id="dynses-i"' in shown.html


@pytest.mark.parametrize(
    "source",
    [
        "<svg onload='x'></svg>",
        "<svg><script>x</script></svg>",
        "<svg><foreignObject><img src=x></foreignObject></svg>",
        "<svg><rect width=6></rect></svg>",
        "<svg><svg></svg>",
        "<svg/onload=x>",
        "<svg></svg><script>x</script>",
        "<svg></svg><img src=x onerror=y>",
    ],
)
def test_html_with_a_drawing_that_does_more_goes_into_frames(source: str) -> None:
    assert output.shown(source).framed
    assert "onload" not in output.sanitised(source)
    assert "onerror" not in output.sanitised(source)


def test_the_place_of_a_drawing_is_no_way_out_of_an_attribute() -> None:
    hostile = '<svg><text id="&quot; onclick=x">x</text></svg>'
    for quote in ("'", '"', ""):
        kept = output.sanitised(f"<p title={quote}a {hostile} b{quote}>c</p>")
        tags = re.findall(r'<[^<>"]*(?:"[^"]*"[^<>"]*)*>', kept)
        assert not any(" onclick" in re.sub(r'"[^"]*"', "", tag) for tag in tags)


def test_a_box_to_tick_and_its_label_stay_in_place_and_no_other_input_does() -> None:
    box = '<input id="a" class="in" type="checkbox" checked name="n"><label for="a">x</label>'
    kept = output.shown(box)
    assert not kept.framed
    assert kept.html == (
        '<input id="dynses-a" class="dynses-in" checked="" type="checkbox">'
        '<label for="dynses-a">x</label>'
    )
    for other in (
        "<input>",
        "<input type=text>",
        "<input type='checkboxes'>",
        "<button>x</button>",
    ):
        assert output.shown(f"{box}{other}").framed
    assert output.sanitised("<input type=password name=x>") == '<input type="checkbox">'


def test_front_ends_own_harmless_classes_keep_their_look() -> None:
    kept = output.shown('<div class="alert alert-info jp-Dialog">x</div>').html
    assert kept == '<div class="alert alert-info dynses-jp-Dialog">x</div>'


def test_mathematics_stays_in_place_without_what_it_could_do() -> None:
    formula = "<math display='block'><mfrac><mi>x</mi><mn>2</mn></mfrac></math>"
    assert output.shown(formula).html == formula.replace("'", '"')
    kept = output.shown(
        "<math><mi href='https://a.example' class='jp-Dialog'>x</mi><maction actiontype='toggle'>"
        "<mtext><style>*{}</style>t</mtext></maction><annotation-xml>y</annotation-xml></math>"
    ).html
    assert "href" not in kept
    assert "maction" not in kept
    assert "*{}" not in kept
    assert 'class="dynses-jp-Dialog"' in kept


def test_a_drawing_as_picture_is_drawn_from_what_is_left_of_it() -> None:
    drawing = "<svg xmlns='http://www.w3.org/2000/svg'><circle r='3'/></svg>"
    encoded = base64.b64encode(drawing.encode()).decode()
    for address in (f"data:image/svg+xml;utf8,{drawing}", f"data:image/svg+xml;base64,{encoded}"):
        shown = output.shown(f'<img src="{address}" alt="c">')
        assert not shown.remote
        picture = re.search(r'src="data:image/svg\+xml;base64,([^"]*)"', shown.html)[1]
        assert base64.b64decode(picture).decode() == svg.drawing(drawing)
    active = drawing.replace("<circle", "<script/><circle")
    assert "src" not in output.sanitised(f'<img src="data:image/svg+xml,{active}">')


def test_only_images_of_another_address_are_said_to_be_left_out() -> None:
    assert output.shown("<img src='http://a.example/b.png'>").remote
    for quote in ("'", '"', ""):
        assert not output.shown(f"<img src={quote}data:image/png;base64,AAAA{quote}>").remote


@pytest.mark.parametrize(
    "source",
    [
        "<!-- <img src='http://a.example/b.png'> --><i id='x' lang=a-b>x</i>",
        "<p title=\"<img src='http://a.example/b.png'>\">x</p>",
        "<img src=''>",
        "<code>&lt;img src='http://a.example/b.png'&gt;</code>",
    ],
)
def test_what_only_looks_like_an_image_is_not_said_to_be_left_out(source: str) -> None:
    assert not output.shown(source).remote


def test_what_a_person_saves_by_a_click_stays_and_pages_do_not() -> None:
    kept = output.sanitised('<a download="x.csv" href="data:text/csv;base64,YSxi">save</a>')
    assert 'download="x.csv" href="data:text/csv;base64,YSxi"' in kept
    for address in ("data:text/html,x", "data:image/svg+xml,x", "x.csv", "data:text/csv,<b>"):
        assert "href" not in output.sanitised(f'<a download="x" href="{address}">save</a>')
