"""Files on their way into a session and out of it."""

from __future__ import annotations

import errno
import gc
import io
import os
import re

import pytest

from dynamic_sessions_kernel import errors
from dynamic_sessions_kernel.client import upload

STORED = {"name": "a.csv", "sizeInBytes": 3, "contentType": "", "type": ""}


def part(seen) -> tuple[str, str, bytes]:
    """The field, the file's name and the content of a multipart body with one part."""
    boundary = seen.headers["content-type"].partition("boundary=")[2].encode()
    head, _, rest = seen.body.partition(b"\r\n\r\n")
    content, end, after = rest.rpartition(b"\r\n--" + boundary + b"--\r\n")
    assert (head.startswith(b"--" + boundary), end != b"", after) == (True, True, b"")
    field, name = re.search(r'name="(.*?)"; filename="(.*?)"', head.decode()).groups()
    return field, name, content


def test_a_path_is_uploaded_under_its_own_name(service, session, tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1,2")
    service.answers(STORED)
    assert session.upload(path).full_path == "/mnt/data/a.csv"
    (seen,) = service.seen
    assert (seen.method, seen.path) == ("POST", "files")
    assert "path" not in seen.query
    assert part(seen) == ("file", "a.csv", b"1,2")


def test_a_stream_is_uploaded_from_where_it_stands_and_left_open(service, session) -> None:
    stream = io.BytesIO(b"skipped1,2")
    stream.seek(7)
    service.answers(STORED)
    session.upload(stream, "folder/sub/a.csv")
    assert service.seen[0].query["path"] == "folder/sub"
    assert part(service.seen[0])[2] == b"1,2"
    assert not stream.closed


@pytest.mark.parametrize("trouble", [{"drop": True}, {"status": 503}, {"reset": True}])
def test_each_attempt_sends_the_whole_file_anew(service, session, trouble) -> None:
    content = os.urandom(300_000)
    service.plays(**trouble)
    service.answers(STORED)
    session.upload(io.BytesIO(content), "a.csv")
    sent = [part(seen)[2] for seen in service.seen]
    assert sent == [content] * len(sent)
    assert len(sent) == (1 if "reset" in trouble else 2)
    boundaries = {seen.headers["content-type"] for seen in service.seen}
    assert len(boundaries) == len(sent)


def test_a_stream_that_cannot_be_rewound_is_sent_whole_in_each_attempt(service, session) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"from a pipe")
    os.close(writing)
    service.plays(drop=True)
    service.answers(STORED)
    with os.fdopen(reading, "rb") as stream:
        session.upload(stream, "a.csv")
    assert [part(seen)[2] for seen in service.seen] == [b"from a pipe"] * 2


def test_an_empty_file_is_uploaded(service, session) -> None:
    service.answers({**STORED, "sizeInBytes": 0})
    assert session.upload(io.BytesIO(), "a.csv").size == 0
    assert part(service.seen[0])[2] == b""


def test_progress_tells_bytes_done_and_in_all(service, session) -> None:
    steps: list[tuple[int, int | None]] = []
    service.answers(STORED)
    session.upload(io.BytesIO(b"x" * 200_000), "a.csv", progress=lambda *step: steps.append(step))
    assert steps[-1] == (200_000, 200_000)
    assert steps == sorted(steps)
    assert len(steps) > 1


@pytest.mark.parametrize(
    "name", ["plain.csv", "with space & more.csv", "ünï-日本.csv", "100%#1.csv", "a;b=c,d.csv"]
)
def test_a_name_arrives_as_it_was_given(service, session, name) -> None:
    service.answers({**STORED, "name": name})
    assert session.upload(io.BytesIO(b"x"), name).name == name
    assert part(service.seen[0])[1] == name


def test_a_decomposed_name_is_composed(service, session) -> None:
    service.answers(STORED)
    session.upload(io.BytesIO(b"x"), "cafe\u0301.csv")
    assert part(service.seen[0])[1] == "caf\u00e9.csv"


@pytest.mark.parametrize(
    ("remote", "what"),
    [
        ("a+b.csv", r"because of '\+'"),
        ("what?.csv", "because of"),
        ("../up.csv", "no name of a file"),
        ("a/../../b.csv", "no name of a file"),
        ("back\\slash.csv", "no name of a file"),
        ("new\nline.csv", "no name of a file"),
        ("v1.0/a.csv", "no dot in the name of a folder"),
        ("1/2/3/4/5/6/a.csv", "6 folders deep"),
        ("/etc/passwd", "not below /mnt/data"),
        ("/mnt/database.csv", "not below /mnt/data"),
        ("/mnt/data", "is missing"),
    ],
)
def test_a_name_the_service_would_refuse_is_refused_before_sending(
    service, session, remote, what
) -> None:
    with pytest.raises(errors.FileNameError, match=what):
        session.upload(io.BytesIO(b"x"), remote)
    assert service.seen == []


@pytest.mark.parametrize("remote", ["folder/", "/mnt/data/folder/"])
def test_a_folder_takes_the_file_under_its_own_name(service, session, tmp_path, remote) -> None:
    path = tmp_path / "a.csv"
    path.touch()
    service.answers(STORED)
    assert session.upload(path, remote).path == "folder/a.csv"


def test_a_nameless_stream_needs_a_path(service, session) -> None:
    with pytest.raises(ValueError, match="needs a remote_path"):
        session.upload(io.BytesIO(b"x"))
    assert service.seen == []


def test_a_text_stream_is_refused(session) -> None:
    with pytest.raises(TypeError, match="mode 'rb'"):
        session.upload(io.StringIO("text"), "a.txt")


def test_a_missing_file_is_python_s_own_error(session, tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        session.upload(tmp_path / "nowhere.csv")
    with pytest.raises(IsADirectoryError):
        session.upload(tmp_path)


def test_a_file_over_the_limit_is_refused_before_sending(service, session, tmp_path) -> None:
    path = tmp_path / "big.bin"
    with path.open("wb") as stream:
        stream.truncate(upload.MAX_UPLOAD_BYTES + 1)
    with pytest.raises(errors.FileTooLargeError, match="up to 128 MB"):
        session.upload(path)
    assert service.seen == []


def test_an_endless_pipe_is_given_up_at_the_limit(service, session, monkeypatch) -> None:
    monkeypatch.setattr(upload, "MAX_UPLOAD_BYTES", 1 << 20)
    with open("/dev/zero", "rb") as zeros:  # noqa: PTH123 - a device, not a file

        class Pipe(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, buffer) -> int:
                return zeros.readinto(buffer)

        with pytest.raises(errors.FileTooLargeError):
            session.upload(Pipe(), "zeros.bin")
    assert service.seen == []


def test_a_file_that_shrinks_meanwhile_is_no_success(service, session, tmp_path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"x" * 500_000)

    def shrink(done: int, _total: int | None) -> None:
        if done:
            os.truncate(path, 1000)

    with pytest.raises(errors.CommandError, match="became shorter"):
        session.upload(path, progress=shrink)
    assert service.seen == []
    path.write_bytes(b"1,2")
    service.answers(STORED)
    assert session.upload(path).size == 3


def test_an_error_of_the_local_disk_is_not_taken_for_the_network_s(session) -> None:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise OSError(errno.EIO, "input/output error")

    with pytest.raises(OSError, match="input/output error"):
        session.upload(Broken(b"content"), "a.csv")


def test_a_file_is_downloaded_to_a_path(service, session, tmp_path) -> None:
    service.plays(b"1,2")
    target = tmp_path / "b.csv"
    assert session.download("folder/a b.csv", target) == target
    assert target.read_bytes() == b"1,2"
    (seen,) = service.seen
    assert (seen.method, seen.path) == ("GET", "files/a b.csv/content")
    assert seen.query["path"] == "folder"
    assert os.listdir(tmp_path) == ["b.csv"]  # noqa: PTH208 - names are all that matters


def test_a_local_folder_takes_the_download_under_its_name(service, session, tmp_path) -> None:
    service.plays(b"1,2")
    assert session.download("/mnt/data/folder/a.csv", tmp_path) == tmp_path / "a.csv"


def test_a_download_without_a_target_is_a_stream(service, session) -> None:
    service.plays(b"1,2")
    with session.download("a.csv") as stream:
        assert stream.read() == b"1,2"


def test_a_download_that_fails_leaves_no_open_stream(service, session) -> None:
    service.answers({"error": {"code": "FileNotFound"}}, 404)
    with pytest.raises(errors.RemoteFileNotFoundError):
        session.download("a.csv")
    gc.collect()  # a stream left open is a warning, and that an error


def test_a_download_to_a_stream_is_written_where_it_stands(service, session) -> None:
    target = io.BytesIO(b"kept,")
    target.seek(5)
    service.plays(b"1,2,3", cut_after=3)
    service.plays(b"4,5,6")
    assert session.download("a.csv", target) is target
    assert target.getvalue() == b"kept,4,5,6"


def test_a_download_that_fails_leaves_the_target_as_it_was(
    service, open_pool, identifier, tmp_path
) -> None:
    target = tmp_path / "a.csv"
    target.write_bytes(b"before")
    session = open_pool(service.endpoint, attempts=2).session(identifier)
    for _ in range(2):
        service.plays(b"half of it", cut_after=4)
    with pytest.raises(errors.AnswerLostError):
        session.download("a.csv", target)
    service.answers({"error": {"code": "FileNotFound"}}, 404)
    with pytest.raises(errors.RemoteFileNotFoundError):
        session.download("a.csv", target)
    assert target.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.csv"]  # noqa: PTH208 - names are all that matters


def test_a_download_through_a_link_replaces_what_it_leads_to(service, session, tmp_path) -> None:
    real = tmp_path / "real.csv"
    real.write_bytes(b"before")
    link = tmp_path / "link.csv"
    link.symlink_to(real)
    service.plays(b"after")
    session.download("a.csv", link)
    assert link.is_symlink()
    assert real.read_bytes() == b"after"


def test_a_device_is_no_target(session) -> None:
    with pytest.raises(FileExistsError, match="left as it is"):
        session.download("a.csv", "/dev/null")


def test_download_progress_tells_the_total(service, session) -> None:
    steps: list[tuple[int, int | None]] = []
    service.plays(b"x" * 300_000)
    session.download("a.bin", progress=lambda *step: steps.append(step)).close()
    assert steps[-1] == (300_000, 300_000)


@pytest.mark.parametrize("path", ["..", "a/../../x", "", "/etc/passwd", "folder/.."])
def test_no_call_leaves_the_session_s_folder(service, session, path) -> None:
    for call in (session.download, session.file, session.delete_file):
        with pytest.raises(errors.FileNameError):
            call(path)
    assert service.seen == []
