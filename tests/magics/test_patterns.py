"""Files found by pattern: as a shell finds them, without following links in circles."""

import os

import pytest

from dynamic_sessions_kernel.magics import CommandInterruptedError
from dynamic_sessions_kernel.magics.base import never
from dynamic_sessions_kernel.magics.patterns import matching_files


@pytest.fixture
def tree(tmp_path):
    for name in ("a.csv", "b.txt", "in/c.csv", "in/deep/d.csv", ".git/e.csv", "in/.f.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.csv", {"a.csv"}),
        ("?.*", {"a.csv", "b.txt"}),
        ("[ab].csv", {"a.csv"}),
        ("*/*.csv", {"in/c.csv"}),
        ("**/*.csv", {"a.csv", "in/c.csv", "in/deep/d.csv"}),
        ("**", {"a.csv", "b.txt", "in/c.csv", "in/deep/d.csv"}),
        ("in/**/**/*.csv", {"in/c.csv", "in/deep/d.csv"}),
        ("in/.*", {"in/.f.csv"}),
        (".git/*", {".git/e.csv"}),
        ("in/../*.csv", {"in/../a.csv"}),
        ("none/*", set()),
        ("a.csv/*", set()),
    ],
)
def test_patterns_match_as_in_a_shell(tree, pattern, names) -> None:
    assert {str(path.relative_to(tree)) for path in matching_files(pattern, tree, never)} == names
    whole = {str(path) for path in matching_files(str(tree / pattern), tree, never)}
    assert whole == {str(tree / name) for name in names}


def test_links_in_circles_end(tree) -> None:
    for name in ("one", "two", "three"):
        (tree / "in" / name).symlink_to(tree)
    found = [path.name for path in matching_files("**/*.csv", tree, never)]
    assert sorted(found) == ["a.csv", "c.csv", "d.csv"]


def test_an_interrupt_is_served_before_a_match_is_found(tmp_path) -> None:
    folder = tmp_path
    for number in range(20):
        folder = folder / str(number)
        folder.mkdir()
    looks = []

    def cancelled() -> bool:
        looks.append(os.curdir)
        return len(looks) == 3

    with pytest.raises(CommandInterruptedError, match="Nothing was sent"):
        list(matching_files("**/*.csv", tmp_path, cancelled))
    assert len(looks) == 3
