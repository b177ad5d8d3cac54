"""Every error of the service that the pool can give, with its status, code and shape."""

from __future__ import annotations

import pytest

PATHS = [("GET", "session"), ("DELETE", "session"), ("GET", "listSessions"), ("GET", "metadata")]


def code_of(answer):
    """The code in the nested shape, after a check that header and body agree."""
    error = answer.json()["error"]
    assert answer.headers["x-ms-error-code"] == error["code"]
    assert error["message"]
    assert error["traceId"]
    return answer.status_code, error["code"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic {token}", "{token}"])
def test_a_missing_or_wrong_token_is_401_and_nothing_else(session, header):
    authorization = {"Authorization": header.format(token=session.token)}
    answer = session.call("GET", "files", headers=authorization)
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize("version", ["", "2023-01-01", "2025-10-02", "2099-01-01-preview"])
def test_an_unknown_api_version_looks_like_a_wrong_token(session, version):
    answer = session.call("GET", "files", query={"api-version": version})
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_wrong_pool_is_404_without_a_code(session):
    session.endpoint = session.endpoint.removesuffix("/local") + "/other"
    answer = session.call("GET", "files")
    session.endpoint = session.endpoint.removesuffix("/other") + "/local"
    assert answer.status_code == 404
    assert "x-ms-error-code" not in answer.headers


@pytest.mark.parametrize(
    "identifier", ["", "abc", "a" * 129, "a b c d", "a_b_c_d", "ä" * 8, "a/b/c"]
)
def test_a_bad_identifier(session, identifier):
    answer = session.call("GET", "files", query={"identifier": identifier})
    assert code_of(answer) == (400, "SessionRequestValidationFailed")


@pytest.mark.parametrize("identifier", ["abcd", "a" * 128, "|-&^%$#(){}[];<>"])
def test_identifiers_that_the_service_lists_are_taken(session, identifier):
    answer = session.call("GET", "session", query={"identifier": identifier})
    assert code_of(answer) == (404, "NoSessionFoundError")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "DELETE", "BREW"])
def test_a_method_that_is_not_supported(session, method):
    assert code_of(session.call(method, "executions")) == (400, "SessionRequestNotSupported")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[1]", b"[" * 100_000])
def test_malformed_json_is_a_problem_document(session, body):
    answer = session.call("POST", "executions", data=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 400


def test_a_body_of_the_other_generation(shared_pool, session):
    body = {"codeInputType": "inline", "executionType": "synchronous", "code": "1"}
    answer = session.call("POST", "executions", json={"properties": body})
    assert code_of(answer) == (400, "SessionPropertiesMissing")
    legacy = shared_pool.caller(version="2024-02-02-preview", identifier=session.identifier)
    answer = legacy.call("POST", "code/execute", json=body)
    assert code_of(answer) == (400, "SessionPropertiesMissing")


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": None},
        {"code": 1},
        {"codeInputType": "Url"},
        {"codeInputType": 1},
        {"executionType": "Later"},
        {"executionType": None},
        {"timeoutInSeconds": 0},
        {"timeoutInSeconds": 221},
        {"timeoutInSeconds": "60"},
        {"timeoutInSeconds": True},
        {"outputStreamsMaxLength": 0},
        {"outputStreamsMaxLength": "all"},
    ],
)
def test_fields_that_break_the_rules(session, wrong):
    answer = session.call("POST", "executions", json={"code": "1", **wrong})
    assert code_of(answer) == (400, "SessionRequestValidationFailed")


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_older_versions_have_no_calls_about_sessions(session, method, path):
    answer = session.call(method, path, query={"api-version": "2024-10-02-preview"})
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["code/execute", "files/upload", "nothing", ""])
def test_paths_that_a_version_does_not_have(session, path):
    assert session.call("POST", path).status_code in (400, 404)


def test_no_session_to_tell_of_or_to_delete(shared_pool):
    caller = shared_pool.caller()
    assert code_of(caller.call("GET", "session")) == (404, "NoSessionFoundError")
    assert code_of(caller.call("DELETE", "session")) == (404, "SessionWithIdentifierNotFound")


def test_a_full_pool_is_429_in_the_flat_shape_without_a_hint_when_to_retry(start_pool):
    pool = start_pool("--max-sessions", "1")
    first, second = pool.caller(), pool.caller()
    first.run("1")
    answer = second.post("1")
    assert answer.status_code == 429
    assert answer.json()["code"] == answer.headers["x-ms-error-code"] == "SessionsCountExceedsLimit"
    assert "retry-after" not in answer.headers
    first.call("DELETE", "session")
    assert second.run("1")["status"] == "Succeeded"


def test_a_refused_upload_is_read_to_its_end(session):
    answer = session.upload("a.txt", b"x" * (32 << 20), headers={"Authorization": "Bearer wrong"})
    assert (answer.status_code, answer.content) == (401, b"")


def test_nothing_of_an_address_is_logged(start_pool):
    pool = start_pool()
    caller = pool.caller()
    caller.run("1")
    caller.call("POST", "executions", data=b"{")
    caller.call("GET", "files/%ff")
    caller.call("BREW", "nothing", query={"api-version": "\udcff".encode("utf-8", "replace")})
    assert caller.identifier not in pool.stop()
