"""What both generations of the API say on the wire, and what becomes of their answers."""

from __future__ import annotations

import base64
import json

import pytest

from dynamic_sessions_kernel import SessionPool, errors

LEGACY = "2024-02-02-preview"
CURRENT = "2025-10-02-preview"
PNG = base64.b64encode(b"\x89PNG").decode()


def run_legacy(service, legacy, **properties):
    service.answers({"properties": {"$id": "2", "status": "Success", **properties}})
    return legacy.execute("x")


def run_current(service, session, **result):
    service.answers({"id": "e-1", "status": "Succeeded", "result": result})
    return session.execute("x")


def test_the_current_generation_runs_code_flat(service, session, identifier) -> None:
    session.execute("6 * 7", timeout=30.2, max_output=20_000)
    (seen,) = service.seen
    assert (seen.method, seen.path) == ("POST", "executions")
    assert seen.query == {"api-version": CURRENT, "identifier": identifier}
    assert seen.json == {
        "codeInputType": "Inline",
        "executionType": "Synchronous",
        "code": "6 * 7",
        "timeoutInSeconds": 31,
        "outputStreamsMaxLength": 20_000,
    }


def test_the_legacy_generation_runs_code_under_properties(service, legacy, identifier) -> None:
    run_legacy(service, legacy, result=42)
    (seen,) = service.seen
    assert (seen.method, seen.path) == ("POST", "code/execute")
    assert seen.query == {"api-version": LEGACY, "identifier": identifier}
    assert seen.json["properties"]["codeInputType"] == "inline"
    assert seen.json["properties"]["executionType"] == "synchronous"


@pytest.mark.parametrize("version", ["2024-10-02-preview", "2025-02-02-preview"])
def test_older_versions_are_not_sent_what_they_do_not_know(
    service, open_pool, identifier, version
) -> None:
    pool = open_pool(service.endpoint, api_version=version)
    pool.session(identifier).execute("1", max_output=10)
    assert "outputStreamsMaxLength" not in service.seen[0].json
    assert not pool.limits_output


@pytest.mark.parametrize("version", ["", "latest", "2025-10-02-stable", "2025-1-1"])
def test_what_is_no_api_version_is_refused(service, version) -> None:
    with pytest.raises(errors.SettingsError, match="DYNAMIC_SESSIONS_API_VERSION"):
        SessionPool(service.endpoint, "none", api_version=version)


@pytest.mark.parametrize("timeout", [0, -1, 220.1, float("nan")])
def test_a_time_limit_the_service_does_not_take_is_refused(session, timeout) -> None:
    with pytest.raises(ValueError, match="at most 220"):
        session.execute("1", timeout=timeout)


@pytest.mark.parametrize("status", [200, 202])
def test_an_outcome_is_taken_with_200_and_with_202(service, session, status) -> None:
    service.answers(
        {
            "id": "e-1",
            "identifier": "secret",
            "executionType": "Synchronous",
            "status": "Failed",
            "result": {
                "stdout": "out",
                "stderr": "ValueError: no",
                "executionResult": None,
                "executionTimeInMilliseconds": 1500,
            },
        },
        status,
        headers={"x-ms-session-guid": "guid-1"},
    )
    result = session.execute("x")
    assert not result.succeeded
    assert (result.stdout, result.stderr, result.result) == ("out", "ValueError: no", None)
    assert (result.duration, result.execution_id, result.container) == (1.5, "e-1", "guid-1")
    assert "secret" not in repr(result)


def test_a_legacy_outcome_is_the_same_to_its_reader(service, legacy) -> None:
    service.answers(
        {
            "properties": {
                "$id": "2",
                "status": "Failure",
                "stdout": "out",
                "stderr": "ValueError: no",
                "result": "",
                "executionTimeInMilliseconds": 8,
            }
        }
    )
    result = legacy.execute("x")
    assert (result.status, result.stdout, result.result) == ("Failed", "out", None)
    assert result.duration == 0.008


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        (42, 42), (True, True), (1.5, 1.5), ("text", "text"), ("nan", "nan"), ("", None),
        (None, None), ("[1, 2]", "[1, 2]"),
    ],
)  # fmt: skip
def test_results_are_as_received(service, session, legacy, sent, value) -> None:
    assert run_current(service, session, executionResult=sent).result == value
    assert run_legacy(service, legacy, result=sent).result == value


@pytest.mark.parametrize("data", [PNG, PNG[:4] + "\n" + PNG[4:]])
def test_an_image_is_decoded(service, session, legacy, data) -> None:
    value = {"type": "image", "format": "png", "base64_data": data}
    for result in (
        run_current(service, session, executionResult=value),
        run_legacy(service, legacy, result=value),
    ):
        assert result.image is not None
        assert result.image.data == b"\x89PNG"
        assert result.image.mime_type == "image/png"
        assert result.result == value


@pytest.mark.parametrize(
    "value",
    [
        {"type": "image", "format": "png", "base64_data": "!!"},
        {"type": "image", "format": "png", "base64_data": 7},
        {"type": "image", "format": "png\r\nX: y", "base64_data": PNG},
        {"type": "image", "format": None, "base64_data": PNG},
        {"type": "image"},
        {"type": "table"},
    ],
)
def test_what_is_no_image_stays_a_result(service, session, value) -> None:
    result = run_current(service, session, executionResult=value)
    assert result.image is None
    assert result.result == value


def test_numbers_json_does_not_have_are_read_as_text(service, session) -> None:
    service.plays(b'{"id": "e", "status": "Succeeded", "result": {"executionResult": NaN}}')
    assert session.execute("x").result == "nan"
    service.plays(
        b'{"id": "e", "status": "Succeeded", "result": {"executionResult": ' + b"9" * 6000 + b"}}"
    )
    assert session.execute("x").result == "9" * 6000


def test_a_lone_surrogate_is_replaced_and_a_pair_is_joined(service, session) -> None:
    service.plays(
        b'{"id": "e", "status": "Succeeded", "result": '
        b'{"stdout": "a\\ud800b", "executionResult": "\\ud83d\\ude00"}}'
    )
    result = session.execute("x")
    assert result.stdout == "a�b"
    assert result.result == "😀"


def test_a_failure_that_only_the_error_field_tells_is_told(service, session) -> None:
    service.answers(
        {"id": "e", "status": "Failed", "error": {"error": {"code": "Oops", "message": "it broke"}}}
    )
    assert session.execute("x").stderr == "it broke"


@pytest.mark.parametrize("running", ["Running", "NotStarted"])
def test_an_execution_answered_later_is_asked_for(service, session, running) -> None:
    service.answers({"id": "e-1", "status": running}, 202)
    service.answers({"id": "e-1", "status": "Running"}, 200)
    service.plays(drop=True)
    service.answers({"id": "e-1", "status": "Succeeded", "result": {"executionResult": 7}})
    assert session.execute("x").result == 7
    assert [(seen.method, seen.path) for seen in service.seen] == [
        ("POST", "executions"),
        *[("GET", "executions/e-1")] * 3,
    ]


def test_an_execution_that_never_ends_is_given_up(service, session) -> None:
    running = json.dumps({"id": "e-1", "status": "Running"}).encode()
    for _ in range(20):
        service.plays(running, 202)
    with pytest.raises(errors.AnswerLostError, match="still had no outcome"):
        session.execute("x", read_timeout=0.5)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"properties": []},
        {"properties": {"status": "Maybe"}},
        {"properties": {"status": "Success", "stdout": 7}},
        {"properties": {"status": "Success", "executionTimeInMilliseconds": "8"}},
    ],
)
def test_a_legacy_answer_of_another_shape_is_an_error(service, legacy, body) -> None:
    service.answers(body)
    with pytest.raises(errors.UnexpectedAnswerError):
        legacy.execute("x")
