"""The shapes that the real service and its images send, beside those of the specification.

Sources: docs/service.md; the swagger of 2025-10-02-preview for `sessions` and `directory`.
"""

from __future__ import annotations

import json

import pytest

from dynamic_sessions_kernel import SessionPool, errors, service_failure
from tests.support.fake_service import RAN, Play

FILE = {"name": "a.csv", "sizeInBytes": 12, "type": "File"}
MISSING = {"error": {"code": "DeleteFileError", "message": "no"}}


@pytest.mark.parametrize("name", ["sessions", "value"])
def test_sessions_are_listed_under_either_field(service, open_pool, name) -> None:
    service.answers({name: [{"identifier": "abcd-1"}], "nextLink": None})
    service.answers({name: []})
    pool = open_pool(service.endpoint)
    assert [info.identifier for info in pool.sessions()] == ["abcd-1"]


@pytest.mark.parametrize("directory", [".", "", None])
@pytest.mark.parametrize(("folder", "path"), [("", "a.csv"), ("x/y", "x/y/a.csv")])
def test_a_dot_or_nothing_is_the_listed_folder(service, session, directory, folder, path) -> None:
    service.answers({"value": [{**FILE, "directory": directory}]})
    assert [file.path for file in session.list_files(folder)] == [path]


def test_a_listing_can_be_a_bare_array(service, session) -> None:
    service.answers([FILE, {**FILE, "name": "sub", "type": "directory"}])
    first, second = session.list_files()
    assert (first.path, first.is_directory) == ("a.csv", False)
    assert (second.path, second.is_directory) == ("sub", True)


@pytest.mark.parametrize("body", [FILE, [FILE], {"value": [FILE]}])
def test_an_upload_names_its_file_bare_or_in_a_list(service, session, tmp_path, body) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b")
    service.answers(body)
    assert session.upload(path).path == "a.csv"


def test_an_upload_that_names_two_files_is_refused(service, session, tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b")
    service.answers([FILE, FILE])
    with pytest.raises(errors.UnexpectedAnswerError, match="one file"):
        session.upload(path)


def test_deleting_a_missing_file_is_about_the_file(service, session) -> None:
    service.answers(MISSING, status=404)
    with pytest.raises(errors.RemoteFileNotFoundError, match="no such file"):
        session.delete_file("a.csv")


def test_a_pool_without_an_endpoint_says_where_one_comes_from() -> None:
    with pytest.raises(errors.SettingsError, match=r"is not set.*localpool"):
        SessionPool(None)  # type: ignore[arg-type]  # what a person passes by mistake


@pytest.mark.parametrize("state", ["Canceled", "cancelled"])
def test_a_cancelled_execution_is_one_and_its_effect_unknown(service, session, state) -> None:
    service.answers({"id": "e", "status": state, "result": None})
    result = session.execute("1")
    assert (result.status, result.succeeded) == ("Canceled", False)
    failure = service_failure(result)
    assert isinstance(failure, errors.ExecutionAbortedError)
    assert "cancelled" in str(failure)


@pytest.mark.parametrize(
    ("header", "told"), [("True", True), ("false", False), ("0:00:01", None), (None, None)]
)
def test_an_execution_says_whether_its_session_is_new(service, session, header, told) -> None:
    headers = {} if header is None else {"X-Ms-New-Allocation": header}
    service.answers(RAN, headers={"x-ms-session-guid": "g", **headers})
    result = session.execute("1")
    assert (result.new_allocation, result.container) == (told, "g")


def tree(*paths, counts_from):
    """Answer listings of a session with these files, whose directories count from there."""

    def answer(seen):
        folder = seen.query.get("path", "")
        found = [path.rpartition("/")[::2] for path in paths]
        inside = [(where, name) for where, name in found if f"{where}/".startswith(f"{folder}/")]
        if not inside:
            return Play(404, b'{"error": {"code": "FileNotFound"}}')
        if "recursive" not in seen.query:
            inside = [(where, name) for where, name in inside if where == folder]
        start = folder if counts_from == "folder" else ""
        items = [
            {"name": name, "type": "File", "directory": where.removeprefix(start).strip("/")}
            for where, name in inside
        ]
        return Play(content=json.dumps({"value": items}).encode())

    return answer


TREES = [
    ("a/x", "a/b/y"),
    ("a/a/x",),
    ("a/x", "a/a/x"),
    ("a/a/x", "a/a/a/x"),
    ("a/a/a/x", "a/b/x"),
    ("a/a/b/x", "a/a/b/y"),
    ("a/b/x",),
]


@pytest.mark.parametrize("paths", TREES)
@pytest.mark.parametrize("counts_from", ["folder", "top"])
def test_a_folder_of_its_folder_s_name_is_told_from_it(service, session, paths, counts_from):
    service.route = tree(*paths, counts_from=counts_from)
    found = session.list_files("a", recursive=True)
    assert sorted(file.path for file in found) == sorted(paths)
    assert len(service.seen) <= 2
