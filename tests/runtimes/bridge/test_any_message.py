"""Whatever the session's ipykernel sends, relay and variables stay, and the next cell runs."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

#: As JSON: what is none, bytes that are no text, half a surrogate pair, numbers that Python does
#: not convert or that JSON lacks, a name that stands twice, depth.
ODD_CONTENTS = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"\xff\xfe{}",
    b'{"text": "caf\xe9", "name": "stdout"}',
    rb'{"text": "\ud800", "name": "stdout"}',
    b'{"execution_state": "idle", "execution_count": ' + b"9" * 5000 + b"}",
    b'{"status": "error", "execution_count": "five"}',
    b'{"status": "ok", "execution_count": NaN}',
    b'{"execution_state": ["idle"], "execution_state": {}}',
    b'{"a":' * 3000 + b"1" + b"}" * 3000,
]
TYPES = ["stream", "status", "execute_reply", "execute_result", "input_request", "error", "odd"]
NAMES = st.sampled_from(TYPES) | st.none() | st.integers() | st.text(max_size=5)
PARENTS = st.sampled_from(["this cell", "", "nobody"]) | st.none() | st.lists(st.none())
MESSAGES = st.tuples(
    st.sampled_from(["iopub", "shell", "stdin"]),
    st.just(b"<IDS|MSG>") | st.binary(max_size=4),
    NAMES,
    PARENTS,
    st.sampled_from(ODD_CONTENTS) | st.binary(max_size=40),
    st.integers(0, 5),
)

#: Sends frames on the sockets of the ipykernel that runs this, as any library there can.
SENDING = """
import json as _json, base64 as _base64
_kernel = get_ipython().kernel
def _send(channel, frames):
    frames = [_base64.b64decode(frame) for frame in frames]
    cell = _kernel.get_parent("shell")["header"]["msg_id"].encode()
    frames = [frame.replace(b"this cell", cell) for frame in frames]
    if channel == "iopub":
        _kernel.iopub_socket.io_thread.send_multipart([b"topic", *frames])
    elif channel == "stdin":
        _kernel.stdin_socket.send_multipart([b"relay", *frames])
    else:
        _kernel.shell_stream.send_multipart([b"relay", *frames])
kept = "kept"
"""


def frames(delimiter, msg_type, parent, content, missing) -> list[str]:
    import base64

    parts = [
        delimiter,
        b"signature",
        json.dumps({"msg_type": msg_type}).encode(),
        json.dumps({"msg_id": parent}).encode(),
        b"{}",
        content,
    ]
    # Mostly whole; else parts are missing.
    return [base64.b64encode(part).decode() for part in parts[: len(parts) - missing % 4 or None]]


@pytest.fixture(scope="module")
def sending(shared):
    assert shared.run(SENDING)["status"] == "ok"
    return shared


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(MESSAGES, min_size=1, max_size=8))
def test_a_message_of_any_bytes_ends_nothing(sending, messages):
    code = "".join(f"_send({channel!r}, {frames(*message)!r})\n" for channel, *message in messages)
    sending.run(code)
    reply = sending.run("print(kept)")
    assert reply["status"] == "ok"
    sending.until_printed("kept\n")


@pytest.mark.parametrize("channel", ["iopub", "shell", "stdin"])
@pytest.mark.parametrize("content", ODD_CONTENTS, ids=range(len(ODD_CONTENTS)))
def test_odd_contents_end_nothing(sending, channel, content):
    for msg_type in TYPES:
        sent = frames(b"<IDS|MSG>", msg_type, "nobody", content, 0)
        assert sending.run(f"_send({channel!r}, {sent!r})")["status"] == "ok"
    sending.run("kept")
    assert sending.value() == "'kept'"


def test_an_output_that_cannot_be_read_is_said_to_be_dropped(sending):
    deep = frames(b"<IDS|MSG>", "execute_result", "this cell", ODD_CONTENTS[-1], 0)
    sending.run(f"_send('iopub', {deep!r})")
    sending.until(lambda m: "dropped: content nested too deep" in m.content.get("text", ""))


def test_an_input_that_cannot_be_read_asks_all_the_same(sending):
    deep = frames(b"<IDS|MSG>", "input_request", "this cell", ODD_CONTENTS[-1], 0)
    sending.run(f"_send('stdin', {deep!r})")
    asked = sending.until(lambda message: message.channel == "stdin")
    assert asked.content == {"prompt": "", "password": False}


def test_nothing_that_a_completion_beside_a_cell_needs_changes_its_process(notebook):
    cell = notebook.start(
        "import gc, sys, threading, time\ngc.disable(); seen = set()\nprint('begun')\n"
        "while not globals().get('go'):\n"
        "    seen.add((sys.getrecursionlimit(), gc.isenabled()))\n"
        "seen = len(seen), gc.isenabled()"
    )
    notebook.until_printed("begun")
    found = notebook.ask("complete_request", code="import os; os.pa", cursor_pos=16)
    assert "path" in str(found["matches"])
    notebook.ask("inspect_request", code="len", cursor_pos=3, detail_level=0)
    notebook.runtime.interrupt()
    assert cell.result(60)["ename"] == "KeyboardInterrupt"
    notebook.run("len(seen), gc.isenabled()")
    assert notebook.value() == "(1, False)"


def test_nothing_is_loaded_for_completion_before_somebody_asks(notebook):
    for _ in range(3):
        notebook.run("import sys; sorted(n for n in sys.modules if n in {'jedi', 'parso.cache'})")
    assert notebook.value() == "[]"
