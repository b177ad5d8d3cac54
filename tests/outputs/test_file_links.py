"""IPython's links to files of the session: each shows the command that brings its file."""

from __future__ import annotations

import html as escapes
import re
from pathlib import Path
from typing import Any

import pytest
from IPython.display import FileLink, FileLinks

from dynamic_sessions_kernel.magics.local_files import split_words
from dynamic_sessions_kernel.messages import Message
from dynamic_sessions_kernel.outputs.filter import OutputFilter
from dynamic_sessions_kernel.outputs.html import file_links


def shown(html: str, plain: str) -> str:
    """What reaches the page of an output."""
    content: dict[str, Any] = {"data": {"text/html": html, "text/plain": plain}, "metadata": {}}
    (message,) = OutputFilter().pass_message(Message("display_data", content, "cell"))
    return str(message.content["data"]["text/html"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files that the links name, as the session's is there."""
    monkeypatch.chdir(tmp_path)
    for name in ("r.csv", "charts/a b.png", "charts/it's.html", "charts/-x & <y>.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def words(html: str) -> list[list[str]]:
    """What the commands in an output name, as the command itself reads it."""
    commands = re.findall(r"<code>%download (.*?)</code>", html)
    return [split_words(escapes.unescape(command)) for command in commands]


def test_a_link_to_a_file_is_the_command_that_brings_it(folder: Path) -> None:
    link = FileLink("r.csv")
    html = shown(link._repr_html_(), "/mnt/data/r.csv")
    assert html == "r.csv (in the session; <code>%download r.csv</code> brings it here)<br>"


def test_each_file_of_a_folder_has_its_command(folder: Path) -> None:
    links = FileLinks("charts")
    html = shown(links._repr_html_(), repr(links))
    assert "<a" not in html
    assert sorted(words(html)) == [
        ["charts/-x & <y>.txt"],
        ["charts/a b.png"],
        ["charts/it's.html"],
    ]


def test_a_folder_of_one_file_is_named_from_its_root() -> None:
    html = "/mnt/data/c/<br>\n&nbsp;&nbsp;<a href='/mnt/data/c/a.png' target='_blank'>a.png</a><br>"
    assert words(shown(html, "/mnt/data/c/\n  a.png")) == [["c/a.png"]]


def test_the_place_in_the_session_is_what_counts(folder: Path) -> None:
    html = FileLink("r.csv")._repr_html_()
    assert words(shown(html, "/mnt/data/deep/r.csv")) == [["deep/r.csv"]]
    assert words(shown(html, "/mnt/data/--force")) == [["/mnt/data/--force"]]
    for place in ("/tmp/r.csv", "/mnt/data/../r.csv"):
        assert "copied to /mnt/data there" in shown(html, place)
    assert "does not take" in shown(html, "/mnt/data/a\\b")


@pytest.mark.parametrize("address", ["https://a.example/r.csv", "//a.example/r.csv", "other.csv"])
def test_other_links_are_left_to_the_sanitiser(address: str) -> None:
    html = f"<a href='{address}' target='_blank'>r.csv</a><br>"
    assert file_links.named(html, "") == html
