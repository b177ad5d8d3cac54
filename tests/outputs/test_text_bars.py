"""A bar of widgets, as tqdm.auto makes it, in a session that is not trusted."""

from __future__ import annotations

from typing import Any

import pytest

from dynamic_sessions_kernel.messages import Message
from dynamic_sessions_kernel.outputs.filter import OutputFilter

VIEW = "application/vnd.jupyter.widget-view+json"


def passed(output_filter: OutputFilter, msg_type: str, content: Any) -> list[Message]:
    return output_filter.pass_message(Message(msg_type, content, "request"))


def opened(comm: str, **state: Any) -> dict[str, Any]:
    return {"comm_id": comm, "target_name": "jupyter.widget", "data": {"state": state}}


def updated(comm: str, **state: Any) -> dict[str, Any]:
    return {"comm_id": comm, "data": {"method": "update", "state": state}}


@pytest.fixture
def bar() -> OutputFilter:
    """A filter behind which a bar of ten steps is shown."""
    output_filter = OutputFilter()
    passed(output_filter, "comm_open", opened("l", _model_name="HTMLModel", value=""))
    passed(
        output_filter, "comm_open", opened("b", _model_name="FloatProgressModel", max=10, value=0)
    )
    passed(output_filter, "comm_open", opened("r", _model_name="HTMLModel", value=""))
    children = ["IPY_MODEL_l", "IPY_MODEL_b", "IPY_MODEL_r"]
    passed(output_filter, "comm_open", opened("box", _model_name="HBoxModel", children=children))
    (shown, *_) = passed(
        output_filter,
        "display_data",
        {"data": {"text/plain": "0%", VIEW: {"model_id": "box"}}, "metadata": {}},
    )
    assert shown.content["data"] == {"text/plain": "0%"}
    assert shown.content["transient"] == {"display_id": "bar-box"}
    return output_filter


def test_its_text_moves_with_its_widgets(bar: OutputFilter) -> None:
    (moved,) = passed(bar, "comm_msg", updated("b", value=5))
    assert moved.msg_type == "update_display_data"
    assert moved.parent == "request"
    assert moved.content == {
        "data": {"text/plain": "|█████     |"},
        "metadata": {},
        "transient": {"display_id": "bar-box"},
    }
    (moved,) = passed(bar, "comm_msg", updated("r", value="\u20075/10 [00:01&lt;00:01]"))
    assert moved.content["data"] == {"text/plain": "|█████     | 5/10 [00:01<00:01]"}


def test_a_state_that_changes_nothing_to_see_sends_nothing(bar: OutputFilter) -> None:
    passed(bar, "comm_msg", updated("b", value=1))
    assert passed(bar, "comm_msg", updated("b", bar_style="success")) == []
    assert passed(bar, "comm_msg", updated("b", value=1.01)) == []


def test_a_bar_that_is_closed_leaves_nothing(bar: OutputFilter) -> None:
    passed(bar, "comm_msg", updated("b", value=5))
    (gone,) = passed(bar, "comm_close", {"comm_id": "box", "data": {}})
    assert gone.content["data"] == {"text/plain": ""}


def test_labels_bring_neither_html_nor_what_acts_on_a_terminal(bar: OutputFilter) -> None:
    (moved,) = passed(bar, "comm_msg", updated("l", value="<img src=x>\x1b]0;t\x07&lt;b&gt;\n" * 9))
    text = moved.content["data"]["text/plain"]
    assert set(moved.content["data"]) == {"text/plain"}
    assert "img" not in text
    assert "\x1b" not in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "content",
    [
        {"comm_id": "b", "data": {"state": {"value": float("nan")}}},
        {"comm_id": "b", "data": {"state": {"value": 1e308, "max": -1e308}}},
        {"comm_id": "b", "data": {"state": {"value": [1], "max": "x"}}},
        {"comm_id": "b", "data": {"state": []}},
        {"comm_id": ["b"], "data": 1},
        {"comm_id": "box", "data": {"state": {"children": 1}}},
    ],
)
def test_a_state_that_makes_no_sense_moves_nothing_far(bar: OutputFilter, content: Any) -> None:
    for message in passed(bar, "comm_msg", content):
        assert len(message.content["data"]["text/plain"]) < 100


def test_in_a_trusted_session_widgets_are_left_to_themselves() -> None:
    trusted = OutputFilter("trusted")
    content = opened("b", _model_name="FloatProgressModel", max=10, value=0)
    assert passed(trusted, "comm_open", content) == [Message("comm_open", content, "request")]


def test_tqdm_moves_to_its_end(new_notebook) -> None:
    ran = new_notebook(DYNAMIC_SESSIONS_RUNTIME="bridge").run(
        "from tqdm.auto import tqdm\nfor _ in tqdm(range(7), desc='steps'): pass", timeout=120
    )
    assert ran.status == "ok"
    (shown,) = [c for c in ran.all("display_data") if c["transient"]]
    last = ran.all("update_display_data")[-1]
    assert shown["transient"] == last["transient"]
    assert last["data"]["text/plain"].startswith("steps: 100%|██████████| 7/7 [00:0")
