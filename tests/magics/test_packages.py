"""`%packages`: packages for sessions without network, fetched here for the session's own Python."""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import replace

import pytest

from dynamic_sessions_kernel.errors import CommandError
from dynamic_sessions_kernel.magics import CommandInterruptedError, make_plan, session_packages
from dynamic_sessions_kernel.magics.wheels import check_name, fetch, other_indexes
from dynamic_sessions_kernel.runtimes.bridge.inside import kernel_process
from dynamic_sessions_kernel.runtimes.direct.inside import resident


def here(code: str, expression: str) -> str:
    """Run code as a session does; returns what Python writes for the expression's value."""
    names: dict[str, object] = {}
    exec(code, names)
    return repr(eval(expression, names))


def saying(answer: object):
    """Return a session that says this, whatever it is asked."""
    encoded = base64.b64encode(json.dumps(answer).encode()).decode()
    return lambda *_: repr(encoded)


@pytest.fixture(scope="module")
def python():
    return session_packages.describe(here)


@pytest.mark.parametrize("name", ["rich", "httpx[http2]>=0.27,<1", "typing_extensions==4.*"])
def test_a_name_may_have_extras_and_versions(name):
    assert check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("./here", "/etc", "a.whl", "x @ https://example.org/x.whl", "https://example.org/x.whl"),
        *("-r", "--index-url=x", "git+https://example.org/x", "rich; python_version > '3'", ""),
    ],
)
def test_what_is_no_name_is_refused_before_pip_starts(name, tmp_path):
    plan = make_plan(f"%packages install {name!r}")
    with pytest.raises(CommandError, match="Nothing was installed"):
        plan.check(tmp_path)


@pytest.mark.parametrize("line", ["remove rich", "install", "restore rich"])
def test_other_words_are_refused(line, tmp_path):
    with pytest.raises(CommandError, match="explains"):
        make_plan(f"%packages {line}").check(tmp_path)


def test_a_session_says_what_its_python_is(python):
    assert python.version == ".".join(map(str, sys.version_info[:3]))
    assert python.markers["sys_platform"] == sys.platform
    assert python.packages["ipykernel"]
    assert "none" in python.abis


GOOD = {
    "markers": {"python_full_version": "3.12.1"},
    "platforms": ["any"],
    "abis": ["none"],
    "implementation": "cp",
    "packages": [["numpy", "2.0"]],
    "online": False,
}


@pytest.mark.parametrize(
    "change",
    [
        {"markers": {"python_full_version": "--index-url"}},
        {"markers": "3.12"},
        {"platforms": ["any --index-url=x"]},
        {"platforms": [["any"]]},
        {"implementation": None},
        {"packages": {"numpy": "2.0"}},
        {"abis": 7},
    ],
)
def test_a_session_that_says_something_else_is_not_believed(change):
    assert session_packages.describe(saying(GOOD)).packages == {"numpy": "2.0"}
    with pytest.raises(CommandError, match="did not say what its Python is"):
        session_packages.describe(saying(GOOD | change))


@pytest.mark.parametrize("name", ["x\n-r /etc/passwd", "--extra-index-url", "x ; y"])
def test_a_package_of_a_session_that_has_no_plain_name_is_left_out(name):
    packages = [[name, "1"], ["plain", name], ["numpy", "2.0"]]
    assert session_packages.describe(saying(GOOD | {"packages": packages})).packages == {
        "numpy": "2.0"
    }


@pytest.mark.parametrize("text", ["'no base64!'", "", "'bm8gSlNPTg=='"])
def test_what_is_no_answer_is_an_error(text):
    with pytest.raises(CommandError, match="did not say"):
        session_packages.describe(lambda *_: text)


def test_a_password_of_an_index_is_not_named(monkeypatch):
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://me:secret@packages.example.org/simple")
    assert "packages.example.org" in other_indexes()
    assert "secret" not in repr(other_indexes())


def test_an_interrupt_ends_pip(python, tmp_path):
    with pytest.raises(CommandInterruptedError, match="Nothing was installed"):
        fetch(["rich"], replace(python, packages={}), tmp_path, lambda: True)


@pytest.mark.network
def test_markers_are_those_of_the_session(python, tmp_path):
    # Two packages that pytest needs on Python 3.10 alone.
    versions = {"python_version": "3.10", "python_full_version": "3.10.13"}
    older = replace(
        python,
        version="3.10.13",
        markers={**python.markers, **versions, "implementation_version": "3.10.13"},
        abis=("cp310", "abi3", "none"),
        packages={},
    )
    fetched = {wheel.name.split("-")[0] for wheel in fetch(["pytest"], older, tmp_path, bool)}
    assert {"pytest", "exceptiongroup", "tomli"} <= fetched


@pytest.mark.network
def test_what_the_session_has_is_not_fetched(python, tmp_path):
    assert fetch(["pandas"], python, tmp_path, bool) == []


@pytest.mark.network
def test_what_does_not_go_with_it_is_refused(python, tmp_path):
    with pytest.raises(CommandError, match="beside what the session has"):
        fetch(["numpy<1.20"], python, tmp_path, bool)


@pytest.mark.network
def test_what_has_no_wheel_is_refused(python, tmp_path):
    with pytest.raises(CommandError, match="There is no wheel for"):
        fetch(["dynamic-sessions-no-such-package"], python, tmp_path, bool)


@pytest.mark.network
@pytest.mark.parametrize("runtime", ["bridge", "direct"])
def test_packages_are_there_in_the_next_line_and_after_a_restart(
    start_notebook, local_pool, runtime
):
    notebook = start_notebook({**local_pool.environment, "DYNAMIC_SESSIONS_RUNTIME": runtime})
    asked = ["y"] if other_indexes() else []
    assert notebook.run("%packages", timeout=60).stdout == (
        "No packages were added to this session.\n"
    )
    added = notebook.run_answering(
        "%packages install bottle pybase64\nimport bottle, pybase64", *asked
    )
    assert added.status == "ok"
    assert "Installed bottle" in added.stdout
    assert notebook.run("'_dynamic_sessions_packages' in globals()").result == "False"
    notebook.run("%session restart", timeout=60)
    assert notebook.run("import bottle; bottle.__name__").result == "'bottle'"
    notebook.run("%session new", timeout=60)
    assert notebook.run("import bottle").status == "error"
    assert "Installed bottle" in notebook.run("%packages restore", timeout=120).stdout
    assert notebook.run("import bottle; bottle.__name__").result == "'bottle'"
    listed = notebook.run("%packages", timeout=60).stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["bottle", "pybase64"]
    assert notebook.run("%files", timeout=60).status == "ok"
    notebook.close()


def test_both_runtimes_put_the_same_folder_on_the_path():
    assert resident.PACKAGES == session_packages.FOLDER
    assert session_packages.FOLDER in kernel_process._PROGRAM
