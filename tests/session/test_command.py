"""`%session` in cells, on each runtime, and what it says."""

from __future__ import annotations

import uuid
from html.parser import HTMLParser

import pytest

from dynamic_sessions_kernel.jupyter.session_origin import session_identifier
from dynamic_sessions_kernel.magics import complete


def identifier_of(notebook) -> str:
    return session_identifier(notebook.manager.session.key)


def rows(ran) -> dict[str, str]:
    """The table of `%session` as its plain text has it."""
    (shown,) = ran.all("display_data")
    lines = shown["data"]["text/plain"].splitlines()
    return dict(map(str.strip, line.split("  ", 1)) for line in lines)


@pytest.fixture(scope="module", params=["bridge", "direct"])
def used(request, local_pool, start_notebook):
    """A notebook that has a session, for tests that leave it as it is."""
    notebook = start_notebook({**local_pool.environment, "DYNAMIC_SESSIONS_RUNTIME": request.param})
    notebook.run("kept = 1")
    yield notebook
    notebook.close()


def test_without_a_session_it_says_so_and_makes_none(new_notebook, local_pool) -> None:
    notebook = new_notebook()
    assert rows(notebook.run("%session"))["session"].startswith("none yet")
    assert notebook.run("%session?").stdout.startswith("%session  ")
    assert "no session to stop" in notebook.run("%session stop").stdout
    assert "trusted from now on" in notebook.run_answering("%session trust", "y").stdout
    ran = notebook.run("%session list")
    assert ran.count == 1
    assert identifier_of(notebook) not in local_pool.identifiers()


def test_the_table_tells_of_the_session(used) -> None:
    ran = used.run("%session")
    table = rows(ran)
    assert table["session"] == identifier_of(used)[:8] + "…"
    assert table["pool"] == "127.0.0.1"
    assert table["runtime"] in {"bridge", "direct"}
    assert table["outputs"] == "isolated"
    assert table["software"].startswith("Python 3")
    assert table["software"].endswith(" packages")
    assert "ago" in table["created"]
    assert "(in " in table["expires"]
    assert "(in 60 min), and longer if a cell runs" in table["kept until"]
    assert table["round trip"].endswith(" ms")
    assert "sent" in table["moved"]
    assert int(table["executions"]) > 0


def test_the_table_is_html_too_and_holds_no_whole_identifier(used) -> None:
    cells = []

    class Cells(HTMLParser):
        def handle_data(self, data: str) -> None:
            cells.append(data)

    for code in ("%session", "%session list"):
        ran = used.run(code)
        Cells().feed(ran.all("display_data")[0]["data"]["text/html"])
        assert identifier_of(used) not in str(ran.messages)
    assert identifier_of(used)[:8] + "…" in cells
    assert "this kernel's" in cells


def test_the_cell_is_counted_and_stored_like_any_other(used) -> None:
    before = used.run("1").count
    ran = used.run("%session\n6 * 7")
    assert (ran.count, ran.result) == (before + 1, "42")
    assert "%session\n6 * 7" in used.run("%history -n -l 3").stdout


def test_restart_clears_variables_and_keeps_files(notebook) -> None:
    notebook.run("x = 1; open('kept.txt', 'w').close()")
    ran = notebook.run("%session restart\nimport os\n'x' in globals(), os.listdir()")
    assert "variables are gone, the files in /mnt/data are kept" in ran.stdout
    assert (ran.result, ran.count) == ("(False, ['kept.txt'])", 1)
    assert notebook.run("1").count == 2


def test_new_keeps_nothing_and_the_code_below_runs_in_the_fresh_session(notebook) -> None:
    notebook.run("x = 1; open('gone.txt', 'w').close()")
    ran = notebook.run("%session new\nimport os\n'x' in globals(), os.listdir()")
    assert "was deleted, variables and files, and starts anew under the same" in ran.stdout
    assert "fresh" not in ran.stdout
    assert ran.result == "(False, [])"


def test_a_session_that_nothing_keeps_has_no_such_row(new_notebook, runtime) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME=runtime, DYNAMIC_SESSIONS_KEEP_ALIVE="0")
    notebook.run("1")
    assert "kept until" not in rows(notebook.run("%session"))


def test_delete_asks_and_deletes_another_session_and_no_other(new_notebook, local_pool) -> None:
    notebook = new_notebook()
    notebook.run("x = 1")
    with local_pool.client() as pool:
        other, spared = (pool.session(uuid.uuid4().hex) for _ in range(2))
        for session in (other, spared):
            session.execute("1")
        command = f"%session delete {other.identifier[:8]}…"
        refused = notebook.run_answering(command, "n")
        assert refused.error == "CommandError: You did not agree. Nothing was deleted."
        assert "cannot ask" in notebook.run(command).error
        own = notebook.run(f"%session delete {identifier_of(notebook)[:8]}").error
        assert "`%session stop` deletes it" in own
        assert other.identifier in local_pool.identifiers()
        cell = notebook.send(command, allow_stdin=True)
        question = notebook.asked()
        assert f"Delete session {other.identifier[:8]}… with" in question["content"]["prompt"]
        notebook.answer("y", question)
        assert "was deleted" in notebook.wait(cell).stdout
        left = local_pool.identifiers()
        assert other.identifier not in left
        assert {spared.identifier, identifier_of(notebook)} <= left
        spared.delete()
    assert notebook.run("x").result == "1"


def test_stop_deletes_the_session_and_the_next_code_starts_another(notebook, local_pool) -> None:
    notebook.run("x = 1")
    ran = notebook.run("%session stop")
    assert "was deleted" in ran.stdout
    assert identifier_of(notebook) not in local_pool.identifiers()
    assert rows(notebook.run("%session"))["session"].startswith("none yet")
    again = notebook.run("'x' in globals()")
    assert (again.result, again.count) == ("False", 1)


def test_the_table_says_when_the_session_is_lost(new_notebook, local_pool) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="bridge")
    notebook.run("x = 1")
    with local_pool.client() as pool:
        pool.session(identifier_of(notebook)).delete()
    # The link notices by itself, or with the first cell that goes to the session.
    ran = [notebook.run("%session")]
    while "not connected" not in rows(ran[-1])["runtime"]:
        ran.append(notebook.run("%session"))
    ran.append(notebook.run("x"))
    lost = [cell for cell in ran if cell.reply.get("ename") == "SessionLostError"]
    assert len(lost) == 1


def test_attach_takes_over_a_living_session_with_its_variables(
    new_notebook, runtime, local_pool
) -> None:
    first, second = (new_notebook(DYNAMIC_SESSIONS_RUNTIME=runtime) for _ in range(2))
    first.run("x = 1; open('its.txt', 'w').close()")
    second.run("x = 2")
    ran = second.run(f"%session attach {identifier_of(first)[:12]}\nimport os\nx, os.listdir()")
    assert "with its variables and files" in ran.stdout
    assert f"%session attach {identifier_of(second)[:8]}" in ran.stdout
    assert ran.result == "(1, ['its.txt'])"
    assert second.run("1").count == ran.count + 1
    assert "Another kernel" in first.run("x").error
    # The one that lost it does not delete it for the other.
    first.close()
    assert second.run("x").result == "1"
    assert second.run(f"%session attach {identifier_of(second)}\nx").result == "2"
    with local_pool.client() as pool:
        pool.session(identifier_of(first)).delete()


def test_attach_wants_a_beginning_of_one_session_and_else_changes_nothing(
    new_notebook, local_pool
) -> None:
    stem = uuid.uuid4().hex
    with local_pool.client() as pool:
        both = [pool.session(stem + end) for end in "ab"]
        for session in both:
            session.execute("1")
        notebook = new_notebook()
        notebook.run("x = 1")
        for beginning, said in [
            (stem, "2 living sessions"),
            ("no-such", "No living session"),
            (identifier_of(notebook), "already"),
        ]:
            assert said in notebook.run(f"%session attach {beginning}").error
        assert notebook.run("x").result == "1"
        for session in both:
            session.delete()


def test_new_after_attach_leaves_the_attached_session_alive(new_notebook, local_pool) -> None:
    identifier = uuid.uuid4().hex
    with local_pool.client() as pool:
        attached = pool.session(identifier)
        attached.execute("1")
        notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="bridge")
        ran = notebook.run(f"%session attach {identifier[:10]}…")
        assert "no notebook's variables" in ran.stdout
        assert "lives on" in notebook.run("%session new").stdout
        assert identifier in local_pool.identifiers()
        attached.delete()


def test_an_attached_session_is_not_deleted_with_the_kernel(new_notebook, local_pool) -> None:
    identifier = uuid.uuid4().hex
    with local_pool.client() as pool:
        pool.session(identifier).execute("1")
        notebook = new_notebook()
        notebook.run(f"%session attach {identifier}")
        notebook.manager.shutdown_kernel()
        assert identifier in local_pool.identifiers()
        pool.session(identifier).delete()


def test_trust_lets_outputs_through_until_the_session_is_gone(new_notebook) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="bridge")
    script = "from IPython.display import HTML\nHTML('<script>window.x = 1</script>')"

    def shown() -> str:
        return notebook.run(script).all("execute_result")[0]["data"]["text/html"]

    raw = "<script>window.x = 1</script>"
    assert shown() != raw
    ran = notebook.run_answering("%session trust", "y")
    assert "as you" in ran.stdout
    assert shown() == raw
    assert rows(notebook.run("%session"))["outputs"] == "trusted"
    assert "already" in notebook.run("%session trust").stdout
    notebook.run("%session new")
    assert shown() != raw


def test_trust_releases_the_widgets_that_waited(new_notebook) -> None:
    notebook = new_notebook(DYNAMIC_SESSIONS_RUNTIME="bridge")
    ran = notebook.run("from comm import create_comm\nc = create_comm(target_name='t', data={})")
    assert ran.all("comm_open") == []
    notebook.run_answering("%session trust", "yes")
    assert released(notebook)["target_name"] == "t"


def released(notebook):
    """The comm that some cell has opened by now."""
    return next(
        message["content"]
        for messages in notebook._published.values()
        for message in messages
        if message["msg_type"] == "comm_open"
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("%session start", "is not known"),
        ("%session new now", "nothing behind it"),
        ("%session attach", "beginning of one session's identifier"),
        ("%session delete", "beginning of one session's identifier"),
        ("if True:\n    %session new", "%session"),
    ],
)
def test_what_cannot_be_is_said_before_anything_happens(used, code, said) -> None:
    error = used.run(f"kept = 2\n{code}").error
    assert error.startswith("CommandError: ")
    assert said in error
    assert used.run("kept").result == "1"


@pytest.mark.parametrize(
    ("code", "matches"),
    [
        ("%session ", ("status", "list", "restart", "new", "stop", "attach", "delete", "trust")),
        ("%session st", ("status", "stop")),
        ("x = %session tr", ("trust",)),
        ("%session attach ", ()),
        ("%session x", ()),
    ],
)
def test_tab_completes_its_words(tmp_path, code, matches) -> None:
    found = complete(code, len(code), tmp_path)
    assert found is not None
    assert found.matches == matches


def test_tab_completes_its_name(used) -> None:
    assert "%session" in used.ask("complete", "%sess")["matches"]
