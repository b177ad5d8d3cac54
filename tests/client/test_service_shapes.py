"""The shapes that the real service and its images send, beside those of the specification.

Sources: docs/service.md; the swagger of 2025-10-02-preview for `sessions` and `directory`.
"""

from __future__ import annotations

import pytest

from dynamic_sessions_kernel import SessionPool, errors

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
