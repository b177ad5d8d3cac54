"""What commands ask the person for, over real kernels: on stdin, before anything is done."""

from __future__ import annotations

import queue

import pytest

LISTING = "import os; print(sorted(os.listdir()))"


@pytest.fixture
def folder(tmp_path):
    """A notebook's folder with a file, one hidden, and links; and a file outside."""
    inside = tmp_path / "notebook"
    inside.mkdir()
    (tmp_path / "outside.txt").write_text("o")
    (inside / "plain.txt").write_text("p")
    (inside / ".hidden.txt").write_text("h")
    (inside / "link.txt").symlink_to(tmp_path / "outside.txt")
    (inside / "to-hidden.txt").symlink_to(inside / ".hidden.txt")
    return inside


@pytest.fixture
def notebook(new_notebook, folder):
    return new_notebook(folder)


@pytest.mark.parametrize(
    ("word", "real"),
    [
        ("../outside.txt", "../outside.txt"),
        ("link.txt", "../outside.txt"),
        ("[l]ink*", "../outside.txt"),
        (".hidden.txt", ".hidden.txt"),
        ("to-hidden.txt", ".hidden.txt"),
    ],
)
def test_what_reaches_beyond_the_folder_is_asked_for_with_its_real_path(
    notebook, folder, word, real
) -> None:
    cell = notebook.send(f"%upload plain.txt {word}", allow_stdin=True)
    question = notebook.asked()
    path = str((folder / real).resolve())
    assert question["content"]["prompt"] == f"Send {path!r} to the session? [y/N] "
    notebook.answer("n", question)
    error = notebook.wait(cell).error
    assert error == f"CommandError: You did not agree to send {path!r}. Nothing was sent."
    assert "plain.txt" not in notebook.run(LISTING).stdout


@pytest.mark.parametrize("value", ["", "n", "Y", "YES", "yes!", "ye", "1", "y y", "да"])
def test_only_y_and_yes_mean_yes(new_notebook, folder, value) -> None:
    # No session is needed to see what an answer means.
    notebook = new_notebook(folder)
    assert "did not agree" in notebook.run_answering("%session trust", value).error
    assert "trusted from now on" in notebook.run_answering("%session trust", "yes").stdout


def test_an_answer_holds_for_those_paths_until_the_session_is_gone(notebook) -> None:
    assert notebook.run_answering("%upload link.txt", "y").status == "ok"
    assert notebook.run("%upload ../outside.txt").status == "ok"
    assert "You did not" in notebook.run_answering("%upload .hidden.txt", "n").error
    notebook.run("%session new")
    assert "You did not" in notebook.run_answering("%upload link.txt", "n").error


def test_plain_files_of_the_folder_are_sent_unasked(notebook, folder) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "a.csv").write_text("a")
    assert notebook.run("%upload plain.txt data/a.csv").status == "ok"


def test_a_front_end_without_stdin_is_refused_with_what_would_allow_it(notebook) -> None:
    error = notebook.run("%upload link.txt").error
    assert "DYNAMIC_SESSIONS_ALLOW" in error
    assert error.endswith("Nothing was sent.")
    error = notebook.run("%session trust").error
    assert "DYNAMIC_SESSIONS_OUTPUTS" in error
    assert "DYNAMIC_SESSIONS_ALLOW" not in error


def test_the_setting_allows_its_folders_and_what_is_hidden_only_by_name(
    new_notebook, folder
) -> None:
    allow = f"{folder.parent},{folder / '.hidden.txt'}"
    notebook = new_notebook(folder, DYNAMIC_SESSIONS_ALLOW=allow)
    (folder.parent / ".other").write_text("x")
    assert notebook.run("%upload link.txt .hidden.txt").status == "ok"
    assert "DYNAMIC_SESSIONS_ALLOW" in notebook.run("%upload ../.other").error
    assert "DYNAMIC_SESSIONS_OUTPUTS" in notebook.run("%session trust").error


def test_no_cell_and_no_file_of_the_folder_sets_what_is_allowed(new_notebook, folder) -> None:
    told = "c = get_config()\nc.DynamicSessionsKernel.allow = '/'\n"
    told += "c.DynamicSessionsKernel.outputs = 'trusted'\n"
    for name in ("jupyter_config.py", "ipython_kernel_config.py", "ipython_config.py"):
        (folder / name).write_text(told)
    (folder / ".env").write_text("DYNAMIC_SESSIONS_ALLOW=/\n")
    notebook = new_notebook(folder)
    notebook.run("import os; os.environ['DYNAMIC_SESSIONS_ALLOW'] = '/'")
    notebook.run("%env DYNAMIC_SESSIONS_OUTPUTS=trusted")
    assert "cannot ask" in notebook.run("%upload link.txt").error
    assert "cannot ask" in notebook.run("%session trust").error


def test_many_paths_are_counted_and_too_many_are_refused(notebook, folder) -> None:
    many = folder.parent / "many"
    many.mkdir()
    for number in range(51):
        (many / f"{number:02}.txt").touch()
    cell = notebook.send("%upload ../many/0*", allow_stdin=True)
    question = notebook.asked()
    lines = question["content"]["prompt"].splitlines()
    assert len(lines) == 11
    assert lines[-1] == "Send these 10 files to the session? [y/N] "
    notebook.answer("n", question)
    notebook.wait(cell)
    error = notebook.run_answering("%upload ../many/*").error
    assert "51 files" in error
    assert "too many" in error


def test_a_name_that_would_act_on_a_terminal_is_shown_escaped(notebook, folder) -> None:
    strange = folder.parent / "a\x1b[2K\u202e\n.d"
    strange.mkdir()
    (strange / "x.txt").touch()
    cell = notebook.send("%upload ../a*/x.txt", allow_stdin=True)
    question = notebook.asked()
    prompt = question["content"]["prompt"]
    assert prompt.isprintable()
    assert r"a\x1b[2K\u202e\n.d" in prompt
    notebook.answer("n", question)
    assert notebook.wait(cell).error.isprintable()


def test_an_interrupt_ends_the_question_and_a_late_answer_reaches_nothing(notebook) -> None:
    cell = notebook.send("%upload link.txt", allow_stdin=True)
    question = notebook.asked()
    notebook.interrupt()
    assert "Interrupted before you answered" in notebook.wait(cell).error
    notebook.answer("y", question)
    assert "cannot ask" in notebook.run("%upload link.txt").error


@pytest.mark.parametrize("named", [True, False], ids=["naming", "not naming"])
def test_the_session_asks_nothing_meanwhile_and_does_not_get_the_answer(
    new_notebook, folder, named
) -> None:
    notebook = new_notebook(folder, DYNAMIC_SESSIONS_RUNTIME="bridge")
    asks_later = (
        "import threading, time, os\n"
        "got = []\n"
        "kernel = get_ipython().kernel\n"
        "parent, ident = kernel.get_parent(), kernel._shell_parent_ident.get()\n"
        "def later():\n"
        "    while not os.path.exists('go'): time.sleep(0.05)\n"
        "    got.append(kernel._input_request('yours? ', ident, parent))\n"
        "threading.Thread(target=later, daemon=True).start()\n"
    )
    assert notebook.run(asks_later, allow_stdin=True).status == "ok"
    (folder / "go").touch()
    cell = notebook.send("%upload go\n%upload link.txt", allow_stdin=True)
    ours = notebook.asked()
    assert ours["content"]["prompt"].startswith("Send ")
    with pytest.raises(queue.Empty):
        notebook.client.get_stdin_msg(timeout=3)
    notebook.answer("y", ours if named else None)
    assert notebook.wait(cell).status == "ok"
    theirs = notebook.asked()
    assert theirs["content"]["prompt"] == "yours? "
    notebook.answer("for the session", theirs if named else None)
    waiting = "import time\nwhile not got: time.sleep(0.05)\nprint(got)"
    assert notebook.run(waiting).stdout == "['for the session']\n"
