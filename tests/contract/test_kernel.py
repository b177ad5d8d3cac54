"""The kernel's cells and commands over each kind of pool, in both runtimes."""

from __future__ import annotations

import io
import uuid

import pytest

from dynamic_sessions_kernel import SessionPool, errors
from dynamic_sessions_kernel.jupyter.session_origin import session_identifier

#: Kinds of pools that run Python, and the api-version that a person would set for them.
PYTHON = {
    "specification": "2025-10-02-preview",
    "container": "2025-10-02-preview",
    "legacy": "2024-02-02-preview",
    "custom-container": "2025-10-02-preview",
}
PAIRS = [(profile, runtime) for profile in PYTHON for runtime in ("bridge", "direct")]


def environment(pool, profile: str, runtime: str) -> dict[str, str]:
    return {
        **pool.environment,
        "DYNAMIC_SESSIONS_API_VERSION": PYTHON[profile],
        "DYNAMIC_SESSIONS_RUNTIME": runtime,
    }


def identifier_of(notebook) -> str:
    return session_identifier(notebook.manager.session.key)


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def where(request) -> tuple[str, str]:
    return request.param


@pytest.fixture(scope="module")
def pool(pool_of, where):
    return pool_of(where[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "sales.csv").write_bytes(b"a,b")
    return folder


@pytest.fixture(scope="module")
def notebook(pool, where, folder, start_notebook):
    opened = start_notebook(environment(pool, *where), folder)
    yield opened
    opened.close()


def test_a_cell_prints_shows_and_fails(notebook) -> None:
    ran = notebook.run("print('out')\n6 * 7")
    assert (ran.stdout, ran.result) == ("out\n", "42")
    assert notebook.run("1 / 0").error == "ZeroDivisionError: division by zero"


def test_upload_brings_a_file(notebook) -> None:
    ran = notebook.run("paths = %upload sales.csv\npaths, open(paths[0]).read()")
    assert ran.result == "(['/mnt/data/sales.csv'], 'a,b')"


def test_files_lists_and_removes_and_download_fetches(notebook, folder) -> None:
    notebook.run("import os; os.makedirs('a/a', exist_ok=True)")
    notebook.run("for path in ('a/x.txt', 'a/a/x.txt'): open(path, 'w').write(path)")
    ran = notebook.run("paths = %files a\npaths")
    assert ran.result == "['/mnt/data/a/a/x.txt', '/mnt/data/a/x.txt']"
    notebook.run("%download a --force")
    assert (folder / "downloads" / "a" / "a" / "x.txt").read_text() == "a/a/x.txt"
    assert (folder / "downloads" / "a" / "x.txt").read_text() == "a/x.txt"
    assert "Deleted" in notebook.run("%files rm a/a/x.txt").stdout
    assert notebook.run("os.listdir('a/a'), sorted(os.listdir('a'))").result == (
        "([], ['a', 'x.txt'])"
    )
    assert "no such file" in notebook.run("%files rm a/a/x.txt").error


def test_session_shows_and_lists_the_session(notebook, where) -> None:
    notebook.run("1")
    short = identifier_of(notebook)[:8]
    (table,) = notebook.run("%session").all("display_data")
    shown = table["data"]["text/plain"]
    assert short in shown
    assert "expires" in shown
    assert ("packages" in shown) == (where[0] != "custom-container")
    (table,) = notebook.run("%session list").all("display_data")
    (line,) = [text for text in table["data"]["text/plain"].splitlines() if short in text]
    assert "this kernel's" in line


def test_restart_new_and_stop_change_the_session(notebook, pool) -> None:
    notebook.run("kept = 1; open('/mnt/data/kept.txt', 'w').close()")
    ran = notebook.run("%session restart\nimport os\n'kept' in dir(), os.path.exists('kept.txt')")
    assert ran.result == "(False, True)"
    ran = notebook.run("%session new\nimport os\nos.path.exists('/mnt/data/kept.txt')")
    assert ran.result == "False"
    assert "was deleted" in notebook.run("%session stop").stdout
    assert "no session to stop" in notebook.run("%session stop").stdout
    listed = notebook.run("%session list")
    assert identifier_of(notebook)[:8] not in str(listed.messages)


def test_delete_makes_room(notebook, pool, where) -> None:
    version = PYTHON[where[0]]
    with SessionPool(pool.endpoint, token=pool.token, api_version=version) as client:
        other = client.session(uuid.uuid4().hex)
        other.list_files()
        notebook.run_answering(f"%session delete {other.identifier[:12]}", "y")
        with pytest.raises(errors.SessionNotFoundError):
            other.info()


def test_attach_takes_over_another_session(notebook, pool, where) -> None:
    version = PYTHON[where[0]]
    with SessionPool(pool.endpoint, token=pool.token, api_version=version) as client:
        other = client.session(uuid.uuid4().hex)
        other.upload(io.BytesIO(b"its"), "its.txt")
        ran = notebook.run(f"%session attach {other.identifier[:12]}\nopen('its.txt').read()")
        assert ran.stdout.startswith(f"Took over session {other.identifier[:8]}")
        assert ran.result == "'its'"
        assert "was deleted" in notebook.run("%session stop").stdout
        with pytest.raises(errors.SessionNotFoundError):
            other.info()
