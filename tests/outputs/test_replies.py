"""Replies pass the gate as outputs do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamic_sessions_kernel.magics import contains_command
from dynamic_sessions_kernel.messages import Message
from dynamic_sessions_kernel.outputs.filter import OutputFilter

HOSTILE = {"text/html": "<script>1</script>", "text/plain": "x"}


def replied(msg_type: str, content: Any) -> dict[str, Any]:
    return OutputFilter().pass_reply(msg_type, content)


def executed(**content: Any) -> dict[str, Any]:
    return replied("execute_reply", {"status": "ok", "execution_count": 1, **content})


def test_a_user_expression_is_shown_as_an_output_would_be() -> None:
    reply = executed(user_expressions={"e": {"status": "ok", "data": HOSTILE, "metadata": {}}})
    assert reply["user_expressions"]["e"]["data"]["text/html"].startswith("<iframe")


def test_the_pager_gets_plain_text_alone() -> None:
    reply = executed(payload=[{"source": "page", "start": 3, "data": HOSTILE}])
    assert reply["payload"] == [{"source": "page", "start": 3, "data": {"text/plain": "x"}}]


@pytest.mark.parametrize("source", ["ask_exit", "edit", "edit_magic", "unheard_of"])
def test_a_payload_cannot_quit_or_open_an_editor(source: str) -> None:
    assert executed(payload=[{"source": source, "filename": "x"}])["payload"] == []


def test_proposed_input_passes() -> None:
    payload = {"source": "set_next_input", "text": "x = 100 % 7", "replace": True}
    assert executed(payload=[payload])["payload"] == [payload]


@pytest.mark.parametrize("mode", ["isolated", "trusted"])
@pytest.mark.parametrize(
    "text",
    [
        "%upload ~/.ssh",
        "x = %upload a",
        "%%upload\nx",
        "%session trust",
        "%up\x00load a",
        "\x1b]0;\n%upload a\n\x07",
        pytest.param(f"#{'x' * 2**20}\n%upload a", id="beyond what is searched"),
    ],
)
def test_proposed_input_cannot_command_this_kernel(text: str, mode: Any) -> None:
    gate = OutputFilter(mode, holds_command=contains_command)
    payload = [
        {"source": "set_next_input", "text": text, "replace": True},
        {"source": "set_next_input", "text": "x = 1", "replace": True},
    ]
    reply = gate.pass_reply("execute_reply", {"status": "ok", "payload": payload})
    assert reply["payload"] == payload[1:]
    _, notice = gate.pass_message(Message("stream", {"name": "stdout", "text": "x"}, "p"))
    assert "it was refused" in notice.content["data"]["text/plain"]


def test_an_inspection_is_shown_as_an_output_would_be() -> None:
    reply = replied("inspect_reply", {"status": "ok", "found": True, "data": HOSTILE})
    assert reply["found"] is True
    assert reply["data"]["text/html"].startswith("<iframe")


def test_the_debuggers_rich_variables_are_shown_as_outputs_would_be() -> None:
    reply = replied(
        "debug_reply",
        {"type": "response", "command": "richInspectVariables", "body": {"data": HOSTILE}},
    )
    assert reply["body"]["data"]["text/html"].startswith("<iframe")


def test_other_replies_of_the_debugger_pass() -> None:
    reply = {"type": "response", "command": "threads", "body": {"threads": [{"id": 1}]}}
    assert replied("debug_reply", reply) == reply


CURSOR = {"code": "y = x.up", "cursor_pos": 8}


def completed(matches, *, start=4, end=8, request=CURSOR, mode="isolated") -> dict[str, Any]:
    judge = OutputFilter(mode, holds_command=contains_command)
    types = [{"text": match, "start": start, "end": end, "type": "f"} for match in matches]
    content = {
        "status": "ok",
        "matches": matches,
        "cursor_start": start,
        "cursor_end": end,
        "metadata": {"_jupyter_types_experimental": types},
    }
    return judge.pass_reply("complete_reply", content, request)


@pytest.mark.parametrize("mode", ["isolated", "trusted"])
def test_a_completion_brings_no_line_of_its_own_and_no_command(mode) -> None:
    reply = completed(["x.upper", "x.up\n%upload a", "x.up\u2028%upload a"], mode=mode)
    assert reply["matches"] == ["x.upper"]
    (typed,) = reply["metadata"]["_jupyter_types_experimental"]
    assert typed == {"text": "x.upper", "start": 4, "end": 8, "type": "f"}
    empty = {"code": "", "cursor_pos": 0}
    assert completed(["%upload a", "abs"], start=0, end=0, request=empty)["matches"] == ["abs"]
    assigned = {"code": "y = ", "cursor_pos": 4}
    assert completed(["%upload a"], start=4, end=4, request=assigned)["matches"] == []
    begun = {"code": "%uplo", "cursor_pos": 5}
    assert completed(["ad a"], start=5, end=5, request=begun)["matches"] == []
    # What is taken out makes one word of what stood on either side.
    parted = ["%up\x00load a", "%\x1b[2Jupload a", "%upl\x1b]0;x\x07oad a"]
    reply = completed([*parted, "abs"], start=0, end=0, request=empty, mode=mode)
    assert reply["matches"] == ["abs"]
    assert [typed["text"] for typed in reply["metadata"]["_jupyter_types_experimental"]] == ["abs"]


@pytest.mark.parametrize("mode", ["isolated", "trusted"])
@pytest.mark.parametrize("status", ["ok", "incomplete", "complete", "unheard of"])
def test_a_line_begins_with_space_alone(status: str, mode: Any) -> None:
    judge = OutputFilter(mode, holds_command=contains_command)
    for indent, kept in (("    ", "    "), ("\n%upload a", ""), ("x", ""), (" \n ", ""), (4, "")):
        reply = judge.pass_reply("is_complete_reply", {"status": status, "indent": indent})
        assert reply.get("indent", "") == (kept if status != "unheard of" else "")


@pytest.mark.parametrize(("start", "end"), [(-3, 8), (9, 9), (6, 5), (True, 8), ("4", 8)])
def test_a_completion_replaces_only_what_lies_at_the_cursor(start, end) -> None:
    reply = completed(["x.upper"], start=start, end=end)
    assert (reply["matches"], reply["cursor_start"], reply["cursor_end"]) == ([], 8, 8)


def test_a_completion_replaces_nothing_of_another_line() -> None:
    request = {"code": "first\nsec", "cursor_pos": 9}
    assert completed(["second"], start=0, end=9, request=request)["matches"] == []
    assert completed(["second"], start=6, end=9, request=request)["matches"] == ["second"]


@pytest.mark.parametrize("mode", ["isolated", "trusted"])
def test_a_history_proposes_no_command(mode) -> None:
    judge = OutputFilter(mode, holds_command=contains_command)
    entries = [[1, 1, "1 + 1"], [1, 2, "%upload a"], [1, 3, ["x\n%upload a", "out"]]]
    passed = judge.pass_reply("history_reply", {"status": "ok", "history": entries})
    assert passed["history"] == [[1, 1, "1 + 1"]]


def test_completions_are_lines_of_text() -> None:
    reply = replied(
        "complete_reply",
        {
            "status": "ok",
            "matches": ["a\x1b[2J", 5],
            "cursor_start": 0,
            "cursor_end": 1,
            "metadata": {
                "_jupyter_types_experimental": [{"text": "a", "type": "function", "evil": 1}],
                "other": 1,
            },
        },
    )
    assert reply["matches"] == ["a"]
    assert reply["metadata"] == {"_jupyter_types_experimental": [{"text": "a", "type": "function"}]}


def test_comms_are_not_listed_before_trust() -> None:
    reply = replied("comm_info_reply", {"status": "ok", "comms": {"1": {"target_name": "x"}}})
    assert reply == {"status": "ok", "comms": {}}


def test_history_is_text() -> None:
    reply = replied(
        "history_reply",
        {"status": "ok", "history": [[1, 2, "a\x1bc"], [1, 3, ["in", None]], "x", [1, 2]]},
    )
    assert reply["history"] == [[1, 2, "a"], [1, 3, ["in", None]]]


def test_a_failure_keeps_its_traceback() -> None:
    reply = replied(
        "execute_reply",
        {"status": "error", "ename": "E", "evalue": "v", "traceback": ["t"], "execution_count": 2},
    )
    assert reply["status"] == "error"
    assert (reply["ename"], reply["traceback"], reply["execution_count"]) == ("E", ["t"], 2)


def test_an_unknown_reply_does_not_pass() -> None:
    assert replied("kernel_info_reply", {"status": "ok", "banner": "x"})["status"] == "error"


def test_trusted_a_reply_passes_as_it_came() -> None:
    reply = {"status": "ok", "found": True, "data": HOSTILE}
    assert OutputFilter("trusted").pass_reply("inspect_reply", reply) is reply


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    msg_type=st.sampled_from(
        [
            "execute_reply",
            "inspect_reply",
            "complete_reply",
            "history_reply",
            "is_complete_reply",
            "comm_info_reply",
            "debug_reply",
        ]
    ),
    content=st.dictionaries(
        st.sampled_from(
            ["data", "metadata", "matches", "history", "payload", "user_expressions", "body"]
        ),
        _anything,
    )
    | _anything,
)
@settings(max_examples=100, deadline=None)
def test_no_shape_of_reply_upsets_the_gate(msg_type: str, content: Any) -> None:
    assert isinstance(replied(msg_type, content), dict)
