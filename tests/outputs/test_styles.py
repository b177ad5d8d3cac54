"""Styles of a session reach its own output alone, whatever is done to the way they are written.

What comes out is read again by a parser: each rule must be under its output's class, and each
declaration one that is written the same a second time.
"""

from __future__ import annotations

from typing import Any

import pytest
import tinycss2
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamic_sessions_kernel.outputs import svg
from dynamic_sessions_kernel.outputs.css import declarations, stylesheets
from dynamic_sessions_kernel.outputs.html import output, sanitizer

_SCRAPS = (
    *"()[]{};,: \n\f\r\x0b\0\u2028/*\"'\\-+~>|&!%.#<@^=?",
    *(
        "a",
        "body",
        ".x",
        "#y",
        ":not(",
        "::before",
        ":is(",
        "/**/",
        "/*",
        "*/",
        "url",
        "url(",
        "URL(",
    ),
    *("\\(", "\\{", "\\}", "\\;", "\\:", "\\a ", "\\28 ", "\\7b", "u\\72l(", "@media", "@import"),
    *("//e.test/x", "-5px", "5px", "!important", "<!--", "-->", "</style>", "color:red", "margin:"),
    *(
        "position:fixed",
        "background:",
        "font-",
        "text-",
        "rgb(",
        "calc(",
        "var(--x)",
        "{color:red}",
    ),
    *(
        "{margin:1px}",
        "#y,#z{color:red}",
        "body{position:fixed}",
        "1e3",
        "é",
        "image-set(",
        "content:",
    ),
)
sources = st.lists(st.sampled_from(_SCRAPS), max_size=22).map("".join)


def loads(tokens: Any) -> bool:
    """Whether a value names something to load, at any depth."""
    return any(
        token.type == "url"
        or (token.type == "function" and ("url" in token.name or loads(token.arguments)))
        or (token.type == "() block" and loads(token.content))
        for token in tokens
    )


def check_declarations(nodes: Any) -> None:
    """See that there is nothing but declarations that a style may make."""
    for node in tinycss2.parse_blocks_contents(nodes, skip_whitespace=True):
        assert node.type == "declaration", node
        assert node.lower_name != "position" or node.value[0].lower_value != "fixed"
        assert declarations.declared([node], drawing=False)
        assert not loads(node.value)


def rules(nodes: Any, within: str, depth: int = 0) -> None:
    """See that there is nothing but rules under a class."""
    for node in nodes:
        if node.type == "at-rule":
            assert node.lower_at_keyword == "media"
            assert depth < 2
            inner = tinycss2.parse_rule_list(node.content, skip_whitespace=True)
            rules(inner, within, depth + 1)
            continue
        assert node.type == "qualified-rule", node
        selected = [""]
        for token in node.prelude:
            assert token.type not in {"error", "comment", "{} block", "url", "at-keyword"}
            if token.type == "literal" and token.value == ",":
                selected.append("")
            else:
                selected[-1] += token.serialize()
        assert all(part.startswith(f".{within} ") for part in selected), selected
        check_declarations(node.content)


@settings(max_examples=1500)
@given(sources)
def test_what_is_left_of_a_sheet_is_rules_under_its_outputs_class(source: str) -> None:
    kept = stylesheets.sheet(source, "own")
    assert not set(kept) & set("<\0")
    rules(tinycss2.parse_stylesheet(kept, skip_whitespace=True), "own")


@settings(max_examples=1500)
@given(sources)
def test_what_is_left_of_an_attribute_is_declarations_alone(source: str) -> None:
    kept = declarations.style_attribute(source)
    check_declarations(kept)
    assert declarations.style_attribute(kept) == kept


@pytest.mark.parametrize(
    "value",
    [
        "background:url/**/(//evil.example/x)",
        "background:u\\72l(//evil.example/x)",
        "background:ur/**/l(//evil.example/x)",
        "margin-top:-/**/500px",
        "margin:calc/**/(-500px)",
        "margin:calc(-500px)",
        "margin:\\2d 500px",
        "font-\\;position\\:fixed\\;top\\:0:red",
        "color:b\\\n",
        "color:b\\ ",
        "color:\\\x0b",
        "content:\\d800",
        "color:red}body{color:red",
        f"color:{'9' * 3900}",
        f"color:{'rgb(' * 900}",
        f"color:{'x' * 5000}",
    ],
)
def test_what_cannot_be_written_without_an_escape_is_left_out(value: str) -> None:
    kept = declarations.style_attribute(value)
    assert kept in {"", "color:red"}
    assert sanitizer.clean(f'<p style="{value}">x</p>') in {
        "<p>x</p>",
        '<p style="color:red">x</p>',
    }


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("color: red !important", "color:red !important"),
        ("background:linear-gradient(90deg,#d65f5f 50%,transparent 0)", None),
        ("width:calc((100% - 2px)*3)", "width:calc((100% - 2px) * 3)"),
        ("font:12px/1.5 'Segoe UI',serif", 'font:12px / 1.5 "Segoe UI", serif'),
        ("content:'\"\\201c</style>\\a'", 'content:"\\22 \\201c \\3c /style\\3e \\a "'),
        ("color:red/**/;/**/width:1px", "color:red;width:1px"),
        ("margin:1px auto 0 2em", None),
    ],
)
def test_what_colours_and_arranges_keeps_its_meaning(value: str, kept: str | None) -> None:
    assert declarations.style_attribute(value).replace(", ", ",") == (kept or value).replace(
        ", ", ","
    )


@pytest.mark.parametrize(
    "value",
    [
        "position:absolute;top:22px;left:0;z-index:9",
        "position:sticky;top:-1px",
        "transform:translate(1px, -2px)",
        "box-shadow:0 0 2px 1px red",
        "outline:1px solid red",
    ],
)
def test_what_may_leave_its_place_is_clipped_to_its_outputs_box(value: str) -> None:
    for source in (f'<p style="{value}">x</p>', f"<style>p{{{value}}}</style><p>x</p>"):
        kept = output.shown(source).html
        assert kept.startswith('<div style="contain:paint;')
        assert kept.endswith("</div>")
        assert value.replace(", ", ",") in kept.replace(", ", ",")
    assert "contain" not in output.shown('<p style="background-position:0 0">x</p>').html
    assert declarations.style_attribute(value, drawing=True) in {
        "",
        "transform:translate(1px, -2px)",
    }


@pytest.mark.parametrize(
    "value", ["position:fixed", "position:var(--x)", "position:absolute fixed", "position:'fixed'"]
)
def test_no_position_is_the_pages(value: str) -> None:
    assert declarations.style_attribute(value) == ""


def test_custom_properties_are_the_outputs_own_and_load_nothing() -> None:
    kept = stylesheets.sheet(
        ":root{--a: #fff; --b:url(//e.test/x); --C: 1px} p{color:var(--a, red);margin:var(--C)}",
        "own",
    )
    assert kept == ".own > *{--a:#fff;--C:1px}\n.own p{color:var(--a, red)}"


@pytest.mark.parametrize(
    "rule",
    [
        r"a\(b({color:red} body{position:fixed}){color:red}",
        "url/**/( (a) x{} body{position:fixed} ){color:red}",
        "x//**/*f(*/ , body //**/*)*/{color:red}",
        "a:not(&){color:red}",
        "a:has(> b &){color:red}",
        "a:unheard-of(b){color:red}",
        "a:not(b{color:red}){color:red}",
        "a[b=c;d]{color:red}",
        "p{font-\\;\\}body\\{position\\:fixed\\;x:red}",
        "@media a\\\n{x} ;body{color:red}",
        "@media (a:b;c){b{color:red}}",
        "a\\ {color:red}",
        ":not(" * 20 + "a" + ")" * 20 + "{color:red}",
        f"a{'[' * 5000}{']' * 5000}{{color:red}}",
        f"a{{color:{'9' * 5000}}}",
    ],
)
def test_a_rule_that_could_become_another_is_left_out(rule: str) -> None:
    assert stylesheets.sheet(rule, "own") in {"", "@media (a:b;c){}"}


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ("tr:nth-child(2n + 1) td", ".own tr:nth-child(2n + 1) td"),
        ("tr:nth-child(2n+1)", ".own tr:nth-child(2n+1)"),
        ("tr:nth-of-type(-n+3)", ".own tr:nth-of-type(-n+3)"),
        ("tr:nth-last-child(odd)", ".own tr:nth-last-child(odd)"),
        ("a:not(.c, #d)::before", ".own a:not(.dynses-c, #dynses-d)::before"),
        ("td[data-x='a;b'] > b", '.own td[data-x="a;b"] > b'),
        (".dataframe thead th", ".own .dataframe thead th"),
        ("*", ".own *"),
    ],
)
def test_selectors_keep_their_meaning_within_their_output(rule: str, kept: str) -> None:
    assert stylesheets.sheet(f"{rule}{{color:red}}", "own") == f"{kept}{{color:red}}"


def test_a_sheet_for_a_width_of_the_page_is_kept() -> None:
    source = "@media screen and (min-width: 10em){ b{color:red} }"
    kept = "@media screen and (min-width: 10em){.own b{color:red}}"
    assert stylesheets.sheet(source, "own") == kept


def test_a_drawing_refers_to_its_own_parts_alone() -> None:
    assert declarations.style_attribute("fill:url(#8a)", drawing=True) == "fill:url(#dynses-8a)"
    kept = svg.drawing(
        "<svg xmlns='http://www.w3.org/2000/svg' style='fill:red;mask:url/**/(//e.test/x)'>"
        "<style>a\\(b({} body{position:fixed}){fill:red}</style></svg>"
    )
    assert "e.test" not in kept
    assert "body" not in kept


@pytest.mark.parametrize(
    "source",
    [
        "<style>" + "a" * 390_000,
        "<style>b{}" + "a" * 390_000 + "</style>",
        "<style>" + "\\" * 390_000,
        "<style>b{c:" + "(" * 50_000,
        "<style " * 300_000,
        "<iframe " * 300_000,
        "<iframe" + ' src="http://a"' * 300_000,
        "<img " * 300_000,
        "<div>" * 300_000,
        "<b>" * 300_000,
        "<span><div></span></div>" * 50_000,
        "<div><table><td></div>" * 50_000,
        "<rt>" * 300_000,
        "<li><dd>" * 200_000,
        '<div><p title="></div>">' * 50_000,
        "<div><!--></div>-->" * 50_000,
        "<p x=1>" + "&" * 2_000_000,
        "<p x=1>" + "\u00a0" * 2_000_000,
        "<table x>" + "x<br>" * 300_000,
        "<table><b x>" + "x<tr>" * 200_000,
        "<p " + " ".join(f"a{number}=1" for number in range(200_000)) + ">",
        '<p a=x" b=">" ' + " ".join(f"a{number}=1" for number in range(200_000)) + ">",
        "<p><s<style></style>vg>" + "<td></b>" * 40_000,
        "<math>" * 200 + "<input></b>" * 30_000,
        "<span x>" * 4_999 + "</h1>" * 500_000,
        "<p>" + "".join(f"<b id={number}>" for number in range(200)) + "<p>x" * 300_000,
    ],
    ids=lambda source: source[:24],
)
def test_nonsense_in_megabytes_is_read_once(source: str) -> None:
    assert len(output.shown(source, plain="x").html) < 20 * len(source)


def test_more_than_can_be_parsed_is_left_to_a_browsers_frame() -> None:
    assert output.shown("<div>" * 10_000, plain="x").framed
    assert output.shown("<p><i>" + "<p>x" * 600_000).framed
    assert not output.shown("<table>" + "<tr><td>x" * 20_000).framed
    assert not output.shown("<table x><tr><td>a &amp; b<br>c</table>" * 4_000).framed
    assert not output.shown("<table x>" + "<tr><td>a &amp; b<br>c</td></tr>\n" * 20_000).framed
    assert not output.shown("<img>" + "<p><b>x</b> <span>y</span></p>" * 20_000).framed


@pytest.mark.parametrize("source", ["<p>a" * 250_000, "<" * 1_000_000, "<b>a</b><br>" * 90_000])
def test_what_takes_much_more_memory_than_its_length_is_left_to_a_frame_too(source: str) -> None:
    assert output.shown("<i x>" + source).framed


def test_what_handles_an_event_goes_into_a_frame() -> None:
    assert output.shown('<p onclick="x">x</p>').framed
    assert output.shown('<table><tr><td onclick="x">x</td></tr></table>').framed
