"""Files: shapes, names, sizes, and that nothing leads out of the session's folder."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import requests

LEGACY = "2024-02-02-preview"
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z"


@pytest.fixture
def legacy(shared_pool, fresh):
    return shared_pool.caller(version=LEGACY, identifier=fresh.identifier)


def code_of(answer):
    return answer.status_code, answer.json()["error"]["code"]


def test_the_current_generation_from_upload_to_deletion(fresh):
    told = fresh.upload("a.csv", b"a,b\n").json()
    assert re.fullmatch(MOMENT, told.pop("lastModifiedAt"))
    assert told == {
        "name": "a.csv",
        "sizeInBytes": 4,
        "contentType": "text/csv",
        "type": "File",
        "directory": "",
    }
    listed = fresh.call("GET", "files").json()["value"]
    assert listed == [fresh.call("GET", "files/a.csv").json()]
    assert listed[0]["name"] == "a.csv"
    assert listed[0]["type"] == "File"
    assert listed[0]["contentType"] == "text/csv"
    assert fresh.call("GET", "files/a.csv/content").content == b"a,b\n"
    answer = fresh.call("DELETE", "files/a.csv")
    assert (answer.status_code, answer.content) == (204, b"")
    assert fresh.call("GET", "files").json() == {"value": [], "nextLink": None}


def test_the_legacy_generation_from_upload_to_deletion(legacy):
    told = legacy.upload("a.csv", b"a,b\n").json()
    properties = told["value"][0]["properties"]
    assert re.fullmatch(MOMENT, properties.pop("lastModifiedTime"))
    assert told == {
        "$id": "1",
        "value": [{"$id": "2", "properties": {"$id": "3", "filename": "a.csv", "size": 4}}],
    }
    assert legacy.call("GET", "files").json()["value"][0]["properties"]["filename"] == "a.csv"
    assert legacy.call("GET", "files/content/a.csv").content == b"a,b\n"
    assert legacy.call("DELETE", "files/a.csv").status_code == 200
    assert legacy.call("GET", "files").json() == {"$id": "1", "value": []}


def test_uploads_land_where_code_finds_them(fresh):
    fresh.upload("a.bin", bytes(range(256)))
    code = "open('/mnt/data/a.bin', 'rb').read() == bytes(range(256))"
    assert fresh.run(code)["executionResult"] is True


def test_an_upload_replaces_a_file_of_its_name(fresh):
    fresh.upload("a.txt", b"long content")
    fresh.upload("a.txt", b"short")
    assert fresh.call("GET", "files/a.txt/content").content == b"short"


@pytest.mark.parametrize("folder", ["one/two", "/mnt/data/one/two", "/one/two/"])
def test_folders_are_made_and_reached_by_path(fresh, folder):
    told = fresh.upload("a.txt", b"x", query={"path": folder}).json()
    assert (told["name"], told["directory"]) == ("a.txt", "one/two")
    where = {"path": "one/two"}
    assert fresh.call("GET", "files/a.txt/content", query=where).content == b"x"
    listed = fresh.call("GET", "files").json()["value"]
    assert [(entry["name"], entry["type"]) for entry in listed] == [("one", "Directory")]
    assert len(fresh.call("GET", "files", query=where).json()["value"]) == 1
    assert fresh.call("DELETE", "files/a.txt", query=where).status_code == 204


def test_only_the_newest_version_lists_recursively(fresh):
    fresh.upload("a.txt", b"x", query={"path": "one"})
    everything = {"recursive": "true"}
    listed = fresh.call("GET", "files", query=everything).json()["value"]
    assert [entry["name"] for entry in listed] == ["one", "a.txt"]
    older = {**everything, "api-version": "2025-02-02-preview"}
    assert len(fresh.call("GET", "files", query=older).json()["value"]) == 1


def test_names_of_the_legacy_generation_hold_their_folders(legacy):
    legacy.upload("one/a.txt", b"x")
    listed = legacy.call("GET", "files").json()["value"]
    assert [entry["properties"]["filename"] for entry in listed] == ["one/a.txt"]
    assert legacy.call("GET", "files/content/one/a.txt").content == b"x"
    assert legacy.call("DELETE", "files/one/a.txt").status_code == 200


def test_a_long_listing_comes_in_pages(fresh):
    fresh.run("for n in range(2500): open(f'/mnt/data/{n:04}', 'w').close()")
    names, answer = [], fresh.call("GET", "files").json()
    while True:
        names += [entry["name"] for entry in answer["value"]]
        if answer["nextLink"] is None:
            break
        headers = {"Authorization": f"Bearer {fresh.token}"}
        answer = requests.get(answer["nextLink"], headers=headers, timeout=60).json()
    assert names == [f"{n:04}" for n in range(2500)]


@pytest.mark.parametrize(
    "name", ["Grüße, 世界 (1).txt", "-_.@$&=;,#%^()", "a b", ".hidden", "100%25.txt", "x" * 255]
)
def test_names_that_the_service_takes(fresh, name):
    assert fresh.upload(name, b"x").json()["name"] == name
    assert fresh.call("GET", f"files/{quote(name, safe='')}/content").content == b"x"
    assert fresh.call("DELETE", f"files/{quote(name, safe='')}").status_code == 204


@pytest.mark.parametrize(
    "name", ["a:b", "a*", "a?b", "a|b", "a<b", "a'b", "a\\b", "..", ".", "x" * 256]
)
def test_names_that_it_does_not_take(session, name):
    refused = (400, "FileNameInvalid")
    assert code_of(session.upload(name, b"x")) == refused
    quoted = quote(name, safe="").replace(".", "%2E")
    assert code_of(session.call("GET", f"files/x{quoted}:/content")) == refused


@pytest.mark.parametrize(
    "folder", ["a.b", "..", "one/../..", "a/b/c/d/e/f", "a//b", "a:b", "x" * 256]
)
def test_folders_that_it_does_not_take(session, folder):
    refused = (400, "FilePathInvalid")
    assert code_of(session.upload("a.txt", b"x", query={"path": folder})) == refused
    assert code_of(session.call("GET", "files", query={"path": folder})) == refused


def test_a_path_cannot_hide_in_a_name(session):
    for name in ("..%2F..%2Fetc%2Fpasswd", "%2E%2E%2Fx", "one%2Fa.txt", "%ff"):
        assert code_of(session.call("GET", f"files/{name}/content"))[0] == 400


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_missing_file(session, method):
    code = "DeleteFileError" if method == "DELETE" else "FileNotFound"
    assert code_of(session.call(method, "files/none.txt")) == (404, code)
    assert code_of(session.call("GET", "files/none.txt/content")) == (404, "FileNotFound")
    assert code_of(session.call("GET", "files", query={"path": "none"})) == (404, "FileNotFound")


def test_128_megabytes_are_taken_and_one_byte_more_is_not(fresh):
    most = 128 << 20
    assert fresh.upload("most.bin", bytes(most)).json()["sizeInBytes"] == most
    answer = fresh.upload("more.bin", bytes(most + 1))
    assert answer.status_code == 413
    # The connection, read to its end, serves on.
    assert [entry["name"] for entry in fresh.call("GET", "files").json()["value"]] == ["most.bin"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", b"x"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nno multipart at all"),
        ("multipart/form-data; boundary=b", b"--b--\r\n"),
        ("multipart/form-data; boundary=" + "b" * 300, b"x"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncut',
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="other"; filename="a"\r\n\r\nx\r\n--b--',
        ),
    ],
)
def test_a_body_that_is_no_upload_leaves_nothing(session, kind, body):
    answer = session.call("POST", "files", data=body, headers={"Content-Type": kind})
    assert code_of(answer) == (400, "SessionRequestValidationFailed")
    assert session.call("GET", "files").json() == {"value": [], "nextLink": None}


def test_an_upload_cut_in_the_middle_leaves_nothing(start_pool, short_folder, wait_until):
    caller = start_pool(TMPDIR=str(short_folder)).caller()
    where = urlsplit(caller.endpoint)
    with socket.create_connection((where.hostname, where.port)) as connection:
        head = (
            f"POST {where.path}/files?identifier={caller.identifier}&api-version={caller.version} "
            f"HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {caller.token}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 10000\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf'
        )
        connection.sendall(head.encode())
        wait_until(lambda: list(short_folder.glob("dsk-pool-*/incoming/*")))
    wait_until(lambda: not list(short_folder.glob("dsk-pool-*/incoming/*")))
    assert caller.call("GET", "files").json() == {"value": [], "nextLink": None}


LINKS = """
import os
os.symlink('/etc/hostname', '/mnt/data/file')
os.symlink('/etc', '/mnt/data/folder')
os.symlink('/mnt/data', '/mnt/data/self')
os.mkfifo('/mnt/data/pipe')
os.mkdir('/mnt/data/real')
"""


def test_links_and_pipes_are_neither_listed_nor_followed(fresh):
    fresh.run(LINKS)
    listed = fresh.call("GET", "files", query={"recursive": "true"}).json()["value"]
    assert [entry["name"] for entry in listed] == ["real"]
    link = (400, "FilePathInvalid")
    assert code_of(fresh.call("GET", "files/file/content")) == link
    assert code_of(fresh.call("GET", "files/file")) == link
    assert code_of(fresh.call("DELETE", "files/file")) == link
    for folder in ("folder", "self", "self/real"):
        where = {"path": folder}
        assert code_of(fresh.call("GET", "files", query=where)) == link
        assert code_of(fresh.call("GET", "files/hostname/content", query=where)) == link
        assert code_of(fresh.upload("a.txt", b"x", query=where)) == link
    assert code_of(fresh.call("GET", "files/pipe/content")) == (404, "FileNotFound")
    assert code_of(fresh.call("GET", "files/real/content")) == (404, "FileNotFound")


def test_an_upload_replaces_a_link_and_leaves_its_target(fresh):
    fresh.run(
        "import os\nopen('/tmp/target', 'w').write('kept')\n"
        "os.symlink('/tmp/target', '/mnt/data/a.txt')"
    )
    assert fresh.upload("a.txt", b"new").status_code == 200
    code = "open('/tmp/target').read(), open('/mnt/data/a.txt').read()"
    assert fresh.run(code)["executionResult"] == "('kept', 'new')"


def test_an_upload_does_not_replace_a_folder(fresh):
    fresh.run("import os; os.mkdir('/mnt/data/a.txt')")
    assert code_of(fresh.upload("a.txt", b"x"))[0] == 400


SWAP = """
import os, threading
os.makedirs('/mnt/data/x', exist_ok=True)
open('/mnt/data/x/passwd', 'w').write('mine')
stop = threading.Event()
def swap():
    while not stop.is_set():
        try:
            os.rename('/mnt/data/x', '/mnt/data/y'); os.symlink('/etc', '/mnt/data/x')
            os.unlink('/mnt/data/x'); os.rename('/mnt/data/y', '/mnt/data/x')
        except OSError:
            pass
threading.Thread(target=swap).start()
"""


def test_a_link_swapped_in_under_a_download_or_upload_leads_nowhere(fresh):
    fresh.run(SWAP)
    where = {"path": "x"}
    contents = {
        fresh.call("GET", "files/passwd/content", query=where).content[:4] for _ in range(200)
    }
    assert contents <= {b"mine", b'{"er'}
    statuses = {fresh.upload("new.txt", b"x", query=where).status_code for _ in range(100)}
    assert statuses <= {200, 400, 404}
    assert not Path("/etc/new.txt").exists()
    fresh.run("stop.set()")


def test_a_download_of_a_file_that_shrinks_is_broken_off(fresh):
    fresh.run("f = open('/mnt/data/big.bin', 'w'); f.truncate(1 << 30)")
    with fresh.call("GET", "files/big.bin/content", stream=True) as answer:
        assert answer.headers["content-length"] == str(1 << 30)
        answer.raw.read(1)
        fresh.run("f.truncate(0)")
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            for _ in answer.iter_content(1 << 20):
                pass


def test_files_are_exchanged_in_parallel(fresh):
    fresh.run("1")
    size = 8 << 20

    def exchange(number: int) -> None:
        content = bytes([number]) * size
        fresh_caller = type(fresh)(fresh.endpoint, fresh.token, identifier=fresh.identifier)
        fresh_caller.upload(f"{number}.bin", content)
        assert fresh_caller.call("GET", f"files/{number}.bin/content").content == content
        done.append(number)

    done: list[int] = []
    threads = [threading.Thread(target=exchange, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 1, 2, 3]
