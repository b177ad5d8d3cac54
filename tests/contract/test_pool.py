"""One suite for the pool library over every generation of the API, against the embedded pool."""

from __future__ import annotations

import contextlib
import io
import threading
import uuid
from typing import TYPE_CHECKING

import pytest

from dynamic_sessions_kernel import SessionPool, errors, service_failure
from tests.support.pool import running_pool

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSIONS = ["2024-02-02-preview", "2024-10-02-preview", "2025-10-02-preview"]


@pytest.fixture(scope="module")
def address() -> Iterator[dict[str, str]]:
    """An embedded pool of this module's own, started as a person would."""
    with running_pool("--max-sessions", "40") as pool:
        yield pool.told


@pytest.fixture(scope="module", params=VERSIONS)
def pool(request: pytest.FixtureRequest, address: dict[str, str]) -> Iterator[SessionPool]:
    with SessionPool(
        address["endpoint"], "none", token=address["token"], api_version=request.param
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def session(pool: SessionPool):
    """A session for tests that leave nothing behind that another could trip over."""
    opened = pool.session(uuid.uuid4().hex)
    yield opened
    opened.delete()


@pytest.fixture
def fresh(pool: SessionPool):
    opened = pool.session(uuid.uuid4().hex)
    yield opened
    with contextlib.suppress(errors.SessionNotFoundError):
        opened.delete()


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("6 * 7", 42),
        ("True", True),
        ("1.5", 1.5),
        ("'text'", "text"),
        ("None", None),
        ("x = 1", None),
        ("float('nan')", "nan"),
        ("{'a': [1, 2]}", "{'a': [1, 2]}"),
    ],
)
def test_the_last_expression_is_the_result(session, code, value) -> None:
    result = session.execute(code)
    assert result.succeeded
    assert result.result == value
    assert type(result.result) is type(value)


def test_both_streams_come_back(session) -> None:
    result = session.execute("import sys; print('out'); print('err', file=sys.stderr)")
    assert result.succeeded
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_code_that_raises_is_a_failed_run_and_no_error(session) -> None:
    result = session.execute("1 / 0")
    assert not result.succeeded
    assert "ZeroDivisionError" in result.stderr
    assert service_failure(result) is None


def test_variables_live_on_and_sessions_are_apart(pool, fresh) -> None:
    other = pool.session(uuid.uuid4().hex)
    fresh.execute("mine = 1")
    assert fresh.execute("mine").result == 1
    assert "NameError" in other.execute("mine").stderr
    other.delete()


def test_magics_and_shell_commands_work(session) -> None:
    result = session.execute("!echo from a shell\n%pwd")
    assert "from a shell" in result.stdout
    assert result.succeeded


def test_an_image_is_a_result(session) -> None:
    code = (
        "import base64, IPython.display\n"
        "IPython.display.Image(data=base64.b64decode("
        "'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJ"
        "RU5ErkJggg=='))"
    )
    result = session.execute(code)
    assert result.image is not None
    assert result.image.data.startswith(b"\x89PNG")
    assert result.result["type"] == "image"


def test_output_is_cut_where_the_service_cuts_it(pool, session) -> None:
    result = session.execute("print('x' * 9999)", max_output=20_000)
    assert len(result.stdout) == (10_000 if pool.limits_output else 4096)
    assert len(session.execute("print('x' * 9999)").stdout) == 4096


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_that_was_cut_says_so(session, stream) -> None:
    code = f"import sys; print('x' * {{}}, file=sys.{stream})"
    assert session.execute(code.format(9999)).truncated
    assert session.execute(code.format(20_000), max_output=10_000).truncated
    assert not session.execute(code.format(100)).truncated


def test_code_of_any_characters_arrives(session) -> None:
    assert session.execute("'äöü 日本 😀 \\x00'").result == "äöü 日本 😀 \x00"


def test_the_time_limit_is_the_service_s_own_failure(session) -> None:
    failure = service_failure(session.execute("while True: pass", timeout=1))
    assert isinstance(failure, errors.TimeLimitError)


@pytest.mark.parametrize("name", ["a.csv", "with space.csv", "ünï-日本.csv", "100%#1 & more.csv"])
def test_a_file_goes_in_is_read_there_and_comes_out(session, name) -> None:
    content = bytes(range(256)) * 300
    stored = session.upload(io.BytesIO(content), name)
    assert (stored.name, stored.size) == (name, len(content))
    read = session.execute(f"len(open({stored.full_path!r}, 'rb').read())")
    assert read.result == len(content), read.stderr
    assert session.file(name).size == len(content)
    assert name in [file.name for file in session.list_files()]
    with session.download(stored.full_path) as stream:
        assert stream.read() == content
    session.delete_file(name)
    assert name not in [file.name for file in session.list_files()]


def test_an_upload_replaces_a_file_of_the_same_name(session) -> None:
    session.upload(io.BytesIO(b"first"), "twice.txt")
    assert session.upload(io.BytesIO(b"second"), "twice.txt").size == 6
    with session.download("twice.txt") as stream:
        assert stream.read() == b"second"


def test_an_empty_file_goes_both_ways(session) -> None:
    session.upload(io.BytesIO(), "empty.txt")
    with session.download("empty.txt") as stream:
        assert stream.read() == b""


def test_files_of_folders_are_listed_and_fetched(session) -> None:
    made = session.execute(
        "import os\n"
        "os.makedirs('/mnt/data/folder/sub', exist_ok=True)\n"
        "open('/mnt/data/folder/a.txt', 'w').write('a')\n"
        "open('/mnt/data/folder/sub/b.txt', 'w').write('bb')"
    )
    assert made.succeeded, made.stderr
    paths = {f.path: f.size for f in session.list_files(recursive=True) if not f.is_directory}
    assert paths.items() >= {"folder/a.txt": 1, "folder/sub/b.txt": 2}.items()
    inside = [f.path for f in session.list_files("folder") if not f.is_directory]
    assert inside == ["folder/a.txt"]
    assert session.file("folder/sub/b.txt").full_path == "/mnt/data/folder/sub/b.txt"
    with session.download("folder/sub/b.txt") as stream:
        assert stream.read() == b"bb"
    session.delete_file("folder/sub/b.txt")


def test_a_file_is_uploaded_into_a_folder(session) -> None:
    stored = session.upload(io.BytesIO(b"x"), "made/here.txt")
    assert stored.full_path == "/mnt/data/made/here.txt"
    assert session.execute("open('/mnt/data/made/here.txt').read()").result == "x"


@pytest.mark.parametrize("call", ["file", "download", "delete_file"])
def test_a_missing_file_is_said_to_be(session, call) -> None:
    with pytest.raises(errors.RemoteFileNotFoundError, match=r"no .*file"):
        getattr(session, call)("nowhere.csv")


def test_files_do_not_wait_for_running_code(pool, fresh) -> None:
    fresh.execute("1")
    running = threading.Thread(
        target=fresh.execute,
        args=("import os, time\nwhile not os.path.exists('/mnt/data/go'): time.sleep(0.01)",),
    )
    running.start()
    fresh.upload(io.BytesIO(b""), "go")
    running.join(20)
    assert not running.is_alive()


def test_a_session_tells_its_times_and_ends(fresh) -> None:
    fresh.execute("kept = 1")
    info = fresh.info()
    assert info.identifier == fresh.identifier
    assert info.created is not None
    assert info.expires is not None
    assert info.expires > info.created
    fresh.delete()
    with pytest.raises(errors.SessionNotFoundError):
        fresh.info()
    assert "NameError" in fresh.execute("kept").stderr


def test_deleting_a_session_that_is_not_there_is_said(pool) -> None:
    with pytest.raises(errors.SessionNotFoundError):
        pool.session(uuid.uuid4().hex).delete()


def test_a_container_is_told_apart_from_its_successor(fresh) -> None:
    first, same = fresh.execute("1").container, fresh.execute("1").container
    fresh.delete()
    assert first == same
    assert fresh.execute("1").container != first


def test_the_pool_lists_its_sessions(pool, fresh) -> None:
    fresh.execute("1")
    assert fresh.identifier in [info.identifier for info in pool.sessions()]


def test_the_pool_tells_what_is_installed(pool) -> None:
    metadata = pool.metadata()
    assert metadata.runtimes
    assert "ipykernel" in {name.lower() for name in metadata.packages}


def test_a_wrong_token_is_refused(address) -> None:
    with SessionPool(address["endpoint"], "none", token="wrong") as pool:
        session = pool.session(uuid.uuid4().hex)
        with pytest.raises(errors.UnauthorizedError, match="DYNAMIC_SESSIONS_TOKEN"):
            session.execute("1")


def test_an_unknown_api_version_reads_as_the_service_says_it(address) -> None:
    with SessionPool(
        address["endpoint"], "none", token=address["token"], api_version="2031-01-01"
    ) as pool:
        session = pool.session(uuid.uuid4().hex)
        with pytest.raises(errors.UnauthorizedError, match="API version, now 2031-01-01"):
            session.execute("1")


def test_a_wrong_pool_is_not_found(address) -> None:
    with SessionPool(address["endpoint"] + "x", "none", token=address["token"]) as pool:
        session = pool.session(uuid.uuid4().hex)
        with pytest.raises(errors.PoolNotFoundError, match="Check the endpoint"):
            session.execute("1")
