"""`%download` and `%files` against an embedded pool, over both generations of its API."""

from __future__ import annotations

import io
import stat
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from dynamic_sessions_kernel import SessionPool
from dynamic_sessions_kernel.client.models import RemoteFile
from dynamic_sessions_kernel.errors import CommandError
from dynamic_sessions_kernel.magics import (
    CommandInterruptedError,
    Consent,
    Context,
    complete,
    make_plan,
)
from dynamic_sessions_kernel.magics.incoming import may_be_run, refusal
from dynamic_sessions_kernel.magics.session_tables import file_table


class Cell:
    """A cell with a command: what it shows, what it asks, and what the person answers."""

    def __init__(self, session: Any, folder: Path) -> None:
        self.session, self.folder = session, folder
        self.text = ""
        self.shown: list[dict[str, str]] = []
        self.asked: list[str] = []
        self.interrupted = threading.Event()

    def run(self, text: str, *answers: str, can_ask: bool = True, allow: tuple[str, ...] = ()):
        waiting = list(answers)

        def ask(question: str) -> str:
            self.asked.append(question)
            return waiting.pop(0)

        (command, *_) = make_plan(text).commands
        command.check(self.folder)
        consent = Consent(ask if can_ask else None, allow)
        part = command.run(
            Context(self.session, self.show, self.interrupted.is_set, consent=consent)
        )
        assert not waiting
        return part

    def show(self, msg_type: str, content: dict[str, Any]) -> None:
        if msg_type == "stream":
            self.text += content["text"]
        else:
            self.shown.append(content["data"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    return folder


@pytest.fixture
def cell(session, folder: Path) -> Cell:
    return Cell(session, folder)


def put(session: Any, **files: bytes) -> None:
    for name, content in files.items():
        session.upload(io.BytesIO(content), name.replace("__", "/").replace("_", "."))


def make(session: Any, *names: str) -> None:
    """Make files of whatever name in the session, each with its own name as content."""
    code = (
        "import os\n"
        f"for name in {names!r}:\n"
        "    os.makedirs(os.path.dirname(name) or '.', exist_ok=True)\n"
        "    with open(name, 'w') as file: file.write(name)\n"
    )
    assert session.execute(code).succeeded


def here(folder: Path) -> dict[str, str]:
    """The files of a folder with their content."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def current(pool_address):
    """A session of the current generation: the older one knows no folders."""
    endpoint, token = pool_address
    with SessionPool(endpoint, token=token) as pool:
        session = pool.session(uuid.uuid4().hex)
        yield session
        session.delete()


@pytest.fixture
def current_cell(current, folder: Path) -> Cell:
    return Cell(current, folder)


# What comes, and where it goes


def test_a_named_file_comes_beside_the_notebook_whole_and_is_no_program(cell, session, folder):
    put(session, a_bin=bytes(range(256)) * 999)
    part = cell.run("paths = %download a.bin", can_ask=False)
    assert (folder / "a.bin").read_bytes() == bytes(range(256)) * 999
    assert stat.S_IMODE((folder / "a.bin").stat().st_mode) & 0o111 == 0
    assert part.code == f"paths = [{str(folder / 'a.bin')!r}]\n"
    assert f"'a.bin'  249.8 KB  {str(folder / 'a.bin')!r}" in cell.text


def test_a_pattern_goes_to_downloads_and_is_listed_before_it_comes(cell, session, folder):
    put(session, a_csv=b"1", b_csv=b"2", c_txt=b"3")
    cell.run("%download *.csv", can_ask=False)
    assert here(folder) == {"downloads/a.csv": "1", "downloads/b.csv": "2"}
    assert cell.text.startswith("2 files, 2 B, go to 'downloads': 'a.csv', 'b.csv'\n")


def test_a_folder_comes_with_its_structure_without_what_is_hidden(current_cell, current, folder):
    make(current, "out/a.csv", "out/deep/b.csv", "out/.secret", "other.csv")
    current_cell.run("%download out --to kept", can_ask=False)
    assert here(folder) == {"kept/out/a.csv": "out/a.csv", "kept/out/deep/b.csv": "out/deep/b.csv"}
    assert "Hidden, left out: 'out/.secret'" in current_cell.text


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("out/*.csv", {"out/a.csv"}),
        ("**/*.csv", {"out/a.csv", "out/deep/b.csv", "c.csv"}),
        ("out/**", {"out/a.csv", "out/deep/b.csv"}),
        ("[c]*", {"c.csv"}),
        ("[!a-b].csv", {"c.csv"}),
        ("?.csv", {"c.csv"}),
        ("/mnt/data/c.csv", set()),
    ],
)
def test_patterns_match_as_in_a_shell(current_cell, current, folder, pattern, found):
    make(current, "out/a.csv", "out/deep/b.csv", "c.csv")
    current_cell.run(f"%download {pattern}", can_ask=False)
    expected = {f"downloads/{path}" for path in found} or {"c.csv"}
    assert set(here(folder)) == expected


def test_a_file_in_a_folder_comes_by_its_own_name(current_cell, current, folder):
    make(current, "out/a.csv")
    current_cell.run("%download out/a.csv", can_ask=False)
    assert here(folder) == {"a.csv": "out/a.csv"}


# What is there already


def test_a_different_file_is_kept_unless_force_and_the_same_is_left_alone(cell, session, folder):
    put(session, a_csv=b"new")
    (folder / "a.csv").write_text("old")
    with pytest.raises(
        CommandError, match=r"is different; it was kept.*Not downloaded: '.*a\.csv'"
    ):
        cell.run("%download a.csv")
    assert here(folder) == {"a.csv": "old"}
    cell.run("%download --force a.csv")
    assert here(folder) == {"a.csv": "new"}
    cell.run("%download a.csv")
    assert "(the same as before)" in cell.text


def test_a_link_in_the_place_is_left_alone(cell, session, folder, tmp_path):
    put(session, a_csv=b"new")
    (tmp_path / "elsewhere").write_text("theirs")
    (folder / "a.csv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CommandError, match="is a link"):
        cell.run("%download --force a.csv")
    assert (tmp_path / "elsewhere").read_text() == "theirs"


# What is asked


def test_a_place_outside_the_folder_is_asked_for_by_its_real_path(cell, session, folder, tmp_path):
    put(session, a_csv=b"1")
    with pytest.raises(CommandError, match="did not agree to write"):
        cell.run("%download a.csv --to ..", "n")
    (folder / "out").symlink_to(tmp_path)
    cell.run("%download a.csv --to out", "y")
    place = tmp_path / "a.csv"
    assert place.read_text() == "1"
    assert cell.asked == [f"Write {str(place)!r} with what the session sends? [y/N] "] * 2
    cell.run("%download a.csv --to ..", can_ask=False, allow=(str(tmp_path),))
    with pytest.raises(CommandError, match="this front end cannot ask"):
        cell.run("%download a.csv --to ..", can_ask=False)


def test_a_hidden_place_is_asked_for(cell, session, folder):
    make(session, ".profile")
    with pytest.raises(CommandError, match="did not agree"):
        cell.run("%download .profile", "")
    assert here(folder) == {}


def test_each_name_that_something_may_run_is_asked_for(cell, session, folder):
    put(session, numpy_py=b"1", index_html=b"2", a_csv=b"3")
    with pytest.raises(CommandError, match=r"did not agree to write '.*numpy\.py'"):
        cell.run("%download *", "y", "no")
    assert here(folder) == {}
    cell.run("%download *", "y", "y")
    assert len(here(folder)) == 3
    assert [question.split("'")[1].rpartition("/")[2] for question in cell.asked[-2:]] == [
        "index.html",
        "numpy.py",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "sitecustomize.py",
        "x.PTH",
        "a.so",
        "index.html",
        "a.svg",
        "run.sh",
        "Makefile",
        "Desktop.ini",
        "pylintrc",
        "a.library-ms",
        "pyproject.toml",
        "a.desktop",
        "jupyter_server_config.json",
        "ipython_config.json",
        "a.js",
        "\uff4eumpy.py",
    ],
)
def test_what_something_may_run(name):
    assert may_be_run(f"folder/{name}")


@pytest.mark.parametrize("name", ["a.csv", "a.png", "model.pkl", "py", "a.py.txt", "notes.md"])
def test_what_nothing_runs(name):
    assert not may_be_run(name)


# What a hostile session may call its files


@pytest.mark.parametrize(
    "name",
    [
        "a/\ud800",
        "../a",
        "a/../b",
        "CON",
        "nul.txt",
        "com1.csv",
        "a:b",
        "a\\b",
        "a\nb",
        "a ",
        "a.",
        "x" * 300,
    ],
)
def test_a_name_that_is_none_everywhere_is_refused(name):
    assert refusal(name)


def test_a_refused_name_stops_the_command_before_anything_is_written(cell, session, folder):
    make(session, "a.csv", "nul.csv")
    with pytest.raises(CommandError, match=r"'nul\.csv' is the name of a device"):
        cell.run("%download *")
    assert here(folder) == {}


def test_two_names_that_differ_by_case_alone_are_refused(cell, session, folder):
    make(session, "a.csv", "A.csv")
    with pytest.raises(CommandError, match="would be one file on some systems"):
        cell.run("%download *.csv")
    assert here(folder) == {}


def test_a_name_that_would_act_on_a_terminal_is_shown_escaped(cell, session, folder):
    make(session, "a\u202etxt.csv")
    # The service brings no file of such a name.
    with pytest.raises(CommandError) as stopped:
        cell.run("%download *.csv")
    for text in (cell.text, str(stopped.value)):
        assert "\u202e" not in text
        assert "\\u202e" in text


# What goes wrong


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "needs the path"),
        ("a.csv --to", "--to needs a folder"),
        ("--all", "has no option '--all'"),
        ("../a.csv", "Nothing was written"),
        ("/etc/passwd", "is not below /mnt/data"),
        ("'a.csv", "A quote is not closed"),
    ],
)
def test_bad_input_is_said_before_anything_is_asked(tmp_path, arguments, said):
    (command, *_) = make_plan(f"%download {arguments}").commands
    with pytest.raises(CommandError, match=said):
        command.check(tmp_path)


def test_what_is_not_there_is_said(cell, session):
    put(session, a_csv=b"1")
    for name in ("b.csv", "*.txt"):
        with pytest.raises(CommandError, match="The session has no file"):
            cell.run(f"%download {name}")


def test_an_interrupt_says_what_arrived_and_leaves_no_part(cell, session, folder):
    put(session, a_csv=b"1", b_csv=b"2" * (3 << 20))
    show = cell.show

    def interrupt_in_b(msg_type: str, content: dict[str, Any]) -> None:
        show(msg_type, content)
        if "b.csv" in content["text"] and "%" in content["text"]:
            cell.interrupted.set()

    cell.show = interrupt_in_b
    with pytest.raises(CommandInterruptedError, match=r"completely: '.*a\.csv'.*Not.*b\.csv"):
        cell.run("%download a.csv b.csv")
    assert [path.name for path in folder.iterdir()] == ["a.csv"]


# %files


def test_files_shows_a_table_and_has_the_paths_as_its_value(cell, session):
    put(session, b_csv=b"12", a_csv=b"1" * 2048)
    part = cell.run("paths = %files")
    assert part.code == "paths = ['/mnt/data/a.csv', '/mnt/data/b.csv']\n"
    head, first, second = cell.shown[0]["text/plain"].splitlines()
    assert head.split() == ["file", "size", "changed"]
    assert first.split()[:3] == ["a.csv", "2.0", "KB"]
    assert second.split()[:3] == ["b.csv", "2", "B"]
    assert "<table>" in cell.shown[0]["text/html"]


def test_files_of_a_fresh_session_says_that_there_are_none(cell, session):
    session.execute("1")
    assert cell.run("%files") is None
    assert cell.text == "There is no file in '/mnt/data'.\n"


def test_a_name_cannot_put_html_into_the_table(cell, session):
    make(session, "<img src=x>")
    cell.run("%files")
    assert "<img" not in cell.shown[0]["text/html"]


def test_a_name_cannot_put_a_link_into_the_table_by_a_formula():
    file = RemoteFile(r"$\href{https://page.example}{x}$", 1)
    table = file_table([file])
    assert r"\href" in table["text/plain"]
    assert r"\href" not in table["text/html"]
    assert "\\<span></span>href" in table["text/html"]


def test_files_rm_deletes_what_it_names_and_says_what_it_did_not(cell, session):
    put(session, a_csv=b"1", b_csv=b"2")
    with pytest.raises(CommandError, match=r"Not deleted: 'missing\.csv', 'b\.csv'"):
        cell.run("%files rm a.csv missing.csv b.csv")
    assert cell.text == "Deleted '/mnt/data/a.csv'\n"
    assert [file.name for file in session.list_files()] == ["b.csv"]
    with pytest.raises(CommandError, match="each in full"):
        cell.run("%files rm *")


def test_tab_completes_the_folder_behind_to_and_rm(tmp_path):
    (tmp_path / "kept").mkdir()

    def matches(text: str) -> tuple[str, ...]:
        found = complete(text, len(text), tmp_path)
        assert found is not None
        return found.matches

    assert matches("%download a.csv --to k") == ("kept/",)
    assert matches("%download a") == ()
    assert matches("%files r") == ("rm",)
