"""Single rules of the table: style sheets, drawings, Markdown, formulas, viewers' data, frames."""

from __future__ import annotations

import base64
import gzip
import html as escapes
import json
import re
import time
from typing import Any

import pytest
from folium import plugins

from dynamic_sessions_kernel.outputs import latex, markdown, svg
from dynamic_sessions_kernel.outputs.css import stylesheets
from dynamic_sessions_kernel.outputs.frames import cdn, iframe
from dynamic_sessions_kernel.outputs.html import output
from dynamic_sessions_kernel.outputs.plots import bokeh, viewers


def _folium_addresses() -> list[str]:
    classes = [value for value in vars(plugins).values() if isinstance(value, type)]
    lists = [getattr(kind, name, []) for kind in classes for name in ("default_js", "default_css")]
    return sorted({address for pairs in lists for _, address in pairs})


def inner(markup: str) -> str:
    """What the inner frame of a framed output holds."""
    outer = escapes.unescape(re.search(r'srcdoc="([^"]*)"', markup)[1])
    packed = re.search(r'data-content="([^"]*)"', outer)[1]
    return gzip.decompress(base64.b64decode(packed)).decode()


@pytest.mark.parametrize(
    "rule",
    [
        "b{position:fixed}",
        "b{background:url(http://x)}",
        "b{background:image-set('http://x' 1x)}",
        "b{margin-left:-9px}",
        "@import url(http://x);",
        "@font-face{font-family:x;src:url(http://x)}",
        "+ b{color:red}",
        "~ *{display:none}",
        "&{color:red}",
        "b{color:red",  # kept, closed: see the next test
    ],
)
def test_a_style_sheet_stays_with_its_output(rule: str) -> None:
    kept = stylesheets.sheet(rule, "own")
    assert kept in {"", ".own b{color:red}"}


def test_names_in_a_style_sheet_are_the_outputs_own() -> None:
    kept = stylesheets.sheet("#a .b, td:not(.c){color:red} body{color:blue}", "own")
    assert kept == (
        ".own #dynses-a .dynses-b,.own td:not(.dynses-c){color:red}\n.own body{color:blue}"
    )


def test_a_style_sheet_cannot_end_its_element() -> None:
    assert "<" not in stylesheets.sheet("b{content:'</style><script>'}", "own")


@pytest.mark.parametrize(
    "source",
    [
        "<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        "<svg xmlns='http://www.w3.org/2000/svg' onload='1'/>",
        "<svg xmlns='http://www.w3.org/2000/svg'><foreignObject/></svg>",
        "<svg xmlns='http://www.w3.org/2000/svg'><animate/></svg>",
        "<!DOCTYPE svg [<!ENTITY a 'b'>]><svg xmlns='http://www.w3.org/2000/svg'>&a;</svg>",
        "<html xmlns='http://www.w3.org/1999/xhtml'/>",
        "<!DOCTYPE svg [<!ATTLIST path d CDATA 'x'>]><svg xmlns='http://www.w3.org/2000/svg'/>",
        f"<svg xmlns='http://www.w3.org/2000/svg' xmlns:q='{'u' * 1000}'/>",
        f"<svg xmlns='http://www.w3.org/2000/svg'><style>{'b{}' * 200_000}</style></svg>",
        "<svg",
        "",
        "<svg xmlns='http://www.w3.org/2000/svg'>" + "<g>" * 500 + "</g>" * 500 + "</svg>",
    ],
)
def test_what_does_more_than_draw_is_no_drawing(source: str) -> None:
    with pytest.raises(svg.NotADrawingError):
        svg.drawing(source)


def test_a_drawing_stays_in_its_place() -> None:
    kept = svg.drawing(
        '<svg xmlns="http://www.w3.org/2000/svg" transform="scale(9)" style="filter:none;fill:red">'
        '<g transform="scale(2)" style="transform:none"/></svg>'
    )
    root, group = re.findall("<(?:svg|g)[^>]*>", kept)
    assert "transform" not in root
    assert "filter" not in root
    assert group == '<g transform="scale(2)" style="transform:none">'


def test_a_drawing_loads_nothing_and_keeps_its_own_references() -> None:
    kept = svg.drawing(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        '<style>*{fill:url(http://x/#a)} .k{fill:red}</style><g id="a" class="k"/>'
        '<use xlink:href="#a"/><use href="http://x/#a"/><image href="http://x/y.png"/>'
        '<rect fill="url(#a)" stroke="url(http://x/)" style="fill:url(http://x)"/>'
        '<a href="javascript:1"><text>t &lt; u</text></a></svg>'
    )
    assert "http://x" not in kept
    assert "javascript" not in kept
    assert 'xlink:href="#dynses-a"' in kept
    assert 'fill="url(#dynses-a)"' in kept
    assert "t &lt; u" in kept


@pytest.mark.parametrize(
    "source",
    [
        "# Title\n\n**bold** `vector` [a](https://b.example)",
        "a < b and C:\\temp\\a.csv",
        "![x](data:image/png;base64,AAAA)",
        "```python\nx[1:2] = {'a': [1]}\n```\n$\\frac{1}{2}$",
    ],
)
def test_markdown_that_only_shows_passes_as_it_came(source: str) -> None:
    assert markdown.passes(source)


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("a <b>x</b>", "<p>a <b>x</b></p>"),
        ("<script>x</script>", ""),
        ("![x](http://y)", '<p><img alt="x"></p>'),
        ("[x](javascript:1)", "<p>[x](javascript:1)</p>"),
        ("[x](&#106;avascript:1)", "<p>[x](javascript:1)</p>"),
        ("[x][r]\n\n[r]: javascript:1", "<p>[x][r]</p>\n<p>[r]: javascript:1</p>"),
        ("```mermaid\nx\n```", "<pre><code>x\n</code></pre>"),
        ("~~~\u00a0Mermaid\nx\n~~~", "<pre><code>x\n</code></pre>"),
        ("```\ufeffmermaid\nx\n```", "<pre><code>x\n</code></pre>"),
        ("a\r\r[x]: javascript:1", "<p>a</p>\n<p>[x]: javascript:1</p>"),
        (f"[{'x' * 2000}]: javascript:1", f"<p>[{'x' * 2000}]: javascript:1</p>"),
    ],
)
def test_markdown_loads_and_runs_nothing(source: str, kept: str) -> None:
    assert not markdown.passes(source)
    written = re.sub(r' class="dynses-language[^"]*"', "", markdown.rendered(source))
    assert written.strip() == kept


def text_of(markup: str) -> str:
    """What a person copies."""
    return escapes.unescape(re.sub(r"<[^<>]*>", "", markup))


@pytest.mark.parametrize(
    "code",
    [
        "if 1<a: print('<b>')",
        "p = 'C:\\\\data\\\\a.csv'  # $5",
        "x[1]: int = 2; d = {'a': [b](c)}",
        "s = r'$\\href{a}{b}$' + '&lt;' + '&bsol;href'",
    ],
)
def test_what_a_person_copies_out_of_code_is_what_was_sent(code: str) -> None:
    assert text_of(markdown.rendered(f"```python\n{code}\n```")).strip() == code
    cell = f"<table><tr><td>{escapes.escape(code)}</td></tr></table>"
    assert text_of(output.shown(cell).html) == code
    assert text_of(output.preformatted(code)) == code


def test_markdown_keeps_harmless_html_autolinks_and_formulas() -> None:
    kept = markdown.rendered(
        "A<br>B, H<sub>2</sub>O, see <https://example.org> and [a](notes.md#x) and <kbd>Ctrl</kbd>"
        " and $a_1<b_1 *c*$\n\n$$\n- x\n= y\n$$\n\n|a|\n|-|\n|~~b~~|"
    )
    assert kept.startswith("<p>A<br>B, H<sub>2</sub>O, see <a ")
    assert 'href="https://example.org"' in kept
    assert 'href="notes.md#x"' in kept
    assert "<kbd>Ctrl</kbd> and $a_1&lt;b_1 *c*$" in kept
    assert "<p>$$\n- x\n= y\n$$</p>" in kept
    assert "<td><del>b</del></td>" in kept or "<td><s>b</s></td>" in kept


@pytest.mark.parametrize(
    "part",
    ["[" * 50_000, "*a_ " * 12_500, "> " * 25_000, "<b " * 16_000, "`" * 50_000, "$" * 50_001],
)
def test_markdown_made_to_cost_time_ends(part: str) -> None:
    begun = time.process_time()
    markdown.rendered(f"<b>x</b> {part}")
    assert time.process_time() - begun < 20


def test_formulas_keep_what_only_draws() -> None:
    assert not latex.acts(r"$\frac{1}{2} \hrefx \require{cancel} \enclose{circle}{x}$")
    for acting in (
        r"\href{javascript:1}{x}",
        r"\style{a}{b}",
        r"\require{html}",
        r"\enclose{x}[a]{b}",
    ):
        assert latex.acts(f"${acting}$")


@pytest.mark.parametrize("place", range(-8, 3))
def test_a_command_is_found_wherever_in_a_long_text_it_stands(place: int) -> None:
    before = "x" * (latex._WINDOW_CHARS + place)
    assert latex.acts(before + r"\href{y}{z}")
    assert latex.acts(before + "&#" + "0" * 150 + "92;")
    assert latex.acts(before + "&#" + "0" * 250 + "92;")
    assert not latex.acts(before + r"\hrefx \enclose{circle}{x} &#920;")


def test_text_without_a_formula_is_written_as_it_came() -> None:
    assert output.shown(r"<p>C:\data\a.csv</p>").html == r"<p>C:\data\a.csv</p>"


def test_a_command_in_a_drawing_is_parted_wherever_the_parser_parts_the_text() -> None:
    for length in range(8180, 8200):
        text = "." * length + r"$\href{a}{b}$"
        kept = svg.drawing(f'<svg xmlns="http://www.w3.org/2000/svg"><text>{text}</text></svg>')
        assert r"\<tspan></tspan>href" in kept


@pytest.mark.parametrize(
    "command",
    [
        r"\&#104;ref{x}",
        "&#92;href{x}",
        "&#92href{x}",
        "&bsol;&#x68;re&#102;{x}",
        r"\alpha&#92;href{x}",
        "x&bsol;bsol&bsol;href{x}",
        r"\&#00000000000000104;ref{x}",
        "&#x5C;mmlToken{mi}[href='x']",
        r"\bbox[position:fixed]{x}",
        r"\fcolorbox{red;position:fixed}{b}{x}",
    ],
)
def test_a_formulas_command_is_broken_however_it_is_spelt(command: str) -> None:
    assert latex.acts(f"${command}$")
    for kept in (latex.inert(f"<p>${command}$</p>"), output.shown(f"<p>${command}$</p>").html):
        assert "<span></span>" in kept


def test_html_keeps_links_and_loses_what_they_could_run() -> None:
    kept = output.sanitised(
        '<a href="https://a.example">x</a><a href="javascript:1">y</a><a href="/api">z</a>'
        '<img src="http://b.example/c.png" alt="c"><b id="main" data-x="1" name="n">m</b>'
    )
    assert 'href="https://a.example"' in kept
    assert "javascript" not in kept
    assert "/api" not in kept
    assert "b.example" not in kept
    assert '<b id="dynses-main">m</b>' in kept


@pytest.mark.parametrize(
    "address",
    [
        " data:text/html,x",
        "&#1;data:text/html,x",
        "da\tta:text/html,x",
        "java\nscript:1",
        "http:/tree",
        "http:hub/logout",
        "//b.example",
        "/tree",
    ],
)
def test_a_link_leads_to_another_site_or_nowhere(address: str) -> None:
    assert "href" not in output.sanitised(f'<a href="{address}">x</a>')
    assert 'href="#dynses-a"' in output.sanitised('<a href="#a">x</a>')
    assert 'href="mailto:a@b.example"' in output.sanitised('<a href="mailto:a@b.example">x</a>')


def test_what_is_joined_where_a_style_was_is_judged_as_joined() -> None:
    assert output.shown("<p><s<style></style>vg onload='x'></svg>").framed
    assert output.shown("<p><scr<style></style>ipt>1</script>").framed


def test_the_frames_hold_the_output_and_fall_back_to_its_static_part() -> None:
    markup = output.framed("<h1>head</h1><script>1</script>", plain="the text")
    assert inner(markup).endswith("<h1>head</h1><script>1</script>")
    fallback = re.search(r"</iframe><div>(.*?)</div><style>", markup, re.DOTALL)[1]
    assert fallback.startswith("<h1>head</h1>")
    assert "<script" not in fallback


def test_nothing_ends_the_frame_early() -> None:
    markup = iframe.framed("x", instead='<b title="</iframe><script>1</script>">x</b>')
    assert markup.count("</iframe>") == 1


def test_the_policy_names_libraries_and_no_other_address() -> None:
    policy = iframe.policy(
        '<script src="https://cdn.jsdelivr.net/npm/vega@6?noext"></script>'
        '<script src="https://cdn.jsdelivr.net/npm/leaflet@1.9.3/dist/leaflet.js"></script>'
        '<script src="https://cdn.jsdelivr.net/npm/evil@1/x.js"></script>'
        '<script src="https://cdn.jsdelivr.net/npm/vega@6.evil.example/x"></script>'
        '<script src="https://evil.example/https://cdn.bokeh.org/bokeh/"></script>'
    )
    assert "https://cdn.jsdelivr.net/npm/vega@6 " in policy
    assert "https://cdn.jsdelivr.net/npm/leaflet@1.9.3/" in policy
    assert "npm/evil" not in policy
    assert "//evil" not in policy
    assert "connect-src data: blob:;" in policy
    assert "frame-src 'none'" in policy


_ADDRESSES = (
    "https://assets.pyecharts.org/assets/v6/echarts.min.js",
    "https://cdn.holoviz.org/panel/1.8.0/dist/panel.min.js",
    "https://cdn.jsdelivr.net/gh/JetBrains/lets-plot@v4.11.0/js-package/distr/lets-plot.min.js",
    "https://cdn.jsdelivr.net/npm/3dmol@2.5.5/build/3Dmol-min.js",
    "https://cdn.jsdelivr.net/npm/@deck.gl/jupyter-widget@~9.3.*/dist/index.js",
    "https://cdn.jsdelivr.net/npm/vizzu@0.17/dist/vizzu.min.js",
    "https://d3js.org/d3.v5.js",
    "https://kozea.github.io/pygal.js/2.0.x/pygal-tooltips.min.js",
    "https://mpld3.github.io/js/mpld3.v0.5.11.js",
    "https://unpkg.com/maplibre-gl@5.14.0/dist/maplibre-gl.css",
    "https://www.unpkg.com/dt_for_itables@2.5.8/dt_bundle.js",
)


@pytest.mark.parametrize("address", [*_ADDRESSES, *_folium_addresses()])
def test_what_published_libraries_load_is_allowed(address: str) -> None:
    assert any(address.startswith(place) for place in cdn.addresses(f'<script src="{address}">'))


@pytest.mark.parametrize(
    "address",
    [
        "https://cdn.jsdelivr.net/gh/JetBrains-not/lets-plot@1/x.js",
        "https://cdn.jsdelivr.net/gh/JetBrains/lets-plotted@1/x.js",
        "https://evil.github.io/pygal.js/x.js",
        "https://evil.unpkg.com/leaflet/x.js",
        "https://www.unpkg.com/leaflet.evil/x.js",
    ],
)
def test_what_only_looks_like_a_published_library_is_not(address: str) -> None:
    assert cdn.addresses(f'<script src="{address}">') == []


def test_what_an_address_may_hold_cannot_add_to_the_policy() -> None:
    hostile = "https://cdn.jsdelivr.net/npm/vega@6;script-src * 'unsafe-inline' https://x/"
    assert cdn.addresses(hostile) == ["https://cdn.jsdelivr.net/npm/vega@6"]


@pytest.mark.parametrize(
    ("spec", "plain"),
    [
        ({"data": {"values": [{"a": 1}]}, "mark": "bar"}, True),
        ({"data": {"url": "data.json"}, "mark": "bar"}, False),
        ({"data": {"values": []}, "mark": {"type": "image"}}, False),
        ({"data": {"values": []}, "mark": "bar", "usermeta": {}}, False),
        ({"data": {"values": '[{"im\\u0061ge": 1}]'}, "mark": "bar"}, False),
        ({"transform": [{"type": "formula", "expr": "1", "as": {"signal": "'ima'+'ge'"}}]}, False),
        ({"transform": [{"type": "fold", "as": ["a", {"signal": "'b'"}]}]}, False),
        ({"transform": [{"type": "fold", "as": ["a", "b"]}]}, True),
        ([], False),
    ],
)
def test_vega_data_is_plain_if_it_names_nothing_to_load(spec: Any, plain: bool) -> None:
    assert viewers.plain_vega(spec) is plain


@pytest.mark.parametrize(
    ("figure", "plain"),
    [
        ({"data": [{"y": [1]}], "layout": {"title": {"text": "<b>x</b>"}}}, True),
        ({"data": [], "layout": {"images": [{"source": "/api"}]}}, False),
        ({"data": [{"geojson": "/api"}]}, False),
        ({"data": [{"geojson": {"type": "FeatureCollection", "features": []}}]}, True),
        ({"data": [], "layout": {"map": {"layers": [True, {"source": "/api"}]}}}, False),
        ({"data": [{"type": "scattergeo"}]}, False),
        ({"data": [{"type": "of the future"}]}, False),
        ({"data": [{"type": ["bar"]}]}, False),
        ({"data": [], "layout": {"updatemenus": [{"args": ["type", "choropleth"]}]}}, False),
        ({"data": {"type": "bar"}}, False),
        ({"data": [{"texttemplate": "<span %{customdata}>", "customdata": ["style='x'"]}]}, False),
        ({"data": [{"text": ["<"]}]}, False),
        ({"data": [{"hovertemplate": "<b>%{x}</b><br>a < b<extra></extra>"}]}, True),
        ({"data": [], "layout": {"updatemenus": [{"args": [{"images[0].source": "/x"}]}]}}, False),
        ({"data": [], "layout": {"updatemenus": [{"args": ["images[0].source", "x"]}]}}, False),
        ({"data": [{"x": ["/\\evil.example/x"]}]}, False),
        ({"data": [{"type": "bar", "y": [1, 2], "text": [1, "x"]}]}, True),
        ({"data": [{"text": ['<span style="background:url(x)">']}]}, False),
        ({"data": [], "config": {"topojsonURL": "x"}}, False),
        ({"data": [], "config": {"plotlyServerURL": "https://plot.ly"}}, True),
        ("x", False),
    ],
)
def test_plotly_data_is_plain_if_it_names_nothing_to_load(figure: Any, plain: bool) -> None:
    assert viewers.plain_plotly(figure) == (figure if plain else None)


def test_a_figure_of_plotlys_own_making_is_plain_unless_it_is_a_map() -> None:
    graphs = pytest.importorskip("plotly.graph_objects")
    bars = json.loads(graphs.Figure(graphs.Bar(y=[1])).to_json())
    kept = viewers.plain_plotly(bars)
    assert kept["data"] == bars["data"]
    assert {"mapbox", "geo"}.isdisjoint(kept["layout"]["template"]["layout"])
    world = json.loads(graphs.Figure(graphs.Scattergeo(lat=[0], lon=[0])).to_json())
    assert viewers.plain_plotly(world) is None


def test_data_in_a_viewers_page_cannot_end_its_script() -> None:
    page = viewers.plotly_page({"data": [{"text": "</script><script>alert(1)"}]})
    assert "</script><script>alert" not in page
    assert json.dumps("x") in viewers.vega_page("application/vnd.vegalite.v5+json", {"title": "x"})


def test_a_bokeh_figure_brings_its_library_and_its_element() -> None:
    known = bokeh.Bokeh()
    known.load('const js_urls = ["https://cdn.bokeh.org/bokeh/release/bokeh-3.9.2.min.js"];')
    page = known.figure('embed([{"roots":{"p1":"element-1"}}])')
    assert '<script src="https://cdn.bokeh.org/bokeh/release/bokeh-3.9.2.min.js">' in page
    assert '<div id="element-1" data-root-id="p1"></div>' in page


def test_markdown_that_would_take_its_parser_long_stays_as_it_was_written() -> None:
    text = "<b>" + "| a\n" * 20_000
    shown = markdown.rendered(text)
    assert "<pre" in shown
    assert "<b>" not in shown
