"""Each profile answers as one kind of pool does; the default is what Microsoft published."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import pytest

from dynamic_sessions_kernel import SessionPool

# The required fields of each definition in the published swagger of 2025-10-02-preview
# (Azure/azure-rest-api-specs, commit c6de59f), and the definition of what is inside a field.
REQUIRED = {
    "SessionResourceFile": {"name": str, "type": str, "lastModifiedAt": str},
    "PagedSessionResourceFile": {"value": ["SessionResourceFile"]},
    "SessionsListResponse": {"sessions": ["Session"]},
    "Session": {
        "identifier": str,
        "createdAt": str,
        "lastAccessedAt": str,
        "expireAt": str,
        "etag": str,
    },
    "SessionCodeExecutionResource": {"id": str, "identifier": str, "status": str},
    "SessionPoolMetadataResponse": {
        "runtimes": ["Runtime"],
        "preInstalledPackages": ["Package"],
        "createdAt": str,
        "lastUpdatedAt": str,
        "jupyterKernel": "JupyterKernel",
    },
    "Runtime": {"name": str, "version": str},
    "Package": {"name": str, "version": str},
    "JupyterKernel": {"name": str, "version": str, "projectUrl": str, "description": str},
    "ErrorResponse": {"error": "Error"},
    "Error": {"code": str, "message": str},
}
STATES = {"NotStarted", "Running", "Succeeded", "Failed", "Canceled"}


def check(told: Any, definition: str) -> None:
    """Hold an answer to a definition: each required field is there, of its type."""
    assert isinstance(told, Mapping), definition
    for name, kind in REQUIRED[definition].items():
        assert name in told, f"{definition} has no {name}"
        if isinstance(kind, list):
            assert isinstance(told[name], list), f"{definition}.{name}"
            for item in told[name]:
                check(item, kind[0])
        elif isinstance(kind, str):
            check(told[name], kind)
        else:
            assert isinstance(told[name], kind), f"{definition}.{name}"


@pytest.fixture
def of_profile(start_pool):
    """Return a caller of a pool with that profile."""
    return lambda name, *options, **more: start_pool("--profile", name, *options).caller(**more)


def listed(caller, **query):
    return caller.call("GET", "files", query=query).json()


def test_the_default_has_all_that_the_published_definitions_require(fresh):
    check(fresh.post("1").json(), "SessionCodeExecutionResource")
    running = fresh.post("1", executionType="Asynchronous").json()
    check(running, "SessionCodeExecutionResource")
    assert running["status"] in STATES
    check(fresh.upload("a.csv", b"a").json(), "SessionResourceFile")
    check(fresh.call("GET", "files/a.csv").json(), "SessionResourceFile")
    check(listed(fresh), "PagedSessionResourceFile")
    check(fresh.call("GET", "session").json(), "Session")
    check(fresh.call("GET", "listSessions").json(), "SessionsListResponse")
    check(fresh.call("GET", "metadata").json(), "SessionPoolMetadataResponse")
    check(fresh.call("GET", "files/none").json(), "ErrorResponse")


def test_the_check_sees_a_missing_field(fresh):
    told = fresh.post("1").json()
    del told["status"]
    with pytest.raises(AssertionError, match="has no status"):
        check(told, "SessionCodeExecutionResource")


def test_the_default_counts_recursive_listings_from_the_folder_that_was_listed(fresh):
    fresh.upload("b.txt", b"x", query={"path": "one/two"})
    found = listed(fresh, path="one", recursive="true")["value"]
    assert [(file["directory"], file["name"]) for file in found] == [("", "two"), ("two", "b.txt")]


def test_newer_containers_write_the_top_as_a_dot_and_types_in_lower_case(of_profile):
    caller = of_profile("container")
    told = caller.upload("a.csv", b"a").json()
    assert (told["type"], told["contentType"], told["directory"]) == ("", "", ".")
    answer = listed(caller)
    assert answer.keys() == {"value"}
    assert (answer["value"][0]["type"], answer["value"][0]["directory"]) == ("file", ".")


def test_a_legacy_pool_runs_code_of_the_legacy_generation_alone(of_profile):
    caller = of_profile("legacy", version="2024-02-02-preview")
    assert caller.run("6 * 7")["result"] == 42
    caller.version = "2025-10-02-preview"
    assert caller.post("1").status_code == 404
    assert caller.call("DELETE", "session").status_code == 204


def test_a_custom_container_answers_bare_arrays_and_ends_sessions_elsewhere(of_profile):
    caller = of_profile("custom-container")
    assert caller.run("6 * 7")["executionResult"] == 42
    (told,) = caller.upload("a.csv", b"a").json()
    assert told["name"] == "a.csv"
    assert [file["name"] for file in listed(caller)] == ["a.csv"]
    assert caller.call("DELETE", "session").status_code == 404
    described = caller.call("POST", ".management/getSession").json()
    assert "expiresAt" in described
    assert "expireAt" not in described
    page = caller.call("POST", ".management/listSessions").json()
    assert (page["value"], page["count"], page["nextLink"]) == ([described], 1, None)
    stopped = caller.call("POST", ".management/stopSession")
    assert (stopped.status_code, stopped.headers["Content-Type"].split(";")[0]) == (
        200,
        "text/plain",
    )
    assert caller.call("POST", ".management/listSessions").json()["value"] == []


def test_a_custom_container_takes_larger_files(of_profile):
    caller = of_profile("custom-container")
    assert caller.upload("large.bin", bytes((128 << 20) + 1)).status_code == 200


def test_a_shell_pool_refuses_our_body(of_profile):
    answer = of_profile("shell").post("1")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "SessionPropertiesMissing"


def test_a_node_pool_names_its_kernel_and_fails_at_python(of_profile):
    caller = of_profile("node")
    told = caller.call("GET", "metadata").json()
    check(told, "SessionPoolMetadataResponse")
    assert told["jupyterKernel"]["name"] == "IJavascript"
    assert caller.run("import sys")["status"] == "Failed"


@pytest.mark.parametrize("profile", ["specification", "container"])
@pytest.mark.parametrize("version", ["2024-02-02-preview", "2024-10-02-preview"])
def test_profile_and_api_version_are_two_axes(of_profile, profile, version):
    told = of_profile(profile, version=version).run("6 * 7")
    assert 42 in (told.get("result"), told.get("executionResult"))


@pytest.mark.parametrize("profile", ["specification", "container"])
def test_our_client_finds_files_and_sessions_in_either_shape(start_pool, profile):
    running = start_pool("--profile", profile)
    with SessionPool(running.endpoint, token=running.token) as pool:
        session = pool.session(secrets.token_hex(16))
        session.execute(
            "import os; os.makedirs('/mnt/data/one/two')\n"
            "open('/mnt/data/one/two/b', 'w').close()\n"
            "open('/mnt/data/a', 'w').close()"
        )
        everything = {file.path for file in session.list_files(recursive=True)}
        assert everything >= {"a", "one/two/b"}
        assert "one/two/b" in {file.path for file in session.list_files("one", recursive=True)}
        assert session.identifier in {info.identifier for info in pool.sessions()}


def test_the_first_call_of_a_session_says_that_it_is_new(fresh):
    first, second = fresh.post("1"), fresh.post("1")
    assert first.headers["X-Ms-New-Allocation"] == "true"
    assert second.headers["X-Ms-New-Allocation"] == "false"
    fresh.call("DELETE", "session")
    assert fresh.post("1").headers["X-Ms-New-Allocation"] == "true"


def test_an_execution_is_found_by_the_name_that_its_caller_gave_it(fresh):
    body = {"codeInputType": "Inline", "code": "6 * 7", "timeoutInSeconds": 60}
    name = secrets.token_hex(16)
    answer = fresh.call("POST", "executions", json=body, headers={"operation-id": name})
    assert answer.headers["operation-id"] == answer.json()["id"] == name
    assert fresh.call("GET", f"executions/{name}").json() == answer.json()
    assert fresh.call("GET", f"executions/{secrets.token_hex(16)}").status_code == 404


def test_an_answer_that_was_lost_is_found_by_its_name(start_pool):
    caller = start_pool("--drop-rate", "1").caller()
    body = {"codeInputType": "Inline", "code": "6 * 7", "timeoutInSeconds": 60}
    with pytest.raises(OSError, match=r"closed|aborted"):
        caller.call("POST", "executions", json=body, headers={"operation-id": "lost-1"})
    told = caller.call("GET", "executions/lost-1").json()
    assert (told["status"], told["result"]["executionResult"]) == ("Succeeded", 42)


def test_a_name_that_cannot_stand_in_an_address_is_refused(fresh):
    body = {"codeInputType": "Inline", "code": "1", "timeoutInSeconds": 60}
    answer = fresh.call("POST", "executions", json=body, headers={"operation-id": "a/b"})
    assert answer.status_code == 400


@pytest.mark.parametrize("status", [404, 429, 500])
def test_a_full_pool_answers_as_it_was_asked_to(start_pool, status):
    pool = start_pool("--max-sessions", "1", "--full-status", str(status))
    pool.caller().run("1")
    assert pool.caller().post("1").status_code == status


def test_an_execution_can_be_cancelled_before_it_runs(start_pool):
    caller = start_pool("--cancel-rate", "1").caller()
    assert caller.run("open('/mnt/data/ran', 'w').close()")["status"] == "Canceled"
    assert listed(caller)["value"] == []
