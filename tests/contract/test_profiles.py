"""Every call of the client over each kind of pool, in each api-version that it answers."""

from __future__ import annotations

import contextlib
import io
import uuid

import pytest

from dynamic_sessions_kernel import SessionPool, errors, service_failure
from dynamic_sessions_kernel.api_versions import ApiVersion

ALL = tuple(version.value for version in ApiVersion)
LEGACY, CURRENT = ALL[:2], ALL[2:]
#: Pools that run Python, and the versions in which they do.
PYTHON = {
    "specification": ALL,
    "container": ALL,
    "legacy": LEGACY,
    "custom-container": CURRENT,
}
#: Versions in which a pool that runs Python lacks the calls that run code.
LACKING = {"legacy": CURRENT, "custom-container": LEGACY}


def pairs(table):
    return [(profile, version) for profile, versions in table.items() for version in versions]


def named(pair):
    return "-".join(pair)


@contextlib.contextmanager
def client(pool_of, pair):
    profile, version = pair
    pool = pool_of(profile)
    with SessionPool(pool.endpoint, token=pool.token, api_version=version, attempts=1) as opened:
        yield opened


@pytest.fixture(scope="module", params=pairs(PYTHON), ids=named)
def pair(request):
    return request.param


@pytest.fixture(scope="module")
def pool(pool_of, pair):
    with client(pool_of, pair) as opened:
        yield opened


#: One session for each kind of pool, which all versions use: what they store is the same.
IDENTIFIERS = {profile: uuid.uuid4().hex for profile in PYTHON}


@pytest.fixture(scope="module")
def session(pool, pair):
    return pool.session(IDENTIFIERS[pair[0]])


def paths(session, folder="", **more):
    return sorted(file.path for file in session.list_files(folder, **more))


def test_code_runs_and_fails(session, pair) -> None:
    ran = session.execute("import sys; print('out'); print('err', file=sys.stderr); 6 * 7")
    assert (ran.status, ran.stdout, ran.stderr, ran.result) == ("Succeeded", "out\n", "err\n", 42)
    # Custom containers answer without headers about the execution.
    assert bool(ran.container) == (pair[0] != "custom-container")
    failed = session.execute("1 / 0")
    assert (failed.status, service_failure(failed)) == ("Failed", None)
    assert "ZeroDivisionError" in failed.stderr


def test_a_file_goes_in_is_listed_described_comes_out_and_goes(session) -> None:
    stored = session.upload(io.BytesIO(b"a,b"), "sales.csv")
    assert (stored.full_path, stored.size) == ("/mnt/data/sales.csv", 3)
    assert session.execute("open('/mnt/data/sales.csv').read()").result == "a,b"
    (listed,) = [file for file in session.list_files() if file.name == "sales.csv"]
    assert (listed.path, listed.size, listed.is_directory) == ("sales.csv", 3, False)
    assert listed.modified is not None
    assert session.file("sales.csv").path == "sales.csv"
    with session.download("sales.csv") as stream:
        assert stream.read() == b"a,b"
    session.delete_file("sales.csv")
    assert "sales.csv" not in paths(session)


def test_folders_are_kept_and_told_apart(session) -> None:
    for path in ("a/x.txt", "a/a/x.txt", "a/b/y.txt"):
        assert session.upload(io.BytesIO(b"1"), path).path == path
    files = ["a/a/x.txt", "a/b/y.txt", "a/x.txt"]
    found = session.list_files("a", recursive=True)
    assert sorted(file.path for file in found if not file.is_directory) == files
    assert [path for path in paths(session, recursive=True) if path in files] == files
    assert "a/x.txt" in paths(session, "a")
    assert "a/a/x.txt" not in paths(session, "a")
    assert paths(session, "a/b") == ["a/b/y.txt"]
    assert session.file("a/a/x.txt").path == "a/a/x.txt"
    session.delete_file("a/a/x.txt")
    with session.download("a/x.txt") as stream:
        assert stream.read() == b"1"
    session.delete_file("a/x.txt")
    session.delete_file("a/b/y.txt")


@pytest.mark.parametrize("ask", ["file", "download", "delete_file"])
def test_a_missing_file_is_missing_and_the_pool_is_not(session, ask) -> None:
    with pytest.raises(errors.RemoteFileNotFoundError):
        getattr(session, ask)("none.txt")


def test_a_session_is_described_and_listed(session, pool) -> None:
    session.list_files()
    info = session.info()
    assert info.identifier == session.identifier
    assert None not in (info.created, info.last_accessed, info.expires)
    assert session.identifier in {found.identifier for found in pool.sessions()}
    unknown = pool.session(uuid.uuid4().hex)
    for ask in (unknown.info, unknown.delete):
        with pytest.raises(errors.SessionNotFoundError):
            ask()


@pytest.mark.parametrize(
    "pair", [(name, found[end]) for name, found in PYTHON.items() for end in (0, -1)], ids=named
)
def test_a_session_is_ended(pool_of, pair) -> None:
    with client(pool_of, pair) as opened:
        session = opened.session(uuid.uuid4().hex)
        session.list_files()
        session.delete()
        assert session.identifier not in {found.identifier for found in opened.sessions()}
        with pytest.raises(errors.SessionNotFoundError):
            session.delete()


def test_the_pool_says_what_it_has_where_its_kind_does(pool, pair) -> None:
    if pair[0] == "custom-container":
        with pytest.raises(errors.BadRequestError, match="does not say what its sessions have"):
            pool.metadata()
    else:
        assert pool.metadata().kernel == "ipykernel"
        assert "ipykernel" in pool.metadata().packages
    assert pool.wrong_type() is None


@pytest.mark.parametrize("pair", pairs(LACKING), ids=named)
def test_a_version_that_the_pool_lacks_is_no_wrong_address(pool_of, pair) -> None:
    with client(pool_of, pair) as opened:
        match = rf"is there, but .* not offer running code in API version {pair[1]}"
        if pair[0] == "custom-container":
            match += ".* have Microsoft's interpreter image"
        with pytest.raises(errors.PoolFullError, match=match):
            opened.session(uuid.uuid4().hex).execute("1")


@pytest.mark.parametrize("version", ALL)
def test_a_shell_pool_names_itself_and_what_to_use(pool_of, version) -> None:
    with client(pool_of, ("shell", version)) as opened:
        session = opened.session(uuid.uuid4().hex)
        with pytest.raises(errors.PoolTypeError, match=r"of type Shell, .*use a pool of type Pyt"):
            session.execute("1")


@pytest.mark.parametrize("version", [ALL[0], ALL[-1]])
def test_a_node_pool_fails_python_and_names_itself(pool_of, version) -> None:
    with client(pool_of, ("node", version)) as opened:
        session = opened.session(uuid.uuid4().hex)
        assert session.execute("1").status == "Failed"
        assert "of type NodeLTS" in str(opened.wrong_type())
        session.delete()


@pytest.mark.parametrize("profile", ["shell", "node"])
@pytest.mark.parametrize("version", [ALL[0], ALL[-1]])
def test_files_and_sessions_are_the_same_whatever_a_pool_runs(pool_of, profile, version) -> None:
    with client(pool_of, (profile, version)) as opened:
        session = opened.session(uuid.uuid4().hex)
        session.upload(io.BytesIO(b"1"), "a.txt")
        assert paths(session) == ["a.txt"]
        assert session.info().identifier == session.identifier
        session.delete()


@pytest.mark.parametrize("status", [404, 429, 500])
@pytest.mark.parametrize("version", [ALL[0], ALL[-1]])
def test_a_full_pool_is_full_however_it_says_so(full_pool, status, version) -> None:
    with SessionPool(
        full_pool(status).endpoint, token=full_pool(status).token, api_version=version, attempts=1
    ) as opened:
        for ask in (lambda one: one.execute("1"), lambda one: one.list_files()):
            with pytest.raises(errors.PoolFullError, match="no session to spare"):
                ask(opened.session(uuid.uuid4().hex))


def test_a_wrong_address_is_one(pool_of) -> None:
    pool = pool_of("specification")
    with SessionPool(pool.endpoint[:-1], token=pool.token, attempts=1) as opened:
        session = opened.session(uuid.uuid4().hex)
        for ask in (lambda: session.execute("1"), session.list_files, session.info):
            with pytest.raises(errors.PoolNotFoundError, match="no such pool"):
                ask()
