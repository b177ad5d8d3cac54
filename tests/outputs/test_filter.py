"""The gate: which messages pass, rebuilt from what the protocol gives them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamic_sessions_kernel.messages import Message
from dynamic_sessions_kernel.outputs.filter import OutputFilter

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


def passed(gate: OutputFilter, msg_type: str, content: Any, **more: Any) -> list[Message]:
    return gate.pass_message(Message(msg_type, content, "request", **more))


def shown(data: dict[str, Any], metadata: Any = None) -> dict[str, Any]:
    """What the front end gets of a display."""
    message, *_ = passed(OutputFilter(), "display_data", {"data": data, "metadata": metadata or {}})
    return message.content


def test_text_and_a_picture_pass_as_they_are() -> None:
    data = {"text/plain": "a figure", "image/png": PNG}
    assert shown(data, {"image/png": {"width": 10, "isolated": True}}) == {
        "data": data,
        "metadata": {"image/png": {"width": 10}},
        "transient": {},
    }


def test_a_picture_keeps_its_background_and_the_text_for_who_cannot_see_it() -> None:
    metadata = {"needs_background": "light", "image/png": {"alt": "a line", "unconfined": True}}
    kept = shown({"text/plain": "x", "image/png": PNG}, metadata)["metadata"]
    assert kept == {"needs_background": "light", "image/png": {"alt": "a line"}}
    assert shown({"image/png": PNG}, {"needs_background": "x y"})["metadata"] == {}


@pytest.mark.parametrize(
    "mime",
    [
        "application/scrapbook.scrap.json+json",
        "application/scrapbook.scrap.text+json",
        "application/papermill.record/json",
    ],
)
def test_what_a_pipeline_reads_passes_as_data(mime: str) -> None:
    data = {mime: {"name": "score", "data": [1, {"a": None}]}, "text/plain": "x"}
    metadata = {"scrapbook": {"name": "score", "data": True, "display": False}}
    assert shown(data, metadata) == {"data": data, "metadata": metadata, "transient": {}}


def test_what_a_pipeline_reads_is_bounded_and_named_where_it_is_left_out() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    mime = "application/scrapbook.scrap.json+json"
    content = {"data": {mime: deep}, "metadata": {"scrapbook": deep}}
    message, notice = passed(OutputFilter(), "display_data", content)
    assert message.content["data"] == {"text/plain": "<output>"}
    assert message.content["metadata"] == {}
    assert mime in notice.content["data"]["text/plain"]
    assert set(shown({"application/vdom.v1+json": {}})["data"]) == {"text/plain"}


def test_a_picture_must_be_one() -> None:
    message, notice = passed(
        OutputFilter(), "display_data", {"data": {"image/png": "PGh0bWw+", "text/plain": "x"}}
    )
    assert message.content["data"] == {"text/plain": "x"}
    assert "image/png was left out" in notice.content["data"]["text/plain"]


def test_a_picture_may_not_unpack_to_gigabytes() -> None:
    import base64
    import struct

    huge = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 60_000, 60_000) + b"\0" * 5
    assert set(shown({"image/png": base64.b64encode(huge).decode()})["data"]) == {"text/plain"}


def test_an_unknown_type_is_left_out_and_said_once() -> None:
    gate = OutputFilter()
    content = {"data": {"application/x-odd": "1", "text/plain": "x"}, "metadata": {}}
    first = passed(gate, "display_data", content)
    again = passed(gate, "display_data", content)
    assert [message.msg_type for message in first] == ["display_data", "display_data"]
    assert "application/x-odd" in first[1].content["data"]["text/plain"]
    assert first[1].parent == "request"
    assert [message.msg_type for message in again] == ["display_data"]
    assert again[0].content["data"] == {"text/plain": "x"}


def test_nothing_is_said_of_a_form_beside_which_another_is_drawn() -> None:
    data = {"application/x-odd": "1", "image/png": "PGh0bWw+", "text/html": "<b>x</b>"}
    (message,) = passed(OutputFilter(), "display_data", {"data": data, "metadata": {}})
    assert message.content["data"] == {"text/html": "<b>x</b>", "text/plain": "<output>"}


@pytest.mark.parametrize(
    "msg_type", ["status", "execute_input", "execute_reply", "shutdown_reply", "unheard_of"]
)
@pytest.mark.parametrize("mode", ["isolated", "trusted"])
def test_a_session_cannot_speak_for_the_kernel(msg_type: str, mode: Any) -> None:
    assert passed(OutputFilter(mode), msg_type, {"execution_state": "dead"}) == []


def test_a_question_comes_on_stdin_and_nothing_else_does() -> None:
    question = {"prompt": "\x1b]0;title\x07name? ", "password": 1, "extra": 2}
    (asked,) = passed(OutputFilter(), "input_request", question, channel="stdin")
    assert asked.content == {"prompt": "name? ", "password": False}
    assert passed(OutputFilter(), "input_request", question) == []
    assert passed(OutputFilter(), "stream", {"name": "stdout", "text": "x"}, channel="stdin") == []


def test_text_keeps_its_colours_and_loses_what_drives_a_terminal() -> None:
    text = "\x1b[31mred\x1b[0m \x1b]52;c;cHduZWQ=\x07\x1b[2J\x1bc\x9b5n\x1bP1$r\x1b\\50%\r100%\n"
    (message,) = passed(OutputFilter(), "stream", {"name": "stdout", "text": text})
    assert message.content["text"] == "\x1b[31mred\x1b[0m 50%\r100%\n"


def test_text_moves_the_cursor_within_its_line_alone() -> None:
    text = "1\x1b[3D2\x1b[K\x1b[2C3\x1b[1G4\x1b[A5\x1b[9B6\x1b[2;3H7\x1b[E8\x1b[F9"
    (message,) = passed(OutputFilter(), "stream", {"name": "stdout", "text": text})
    assert message.content["text"] == "1\x1b[3D2\x1b[K\x1b[2C3\x1b[1G456789"


def test_an_error_is_text() -> None:
    error = {"ename": "E\x1b]0;x\x07", "evalue": 3, "traceback": ["\x1b[31mline", 5, "end"]}
    (message,) = passed(OutputFilter(), "error", error)
    assert message.content == {"ename": "E", "evalue": "", "traceback": ["\x1b[31mline", "end"]}


def test_an_update_needs_the_display_that_it_updates() -> None:
    data = {"data": {"text/plain": "x"}, "metadata": {}}
    assert passed(OutputFilter(), "update_display_data", data) == []
    (update,) = passed(
        OutputFilter(), "update_display_data", {**data, "transient": {"display_id": "d", "more": 1}}
    )
    assert update.content["transient"] == {"display_id": "d"}


def test_comms_wait_for_trust_and_then_pass_in_order() -> None:
    gate = OutputFilter()
    opened = Message("comm_open", {"comm_id": "1"}, "a", buffers=(b"x",))
    told = Message("comm_msg", {"comm_id": "1"}, "b")
    (notice,) = gate.pass_message(opened)
    assert "%session trust" in notice.content["data"]["text/plain"]
    assert gate.pass_message(told) == []
    assert gate.trust() == [opened, told]
    assert gate.trusted
    assert gate.pass_message(told) == [told]


def test_too_many_comms_are_given_up_rather_than_kept() -> None:
    gate = OutputFilter()
    message = Message("comm_msg", {"comm_id": "1"}, "a", buffers=(b"x" * 1024 * 1024,))
    for _ in range(80):
        gate.pass_message(message)
    assert gate.trust() == []


def test_trust_ends_with_the_session() -> None:
    gate = OutputFilter()
    gate.trust()
    gate.reset()
    assert not gate.trusted
    assert OutputFilter("trusted").trusted


def test_trusted_everything_passes_as_it_came() -> None:
    message = Message(
        "display_data",
        {"data": {"text/html": "<script>1</script>"}, "metadata": {"x": 1}},
        "request",
        metadata={"y": 2},
    )
    assert OutputFilter("trusted").pass_message(message) == [message]


def test_static_html_stays_in_place() -> None:
    assert shown({"text/html": "<b>bold</b>", "text/plain": "x"})["data"]["text/html"] == (
        "<b>bold</b>"
    )


@pytest.mark.parametrize(
    "source",
    [
        "<script>1</script>",
        "<img src=x onerror=alert(1)>",
        "<iframe srcdoc='x'></iframe>",
        "<form><input></form>",
        "<svg><rect onclick='x'/></svg>",
        "<link rel=stylesheet href=x>",
    ],
)
def test_active_html_goes_into_frames(source: str) -> None:
    html = shown({"text/html": source, "text/plain": "x"})["data"]["text/html"]
    assert html.startswith('<iframe class="dynamic-sessions-output"')
    assert 'sandbox="allow-scripts"' in html
    assert "onerror" not in html
    assert re.search(
        r"</iframe>(<div>.*</div><style>[^<]*</style>)?<script>.*</script>$", html, re.DOTALL
    )


def test_a_pdf_is_a_link_that_saves_it_unless_another_form_shows() -> None:
    pdf = {"application/pdf": "JVBERi0xLjQK", "text/plain": "x"}
    html = shown(pdf)["data"]["text/html"]
    assert 'download="output.pdf" href="data:application/pdf;base64,JVBERi0xLjQK"' in html
    assert set(shown({**pdf, "text/html": "<b>x</b>"})["data"]) == {"text/html", "text/plain"}
    assert "Save this PDF" not in shown({**pdf, "text/html": "<b>x</b>"})["data"]["text/html"]


def test_javascript_is_shown_as_a_frame() -> None:
    data = shown({"application/javascript": "alert('</script>')", "text/plain": "x"})["data"]
    assert set(data) == {"text/html", "text/plain"}
    assert "alert" not in data["text/html"]


def test_a_drawing_stays_svg_and_an_active_one_becomes_a_frame() -> None:
    circle = '<svg xmlns="http://www.w3.org/2000/svg"><circle r="3" fill="red"/></svg>'
    assert set(shown({"image/svg+xml": circle, "text/plain": "x"})["data"]) == {
        "image/svg+xml",
        "text/plain",
    }
    active = circle.replace("<circle", "<script>1</script><circle")
    assert set(shown({"image/svg+xml": active, "text/plain": "x"})["data"]) == {
        "text/html",
        "text/plain",
    }


def test_text_always_travels_along() -> None:
    assert "text/plain" in shown({"application/json": {"a": 1}})["data"]


def test_json_too_deep_for_a_viewer_is_left_out() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    assert set(shown({"application/json": deep})["data"]) == {"text/plain"}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=10,
)
_types = st.sampled_from(
    [
        "stream",
        "display_data",
        "execute_result",
        "update_display_data",
        "error",
        "clear_output",
        "comm_open",
        "comm_msg",
        "debug_event",
        "input_request",
        "status",
    ]
)
_keys = st.sampled_from(
    ["data", "metadata", "transient", "name", "text", "traceback", "wait", "prompt", "comm_id"]
)
_mimes = st.sampled_from(
    [
        "text/plain",
        "text/html",
        "text/markdown",
        "text/latex",
        "image/png",
        "image/svg+xml",
        "application/json",
        "application/javascript",
        "application/vnd.plotly.v1+json",
        "application/vnd.vegalite.v5+json",
        "application/geo+json",
        "application/vnd.bokehjs_exec.v0+json",
        "application/vnd.bokehjs_load.v0+json",
        "application/pdf",
    ]
)


@given(msg_type=_types, content=st.dictionaries(_keys, _json, max_size=6) | _json)
@settings(max_examples=100, deadline=None)
def test_no_shape_of_message_upsets_the_gate(msg_type: str, content: Any) -> None:
    for message in passed(OutputFilter(), msg_type, content):
        assert isinstance(message.content, dict)


@given(data=st.dictionaries(_mimes, _json, max_size=4), metadata=_json)
@settings(max_examples=100, deadline=None)
def test_no_shape_of_output_upsets_the_gate(data: dict[str, Any], metadata: Any) -> None:
    for message in passed(OutputFilter(), "display_data", {"data": data, "metadata": metadata}):
        assert isinstance(message.content, dict)


def test_asking_for_bokehs_library_shows_nothing() -> None:
    load = {"application/javascript": "1", "application/vnd.bokehjs_load.v0+json": "1"}
    assert passed(OutputFilter(), "display_data", {"data": load, "metadata": {}}) == []


def test_a_stream_that_only_acts_on_a_terminal_leaves_nothing_behind() -> None:
    clear = {"name": "stdout", "text": "\x1b[H\x1b[2J\x1b[3J"}
    assert OutputFilter().pass_message(Message("stream", clear, "cell")) == []
    empty = {"name": "stdout", "text": ""}
    assert len(OutputFilter().pass_message(Message("stream", empty, "cell"))) == 1
