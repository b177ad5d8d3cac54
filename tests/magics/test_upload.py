"""`%upload` against an embedded pool, over both generations of its API."""

import threading
import tracemalloc

import pytest

from dynamic_sessions_kernel.errors import CommandError
from dynamic_sessions_kernel.magics import CommandInterruptedError, Context, make_plan

MB = 1 << 20


class Cell:
    """What a cell shows, and a hook that runs whenever its command asks to go on."""

    def __init__(self, session):
        self.session = session
        self.messages = []
        self.asked = 0
        self.interrupted = threading.Event()
        self.on_progress = lambda _count: None

    def cancelled(self):
        self.asked += 1
        self.on_progress(self.asked)
        return self.interrupted.is_set()

    def run(self, text, folder):
        (command, *_) = make_plan(text).commands
        command.check(folder)
        self.on_checked()
        return command.run(Context(self.session, self.show, self.cancelled))

    def on_checked(self):
        pass

    def show(self, msg_type, content):
        assert msg_type == "stream"
        assert content["name"] == "stdout"
        self.messages.append(content["text"])

    @property
    def screen(self):
        """The lines as a terminal shows them: a carriage return writes over what is there."""
        lines = []
        for line in "".join(self.messages).split("\n"):
            shown = ""
            for piece in line.split("\r"):
                shown = piece + shown[len(piece) :]
            lines.append(shown.rstrip())
        return lines


@pytest.fixture
def cell(session):
    return Cell(session)


def there(session):
    return {file.name: file.size for file in session.list_files()}


def content(session, name):
    with session.download(name) as stream:
        return stream.read()


def test_files_arrive_whole_and_the_cell_shows_where_they_are(cell, session, tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 6)
    (tmp_path / "b c.txt").write_text("ü\n")
    cell.run("%upload a.bin 'b c.txt'", tmp_path)
    assert content(session, "a.bin") == bytes(range(256)) * 6
    assert content(session, "b c.txt") == "ü\n".encode()
    assert cell.screen == [
        "a.bin  1.5 KB  /mnt/data/a.bin",
        "b c.txt  3 B  /mnt/data/b c.txt",
        "",
    ]


def test_an_empty_file_and_one_of_another_script_arrive(cell, session, tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "отчёт 報告.csv").write_text("x")
    cell.run("%upload *", tmp_path)
    assert there(session) == {"empty": 0, "отчёт 報告.csv": 1}


def test_the_value_is_the_list_of_paths_in_the_session(cell, tmp_path):
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).touch()
    part = cell.run("paths = %upload *.csv", tmp_path)
    assert part.code == "paths = ['/mnt/data/a.csv', '/mnt/data/b.csv']\n"
    assert part.last


def test_a_file_of_the_same_name_is_replaced(cell, session, tmp_path):
    for text in ("old and long", "new"):
        (tmp_path / "a.csv").write_text(text)
        cell.run("%upload a.csv", tmp_path)
    assert content(session, "a.csv") == b"new"


def test_progress_is_one_line_with_few_messages_and_little_memory(cell, tmp_path):
    with (tmp_path / "large.bin").open("wb") as stream:
        stream.truncate(64 * MB)
    tracemalloc.start()
    cell.run("%upload large.bin", tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * MB
    assert 10 <= len(cell.messages) <= 25
    assert any("50% of 64.0 MB" in text and text.startswith("\r") for text in cell.messages)
    assert cell.screen == ["large.bin  64.0 MB  /mnt/data/large.bin", ""]


def test_help_is_printed(cell, tmp_path):
    assert cell.run("%upload?", tmp_path) is None
    assert cell.screen[0] == "%upload PATH [PATH ...]"


def test_a_file_that_vanished_after_the_check_stops_the_command(cell, session, tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    cell.on_checked = (tmp_path / "b").unlink
    with pytest.raises(
        CommandError,
        match=r"b' cannot be read.*Uploaded completely: 'a'\. Not uploaded: 'b', 'c'\.",
    ):
        cell.run("%upload a b c", tmp_path)
    assert there(session) == {"a": 0}


def test_a_file_that_grows_while_it_is_sent_does_not_stay_in_the_session(cell, session, tmp_path):
    path = tmp_path / "growing"
    path.write_bytes(b"x" * MB)

    def grow(_count):
        with path.open("ab") as stream:
            stream.write(b"x")

    cell.on_progress = grow
    with pytest.raises(CommandError, match=r"changed while.*was removed.*Not uploaded: 'growing'"):
        cell.run("%upload growing", tmp_path)
    assert there(session) == {}


def test_a_file_that_shrinks_while_it_is_sent_is_an_error(cell, session, tmp_path):
    path = tmp_path / "shrinking"
    path.write_bytes(b"x" * 20 * MB)

    def shrink(count):
        if count == 3:
            path.write_bytes(b"")

    cell.on_progress = shrink
    with pytest.raises(CommandError, match=r"shorter while.*Not uploaded: 'shrinking'"):
        cell.run("%upload shrinking", tmp_path)
    assert there(session) == {}


def test_an_interrupt_says_what_is_there_and_what_is_not(cell, session, tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"x" * 20 * MB)
    (tmp_path / "c").touch()

    def interrupt(_count):
        if any(text.startswith("b [") for text in cell.messages):
            cell.interrupted.set()

    cell.on_progress = interrupt
    with pytest.raises(
        CommandInterruptedError, match=r"Uploaded completely: 'a'\. Not uploaded: 'b', 'c'\."
    ):
        cell.run("%upload a b c", tmp_path)
    assert there(session) == {"a": 1}
    assert cell.screen[-1] == ""


def test_an_interrupt_keeps_an_earlier_file_of_the_same_name(cell, session, tmp_path):
    (tmp_path / "a").write_bytes(b"earlier")
    cell.run("%upload a", tmp_path)
    (tmp_path / "a").write_bytes(b"x" * 20 * MB)
    cell.messages.clear()
    cell.on_progress = lambda _count: cell.messages and cell.interrupted.set()
    with pytest.raises(CommandInterruptedError, match=r"before is unchanged"):
        cell.run("%upload a", tmp_path)
    assert content(session, "a") == b"earlier"


def test_an_interrupt_before_the_first_file_sends_nothing(cell, session, tmp_path):
    (tmp_path / "a").touch()
    cell.interrupted.set()
    with pytest.raises(CommandInterruptedError, match="Not uploaded: 'a'"):
        cell.run("%upload a", tmp_path)
    assert there(session) == {}


def test_a_pool_that_goes_away_half_way_is_told_with_what_is_there(doomed_session, tmp_path):
    session, process = doomed_session
    cell = Cell(session)
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"x" * 20 * MB)

    def end_pool(_count):
        if any(text.startswith("b [") for text in cell.messages):
            process.kill()
            process.wait()

    cell.on_progress = end_pool
    with pytest.raises(CommandError, match=r"Uploaded completely: 'a'\. Not uploaded: 'b'\."):
        cell.run("%upload a b", tmp_path)
