"""Which local files a command's arguments name, and what is refused before anything is sent."""

import os
import socket
import unicodedata

import pytest

from dynamic_sessions_kernel.errors import CommandError
from dynamic_sessions_kernel.magics import CommandInterruptedError, make_plan
from dynamic_sessions_kernel.magics.local_files import find_files, split_words


def never():
    return False


def names(folder, *words):
    return [file.name for file in find_files(list(words), folder, never)]


@pytest.fixture
def folder(tmp_path):
    for name in ("a.csv", "b.csv", "c d.csv", ".hidden.csv", "deep/e.csv", "deep/er/f.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.csv  b.csv\tc", ["a.csv", "b.csv", "c"]),
        ("'c d.csv' \"e f\" g\\ h", ["c d.csv", "e f", "g h"]),
        ("a#b # c", ["a#b", "#", "c"]),
        ("a;b|c&d(e)", ["a;b|c&d(e)"]),
        ("'' ", [""]),
        ("", []),
    ],
)
def test_arguments_are_split_as_in_a_shell(text, words):
    assert split_words(text, windows=False) == words


def test_on_windows_a_backslash_parts_folders():
    assert split_words(r"C:\data\a.csv 'C:\my data\b.csv'", windows=True) == [
        r"C:\data\a.csv",
        r"C:\my data\b.csv",
    ]


@pytest.mark.parametrize("text", ["it's.csv", '"a', "a\\"])
def test_an_unfinished_quote_is_an_error(text):
    with pytest.raises(CommandError, match="quote is not closed"):
        split_words(text, windows=False)


def test_relative_paths_start_from_the_notebooks_folder(folder):
    assert names(folder, "b.csv", "deep/e.csv", "./deep/../a.csv") == ["b.csv", "e.csv", "a.csv"]


def test_absolute_and_home_paths_are_taken(folder, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert names(elsewhere, str(folder / "a.csv"), "~/b.csv", "~/deep/*.csv") == [
        "a.csv",
        "b.csv",
        "e.csv",
    ]


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("*.csv", ["a.csv", "b.csv", "c d.csv"]),
        (".*.csv", [".hidden.csv"]),
        ("[ab].csv", ["a.csv", "b.csv"]),
        ("?.csv", ["a.csv", "b.csv"]),
        ("*", ["a.csv", "b.csv", "c d.csv"]),
        ("**/*.csv", ["a.csv", "b.csv", "c d.csv", "e.csv", "f.csv"]),
    ],
)
def test_patterns_match_files_but_neither_folders_nor_hidden_ones(folder, pattern, matches):
    assert names(folder, pattern) == matches


def test_a_file_named_twice_is_sent_once(folder):
    assert names(folder, "b.csv", "*.csv", "./b.csv") == ["b.csv", "a.csv", "c d.csv"]


def test_a_file_whose_name_looks_like_a_pattern_is_itself_first(folder):
    (folder / "[a].csv").touch()
    with pytest.raises(CommandError, match=r"does not take '\[a\]\.csv'"):
        names(folder, "[a].csv")


def test_names_go_in_composed_unicode(folder):
    (folder / unicodedata.normalize("NFD", "Zürich é.csv")).touch()
    assert names(folder, "Z*") == [unicodedata.normalize("NFC", "Zürich é.csv")]


def test_links_to_files_are_followed(folder):
    (folder / "link.csv").symlink_to(folder / "a.csv")
    assert names(folder, "link.csv") == ["link.csv"]


def test_an_empty_file_is_a_file(folder):
    (folder / "empty").touch()
    assert names(folder, "empty") == ["empty"]


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))


def make_dangling_link(path):
    path.symlink_to("nowhere")


def make_loop(path):
    path.symlink_to(path.name)


def make_device(path):
    path.symlink_to("/dev/zero")


def make_large(path):
    with path.open("wb") as stream:
        stream.truncate((128 << 20) + 1)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_pipe, "no regular file"),
        (make_socket, "no regular file"),
        (make_device, "no regular file"),
        (make_dangling_link, "cannot be read"),
        (make_loop, "cannot be read"),
        (make_large, r"takes up to 128 MB"),
        (os.mkdir, r"is a folder.*'thing/\*'"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="makes what only POSIX has")
def test_what_is_no_file_to_send_is_refused_without_waiting(tmp_path, monkeypatch, make, reason):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "thing")
    with pytest.raises(CommandError, match=reason):
        names(tmp_path, "thing")


def test_exactly_the_limit_is_taken(tmp_path):
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(128 << 20)
    assert names(tmp_path, "large") == ["large"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_file_that_may_not_be_read_is_refused(folder):
    (folder / "a.csv").chmod(0)
    with pytest.raises(CommandError, match="cannot be read"):
        names(folder, "a.csv")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("none.csv", "There is no file 'none.csv'"),
        ("none/a.csv", "There is no file"),
        ("a.csv/b", "There is no file"),
        ("none*.csv", "matches no file"),
        ("deep", "is a folder"),
        (".", "is a folder"),
        ("~nobody-of-that-name/a", "There is no file"),
        ("", "is a folder"),
        ("x" * 5000, "There is no file"),
        ("$name", "Variables are not put in"),
        ("{name}*", "Variables are not put in"),
        ("#", "comment cannot stand"),
        ("-r", "has no options"),
        ("\x1b[31m", r"\\x1b"),
    ],
)
def test_what_names_nothing_is_an_error_that_helps(folder, word, reason):
    with pytest.raises(CommandError, match=rf"{reason}(?s:.*)(sent|explains)"):
        names(folder, "a.csv", word)


@pytest.mark.parametrize("name", ["a+b.csv", "a'b.csv", "a{b}.csv", "a\nb.csv", "a\\b"])
@pytest.mark.skipif(os.name == "nt", reason="such names cannot be made there")
def test_names_that_the_service_does_not_take_are_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(CommandError, match=r"(does not take|is no name).*Nothing was sent"):
        names(tmp_path, name)


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be made there")
def test_a_name_that_is_no_text_is_refused(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.csv")).touch()
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(CommandError, match=r"does not take 'caf\\udce9"):
        names(tmp_path, "*")


def test_two_files_of_one_name_are_refused(folder):
    (folder / "deep/a.csv").touch()
    with pytest.raises(CommandError, match=r"would both be 'a\.csv'"):
        names(folder, "a.csv", "deep/a.csv")


def test_looking_for_files_ends_with_an_interrupt(folder):
    with pytest.raises(CommandInterruptedError):
        find_files(["**"], folder, lambda: True)


def test_a_command_without_paths_is_an_error(folder):
    with pytest.raises(CommandError, match=r"needs the path"):
        make_plan("%upload").check(folder)


def test_all_commands_of_a_cell_are_checked(folder):
    with pytest.raises(CommandError, match=r"no file 'none'"):
        make_plan("%upload a.csv\nx = 1\n%upload none").check(folder)
