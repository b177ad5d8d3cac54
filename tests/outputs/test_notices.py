"""What a cell says of what did not reach the page: one sentence, and only of what was lost."""

from __future__ import annotations

from typing import Any

from dynamic_sessions_kernel.messages import Message
from dynamic_sessions_kernel.outputs.filter import OutputFilter

VIEW = "application/vnd.jupyter.widget-view+json"
REMOTE = {"text/html": "<img src='https://a.example/b.png'>"}


def displayed(output_filter: OutputFilter, data: Any, parent: str = "cell") -> list[Message]:
    """Return what follows an output of a session."""
    content = {"data": data, "metadata": {}}
    return output_filter.pass_message(Message("display_data", content, parent))[1:]


def text(message: Message) -> str:
    return str(message.content["data"]["text/plain"])


def test_what_one_output_lost_is_one_sentence() -> None:
    (said,) = displayed(OutputFilter(), {"application/x-a": "1", "application/x-b": "1"})
    assert text(said) == (
        "[isolated] Outputs of the types application/x-a and application/x-b were left out."
        " Outputs are isolated from this page; `%session trust` lifts that for this session."
    )


def test_an_image_left_out_of_markdown_is_said_where_the_markdown_is_what_shows() -> None:
    markdown = {"text/markdown": "![x](https://a.example/b.png)"}
    (said,) = displayed(OutputFilter(), markdown)
    assert "Images that an output would load" in text(said)
    assert displayed(OutputFilter(), {**markdown, "text/html": "<b>x</b>"}) == []
    assert displayed(OutputFilter(), {"text/markdown": "<b>no</b> `![x](https://a.example)`"}) == []


def test_what_a_cell_loses_later_joins_the_sentence_in_its_place() -> None:
    output_filter = OutputFilter()
    (first,) = displayed(output_filter, {"application/x-a": "1"})
    (second,) = displayed(output_filter, REMOTE)
    (third,) = displayed(output_filter, {VIEW: {"model_id": "m"}})
    assert [said.msg_type for said in (first, second, third)] == [
        "display_data",
        "update_display_data",
        "update_display_data",
    ]
    assert len({said.content["transient"]["display_id"] for said in (first, second, third)}) == 1
    assert text(third) == (
        "[isolated] An output of type application/x-a was left out; images that an output would"
        " load from another address were left out; widgets and other live connections between"
        " this page and the session wait: they act on the page. `%session trust` lets them"
        " through; then run the cell again."
    )


def test_another_cell_has_a_sentence_of_its_own() -> None:
    output_filter = OutputFilter()
    displayed(output_filter, {"application/x-a": "1"})
    (said,) = displayed(output_filter, {"application/x-b": "1"}, parent="next")
    assert (said.msg_type, said.parent) == ("display_data", "next")
    assert "application/x-a" not in text(said)


def test_a_sentence_that_was_cleared_away_is_not_added_to() -> None:
    output_filter = OutputFilter()
    displayed(output_filter, {"application/x-a": "1"})
    output_filter.pass_message(Message("clear_output", {"wait": False}, "cell"))
    (said,) = displayed(output_filter, {"application/x-b": "1"})
    assert said.msg_type == "display_data"


def test_a_widget_is_missed_only_where_no_other_form_of_it_is_drawn() -> None:
    output_filter = OutputFilter()
    opened = {"comm_id": "m", "target_name": "jupyter.widget", "data": {"state": {}}}
    assert output_filter.pass_message(Message("comm_open", opened, "cell")) == []
    view = {VIEW: {"model_id": "m"}, "text/plain": "Figure()"}
    assert displayed(output_filter, {**view, "text/html": "<b>a figure</b>"}) == []
    (said,) = displayed(output_filter, view)
    assert text(said).startswith("[isolated] Widgets and other live connections")


def test_a_bar_that_is_shown_as_text_is_not_missed() -> None:
    output_filter = OutputFilter()
    for comm, state in (
        ("b", {"_model_name": "FloatProgressModel"}),
        ("box", {"_model_name": "HBoxModel", "children": ["IPY_MODEL_b"]}),
    ):
        opened = {"comm_id": comm, "target_name": "jupyter.widget", "data": {"state": state}}
        output_filter.pass_message(Message("comm_open", opened, "cell"))
    assert displayed(output_filter, {VIEW: {"model_id": "box"}, "text/plain": "0%"}) == []
