"""Tab in the line of a command."""

import pytest

from dynamic_sessions_kernel.magics import complete, complete_name
from dynamic_sessions_kernel.magics.path_completion import MAX_MATCHES, complete_path


@pytest.fixture
def folder(tmp_path):
    for name in ("sales.csv", "sales old.csv", "notes.txt", ".secret", "data/deep.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def matches(text, folder, *, windows=False):
    return list(complete_path(text, folder, windows=windows).matches)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["data/", "notes.txt", "sales\\ old.csv", "sales.csv"]),
        ("n", ["notes.txt"]),
        ("sales.csv n", ["notes.txt"]),
        ("sa", ["sales\\ old.csv", "sales.csv"]),
        ("sales\\ o", ["sales\\ old.csv"]),
        ('"sales ', ['"sales old.csv"']),
        ("'sales ", ["'sales old.csv'"]),
        ("da", ["data/"]),
        ('"da', ['"data/']),
        ("data/", ["data/deep.csv"]),
        ("./data/d", ["./data/deep.csv"]),
        (".", [".secret"]),
        ("x", []),
        ("none/", []),
        ("sales.csv/", []),
        ("\0/", []),
        ("~", ["~/"]),
    ],
)
def test_paths_are_completed_from_the_notebooks_folder(folder, text, expected):
    assert matches(text, folder) == expected


def test_home_is_kept_as_typed(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert matches("~/no", folder) == ["~/notes.txt"]


def test_on_windows_names_with_spaces_are_quoted(folder):
    assert matches("sa", folder, windows=True) == ['"sales old.csv"', "sales.csv"]
    assert matches("data\\d", folder / "x" / "..", windows=True) == []


def test_the_number_of_matches_is_bounded(tmp_path):
    for number in range(MAX_MATCHES + 5):
        (tmp_path / f"{number}").touch()
    assert len(matches("", tmp_path)) == MAX_MATCHES


@pytest.mark.parametrize("before", ["", "x = 1\n", "paths = ", "é = 1\n", "    "])
def test_the_answer_replaces_the_word_at_the_cursor(folder, before):
    code = f"{before}%upload sales.csv no\nrest"
    cursor = code.index("\n", len(before))
    found = complete(code, cursor, folder)
    assert found.matches == ("notes.txt",)
    assert code[found.start : found.end] == "no"


@pytest.mark.parametrize("code", ["", "no", "%upload", "%time no", "x%upload no", "# %upload no"])
def test_elsewhere_the_session_completes(folder, code):
    assert complete(code, len(code), folder) is None


@pytest.mark.parametrize("code", ["%", "%u", "%upl", "x = %up"])
def test_names_of_commands_are_completed(code):
    found = complete_name(code, len(code))
    if code == "%":
        assert found is None
    else:
        assert found.matches == ("%upload",)
        assert code[found.start : found.end].startswith("%u")


@pytest.mark.parametrize("code", ["", "up", "%time", "100 %up"])
def test_other_names_are_left_to_the_session(code):
    assert complete_name(code, len(code)) is None
