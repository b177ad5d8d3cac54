"""Cells that people run without meaning harm, and that break what carries them."""

from __future__ import annotations

import json

import pytest


def test_a_cell_of_5_mb_runs(notebook) -> None:
    text = "0123456789" * 500_000
    ran = notebook.run(notebook.place.mark("huge") + f"text = '{text}'\nlen(text), text[-3:]")
    assert ran.result == "(5000000, '789')"
    assert notebook.place.ran("huge") == 1


def test_10_000_lines_arrive_in_order_between_two_streams(notebook) -> None:
    ran = notebook.run(
        "import sys\nfor n in range(10_000): print(n, file=(sys.stdout, sys.stderr)[n % 2])"
    )
    assert ran.stdout.split() == [str(n) for n in range(0, 10_000, 2)]
    assert ran.stderr.split() == [str(n) for n in range(1, 10_000, 2)]


PRINTED = {
    "a line of 3 MB": ("'x' * 3_000_000", "x" * 3_000_000),
    "carriage returns": (r"'10%\r50%\r100%'", "10%\r50%\r100%"),
    "NUL and other control characters": (
        "'[' + ''.join(map(chr, range(27))) + ']'",
        "[\a\b\t\n\v\f\r]",  # the rest does nothing but harm in a terminal
    ),
    "what looks like the protocol's own": ("'~dsk1.abc.~ ~dsk1!dead~'", "~dsk1.abc.~ ~dsk1!dead~"),
    "what looks like a failure of the service": ("'Kernel restarted'", "Kernel restarted"),
    "every plane of Unicode": ("'é漢\\U0001f40d\\u2028\\ufeff'", "é漢\U0001f40d\u2028\ufeff"),
    "colours": (r"'\x1b[31mred\x1b[0m'", "\x1b[31mred\x1b[0m"),
}


@pytest.mark.parametrize("what", PRINTED)
def test_what_is_printed_arrives_as_it_is(notebook, what) -> None:
    code, text = PRINTED[what]
    assert notebook.run(f"print({code})").stdout == text + "\n"


def test_bytes_that_are_no_text_do_not_stop_a_cell(notebook) -> None:
    ran = notebook.run(
        "import sys, subprocess\n"
        "sys.stdout.flush()\n"
        "subprocess.run([sys.executable, '-c', "
        "'import sys; sys.stdout.buffer.write(bytes(range(256)) * 40)'])\n"
        "print('after\\n', end='')"  # in one piece: what the other wrote can come between two
    )
    assert ran.status == "ok"
    assert "after\n" in ran.stdout
    assert notebook.run("'next'").result == "'next'"


def test_half_a_surrogate_pair_stops_nothing(notebook) -> None:
    ran = notebook.run(notebook.place.mark("half") + "print('a\\ud83d' + 'b')\n'\\udc00'")
    assert ran.status == "ok"  # what was printed is dropped by ipykernel itself, here as locally
    ran = notebook.run("{'\\ud800': chr(0xdfff)}")
    assert ran.status == "ok"
    assert notebook.place.ran("half") == 1


def test_a_cell_whose_source_holds_half_a_surrogate_pair_is_answered(notebook) -> None:
    client = notebook.client
    message = client.session.msg("execute_request", {"code": "PLACE", "silent": False})
    content = json.dumps(message["content"]).replace("PLACE", "len('\\ud83d')").encode()
    parts = client.session.serialize(message)
    parts[-1] = content
    signed = parts[parts.index(b"<IDS|MSG>") + 2 :]
    parts[parts.index(b"<IDS|MSG>") + 1] = client.session.sign(signed)
    client.shell_channel.socket.send_multipart(parts)
    assert notebook.wait(message["header"]["msg_id"]).result == "1"
    assert notebook.run("1 + 1").result == "2"


def test_a_cell_that_prints_for_ever_is_interrupted_and_keeps_variables(notebook) -> None:
    cell = notebook.send(
        notebook.place.mark("flood") + "kept = 3\nwhile True: print('flood ' * 100)"
    )
    notebook.until(cell, "stream")
    notebook.interrupt()
    ran = notebook.wait(cell)
    assert ran.error.startswith("KeyboardInterrupt")
    assert set(ran.stdout.split()) == {"flood"}
    assert notebook.run("kept").result == "3"
    assert notebook.place.ran("flood") == 1


def test_of_fifty_queued_cells_those_behind_an_error_do_not_run(notebook) -> None:
    cells = [
        notebook.send(notebook.place.mark(f"q{n}") + ("1 / 0" if n == 25 else f"print({n})"))
        for n in range(50)
    ]
    ran = [notebook.wait(cell) for cell in cells]
    assert [one.status for one in ran] == ["ok"] * 25 + ["error"] + ["aborted"] * 24
    assert [one.stdout for one in ran[:25]] == [f"{n}\n" for n in range(25)]
    assert ran[25].error == "ZeroDivisionError: division by zero"
    marks = [line for line in notebook.place.lines("ran") if line.startswith("q")]
    assert marks == [f"q{n}" for n in range(26)]
    assert notebook.run("'next'").result == "'next'"


def test_two_clients_of_one_kernel_each_get_their_own(notebook) -> None:
    other = notebook.manager.blocking_client()
    other.start_channels()
    try:
        other.wait_for_ready(timeout=30)
        mine = notebook.send(notebook.place.mark("mine") + "print('mine')")
        told = []
        reply = other.execute_interactive(
            notebook.place.mark("others") + "print('others')",
            timeout=30,
            output_hook=lambda message: told.append(message["content"].get("text")),
            allow_stdin=False,
        )
        assert reply["content"]["status"] == "ok"
        assert "others\n" in told
        assert notebook.wait(mine).stdout == "mine\n"
        assert notebook.place.ran("mine") == notebook.place.ran("others") == 1
    finally:
        other.stop_channels()


def test_a_kernel_killed_in_mid_cell_finds_its_session_and_ran_the_cell_once(
    proxy, open_through
) -> None:
    notebook = open_through(proxy.endpoint)
    try:
        notebook.run("import os, time\nkept = 4")
        cell = notebook.send(
            notebook.place.mark("killed")
            + "print('begun', flush=True)\n"
            + "while not os.path.exists('/mnt/data/go'): time.sleep(0.01)\n"
            + notebook.place.mark("ended")
        )
        notebook.until(cell, "stream")
        notebook.manager.restart_kernel(now=True)
        notebook.client.wait_for_ready(timeout=60)
        notebook.place.session.execute("open('/mnt/data/go', 'w').close()")
        notebook.run("pass")
        assert notebook.place.ran("killed") == 1
        assert notebook.place.ran("ended") <= 1
        assert notebook.run("open('/mnt/data/ran').read()[:6]").result == "'killed'"
    finally:
        notebook.close()
