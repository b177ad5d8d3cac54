"""What both generations tell of files, sessions and the pool, and how it is read."""

from __future__ import annotations

import datetime as dt
import io

import pytest

from dynamic_sessions_kernel import errors

LEGACY = "2024-02-02-preview"
CURRENT = "2025-10-02-preview"

FILE = {
    "name": "a.csv",
    "sizeInBytes": 12,
    "lastModifiedAt": "2025-11-03T10:20:30.1234567Z",
    "contentType": "text/csv",
    "type": "file",
}


def test_a_current_listing_gives_files_and_folders(service, session) -> None:
    service.answers({"value": [FILE, {"name": "sub", "type": "directory", "sizeInBytes": None}]})
    first, second = session.list_files("/mnt/data/folder")
    assert service.seen[0].query["path"] == "folder"
    assert (first.full_path, first.size) == ("/mnt/data/folder/a.csv", 12)
    assert first.modified == dt.datetime(2025, 11, 3, 10, 20, 30, 123456, tzinfo=dt.UTC)
    assert (second.path, second.is_directory, second.size) == ("folder/sub", True, 0)


def test_a_recursive_listing_is_one_call_where_the_version_has_it(service, session) -> None:
    service.answers(
        {"value": [{**FILE, "directory": "/mnt/data/x/y"}, {**FILE, "name": "y/z/b.csv"}]}
    )
    found = session.list_files("x", recursive=True)
    assert [file.path for file in found] == ["x/y/a.csv", "x/y/z/b.csv"]
    assert service.seen[0].query["recursive"] == "true"


def test_a_recursive_listing_walks_where_the_version_has_it_not(
    service, open_pool, identifier
) -> None:
    session = open_pool(service.endpoint, api_version="2024-10-02-preview").session(identifier)
    service.answers({"value": [{"name": "sub", "type": "directory"}]})
    service.answers({"value": [FILE]})
    found = session.list_files(recursive=True)
    assert [file.path for file in found] == ["sub", "sub/a.csv"]
    assert [seen.query.get("path") for seen in service.seen] == [None, "sub"]
    assert all("recursive" not in seen.query for seen in service.seen)


def test_a_listing_is_followed_page_by_page(service, session, identifier) -> None:
    base = service.endpoint
    service.answers({"value": [FILE], "nextLink": f"{base}/files?skip=1&identifier=someone"})
    service.answers({"value": [{**FILE, "name": "b.csv"}], "nextLink": "files?skip=2"})
    service.answers({"value": []})
    assert [file.name for file in session.list_files()] == ["a.csv", "b.csv"]
    assert [seen.query.get("skip") for seen in service.seen] == [None, "1", "2"]
    assert {seen.query["identifier"] for seen in service.seen} == {identifier}
    assert {seen.query["api-version"] for seen in service.seen} == {CURRENT}


@pytest.mark.parametrize(
    "link", ["https://evil.example/files", "//evil.example/files", "http://[bad"]
)
def test_a_page_elsewhere_is_not_followed(service, session, link) -> None:
    service.answers({"value": [], "nextLink": link})
    with pytest.raises(errors.UnexpectedAnswerError, match="points to another address"):
        session.list_files()
    assert len(service.seen) == 1


def test_the_next_page_is_asked_for_where_the_first_was(service, session, identifier) -> None:
    service.answers({"value": [], "nextLink": "/SUBSCRIPTIONS/other/files?skip=1"})
    service.answers({"value": [FILE]})
    assert len(session.list_files()) == 1
    assert [seen.path for seen in service.seen] == ["files", "files"]


def test_pages_in_a_circle_end(service, session) -> None:
    for _ in range(3):
        service.answers({"value": [], "nextLink": "files?skip=1"})
    with pytest.raises(errors.UnexpectedAnswerError, match="pages without end"):
        session.list_files()


@pytest.mark.parametrize("name", ["..", ".", "", "../../etc/passwd", "a/../../b", 7, None])
def test_a_listed_name_that_leads_out_of_the_folder_is_refused(service, session, name) -> None:
    service.answers({"value": [{**FILE, "name": name}]})
    with pytest.raises(errors.UnexpectedAnswerError):
        session.list_files()


@pytest.mark.parametrize("size", [-1, "12", 1.5, True, []])
def test_a_listed_size_that_is_none_is_refused(service, session, size) -> None:
    service.answers({"value": [{**FILE, "sizeInBytes": size}]})
    with pytest.raises(errors.UnexpectedAnswerError, match="no number of bytes"):
        session.list_files()


@pytest.mark.parametrize("when", [None, "", "yesterday", 7, "2025-13-45"])
def test_an_odd_time_is_an_unknown_time(service, session, when) -> None:
    service.answers({"value": [{**FILE, "lastModifiedAt": when}]})
    assert session.list_files()[0].modified is None


LEGACY_FILE = {
    "$id": "2",
    "properties": {
        "$id": "3",
        "filename": "folder/a.csv",
        "size": 12,
        "lastModifiedTime": "2024-05-06T07:08:09",
    },
}


def test_a_legacy_listing_holds_all_and_is_asked_for_one_folder(service, legacy) -> None:
    other = {"properties": {"filename": "b.csv", "size": 1}}
    for folder, recursive, found in (
        ("", False, ["b.csv"]),
        ("", True, ["folder/a.csv", "b.csv"]),
        ("folder", False, ["folder/a.csv"]),
        ("fold", True, []),
    ):
        service.answers({"$id": "1", "value": [LEGACY_FILE, other]})
        files = legacy.list_files(folder, recursive=recursive)
        assert [file.path for file in files] == found
        assert service.seen[-1].path == "files"


def test_a_legacy_file_is_found_in_the_listing(service, legacy) -> None:
    service.answers({"value": [LEGACY_FILE]})
    assert legacy.file("folder/a.csv").modified == dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
    service.answers({"value": [LEGACY_FILE]})
    with pytest.raises(errors.RemoteFileNotFoundError, match=r"no file 'a\.csv'"):
        legacy.file("a.csv")


def test_legacy_file_calls_name_the_path_in_the_address(service, legacy) -> None:
    service.answers({"$id": "1", "value": [LEGACY_FILE]})
    assert legacy.upload(io.BytesIO(b"x"), "folder/a.csv").full_path == "/mnt/data/folder/a.csv"
    assert b'name="file"; filename="folder/a.csv"' in service.seen[0].body
    service.plays(b"x")
    legacy.download("folder/a b#%.csv").close()
    legacy.delete_file("folder/a.csv")
    assert [(seen.method, seen.path) for seen in service.seen] == [
        ("POST", "files/upload"),
        ("GET", "files/content/folder/a b#%.csv"),
        ("DELETE", "files/folder/a.csv"),
    ]


@pytest.mark.parametrize(
    ("version", "asked"), [(CURRENT, CURRENT), ("2025-02-02-preview",) * 2, (LEGACY, CURRENT)]
)
def test_session_calls_use_a_version_that_has_them(
    service, open_pool, identifier, version, asked
) -> None:
    pool = open_pool(service.endpoint, api_version=version)
    service.answers(
        {
            "identifier": identifier,
            "createdAt": "2025-11-03T10:00:00Z",
            "lastAccessedAt": "2025-11-03T10:01:00Z",
            "expireAt": "2025-11-03T10:06:00Z",
            "etag": "1",
        }
    )
    info = pool.session(identifier).info()
    assert identifier not in repr(info)
    assert info.expires is not None
    service.plays(b"", 204)
    pool.session(identifier).delete()
    assert {seen.query["api-version"] for seen in service.seen} == {asked}
    assert [(seen.method, seen.path) for seen in service.seen] == [
        ("GET", "session"),
        ("DELETE", "session"),
    ]


def test_the_pool_s_sessions_are_listed_until_none_is_new(service, pool) -> None:
    service.answers({"value": [{"identifier": "aaaa"}, {"identifier": "bbbb"}]})
    service.answers({"value": [{"identifier": "cccc"}]})
    service.answers({"value": [{"identifier": "aaaa"}]})
    assert [info.identifier for info in pool.sessions()] == ["aaaa", "bbbb", "cccc"]
    assert [seen.query.get("skip") for seen in service.seen] == [None, "2", "3"]
    assert all("identifier" not in seen.query for seen in service.seen)


@pytest.mark.parametrize(
    "packages",
    [
        {"numpy": "1.26.4"},
        ["numpy==1.26.4"],
        [{"name": "numpy", "version": "1.26.4"}],
    ],
)
def test_metadata_tells_packages_in_any_of_their_shapes(service, pool, packages) -> None:
    service.answers({"runtimes": [{"language": "Python"}], "preInstalledPackages": packages})
    metadata = pool.metadata()
    assert metadata.packages == {"numpy": "1.26.4"}
    assert metadata.runtimes[0]["language"] == "Python"


@pytest.mark.parametrize(
    "body",
    [
        {"runtimes": "Python"},
        {"runtimes": ["Python"]},
        {"preInstalledPackages": 7},
    ],
)
def test_metadata_of_another_shape_is_an_error(service, pool, body) -> None:
    service.answers(body)
    with pytest.raises(errors.UnexpectedAnswerError):
        pool.metadata()


def test_metadata_that_tells_nothing_is_empty(service, pool) -> None:
    service.answers({})
    assert pool.metadata().packages == {}


def test_one_file_is_asked_for_by_name_and_folder(service, session) -> None:
    service.answers(FILE)
    assert session.file("folder/a.csv").path == "folder/a.csv"
    assert service.seen[0].path == "files/a.csv"
    assert service.seen[0].query["path"] == "folder"


@pytest.mark.parametrize("value", [[], [LEGACY_FILE, LEGACY_FILE]])
def test_a_legacy_upload_is_answered_with_its_one_file(service, legacy, value) -> None:
    service.answers({"value": value})
    with pytest.raises(errors.UnexpectedAnswerError, match="the one file"):
        legacy.upload(io.BytesIO(b"x"), "a.csv")
