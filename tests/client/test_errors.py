"""Every error row of the service, and the sentence that a person reads for it."""

from __future__ import annotations

import pytest

from dynamic_sessions_kernel import errors


def nested(code: str, message: str = "") -> dict[str, object]:
    return {"error": {"code": code, "message": message, "traceId": "trace-1"}}


def flat(code: str, message: str = "") -> dict[str, object]:
    return {"code": code, "message": message}


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (401, None, errors.UnauthorizedError, "(DYNAMIC_SESSIONS_TOKEN)"),
        (401, None, errors.UnauthorizedError, "does not know the API version, now 2025-10-02-pre"),
        (403, None, errors.ForbiddenError, "Azure ContainerApps Session Executor"),
        (403, None, errors.ForbiddenError, "takes up to 5 minutes"),
        (404, None, errors.PoolNotFoundError, "no such pool at 127.0.0.1"),
        (404, nested("NotFound", "x"), errors.PoolNotFoundError, "Check the endpoint"),
        (429, flat("SessionsCountExceedsLimit", "full"), errors.PoolFullError, "to spare"),
        (
            429,
            nested("", "Error happened when allocating pod"),
            errors.PoolFullError,
            "allocating pod",
        ),
        (400, nested("SessionPropertiesMissing"), errors.BadRequestError, "another API generation"),
        (
            400,
            nested("SessionRequestValidationFailed", "identifier is bad"),
            errors.BadRequestError,
            "identifier is bad",
        ),
        (400, nested("SessionRequestNotSupported"), errors.BadRequestError, "does not offer"),
        (400, nested("FileNameInvalid"), errors.FileNameError, "does not take this name"),
        (400, nested("FilePathInvalid"), errors.FileNameError, "five folders deep"),
        (
            400,
            {"type": "about:blank", "title": "Bad", "detail": "malformed JSON"},
            errors.BadRequestError,
            "malformed JSON",
        ),
        (404, nested("FileNotFound"), errors.RemoteFileNotFoundError, "no such file"),
        (413, None, errors.FileTooLargeError, "up to 128 MB"),
        (404, nested("NoSessionFoundError"), errors.SessionNotFoundError, "no session"),
        (400, flat("SessionWithIdentifierNotFound"), errors.SessionNotFoundError, "cooled down"),
        (500, None, errors.UnavailableError, "in trouble (500"),
        (503, nested("Busy", "come back later"), errors.UnavailableError, "come back later"),
        (418, None, errors.ServiceError, "refused the request (418"),
    ],
)
def test_each_row_has_its_kind_and_its_sentence(
    service, session, status, body, kind, sentence
) -> None:
    if body is None:
        service.plays(b"", status)
    else:
        service.answers(body, status)
    with pytest.raises(kind) as raised:
        session.execute("1", attempts=1)
    assert type(raised.value) is kind
    assert sentence in str(raised.value)
    assert raised.value.status == status
    if body and "error" in body:
        assert raised.value.trace_id == "trace-1"


def test_the_code_is_taken_from_the_header_where_the_body_has_none(service, session) -> None:
    service.plays(b"", 404, headers={"x-ms-error-code": "FileNotFound"})
    with pytest.raises(errors.RemoteFileNotFoundError) as raised:
        session.file("a.csv")
    assert raised.value.code == "FileNotFound"


def test_an_unavailable_execution_says_that_it_may_have_run(service, session) -> None:
    service.plays(b"", 503)
    with pytest.raises(errors.UnavailableError, match="unknown whether the code ran"):
        session.execute("1")
    assert len(service.seen) == 1


def test_secrets_are_taken_out_of_what_the_service_says(
    service, session, identifier, token
) -> None:
    said = f"session {identifier} with Bearer {token} and eyJ0eXAiOiJKV1Q.eyJhdWQi.sig failed"
    service.answers(nested(f"Odd{identifier}", said), 400)
    with pytest.raises(errors.BadRequestError) as raised:
        session.execute("1")
    shown = f"{raised.value} {raised.value!r} {raised.value.code}"
    assert identifier not in shown
    assert token not in shown
    assert "eyJ0eXAi" not in shown
    assert "failed" in shown


def test_an_identifier_is_taken_out_however_it_is_encoded(service, session, identifier) -> None:
    once = "".join(f"%{ord(character):02X}" for character in identifier)
    twice = identifier.replace("-", "%252d")
    service.answers(nested("Odd", f"no session {once} and no {twice} here"), 400)
    with pytest.raises(errors.BadRequestError, match=r"no session .hidden. and no .hidden. here"):
        session.execute("1")


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b"\xff\xfe", b'"text"', b'{"error": 7}', b'{"code": {}}', b"x" * 10**6],
)
def test_an_odd_error_body_still_gives_the_status_sentence(service, session, content) -> None:
    service.plays(content, 403)
    with pytest.raises(errors.ForbiddenError, match="Session Executor") as raised:
        session.execute("1")
    assert len(str(raised.value)) < 1000


def test_an_error_quotes_little_and_nothing_that_acts_on_a_terminal(service, session) -> None:
    service.answers(nested("Odd", "\x1b[31mred\x07" + "long " * 1000), 400)
    with pytest.raises(errors.BadRequestError) as raised:
        session.execute("1")
    assert "\x1b" not in str(raised.value)
    assert "\x07" not in str(raised.value)
    assert len(str(raised.value)) < 700


def test_a_redirect_is_an_error_and_is_not_followed(service, session) -> None:
    service.plays(b"", 307, headers={"Location": "https://evil.example/collect?a=b"})
    with pytest.raises(errors.UnexpectedAnswerError, match=r"redirects to evil\.example"):
        session.execute("1")
    assert len(service.seen) == 1


@pytest.mark.parametrize("location", [None, "http://[bad", "/elsewhere"])
def test_a_redirect_without_a_usable_target_is_one_too(service, session, location) -> None:
    service.plays(b"", 302, headers={"Location": location} if location else {})
    with pytest.raises(errors.UnexpectedAnswerError, match="was not followed"):
        session.list_files()


@pytest.mark.parametrize(
    ("stderr", "kind", "sentence"),
    [
        (
            "Request timed out waiting for code execution to complete. Limit: 220",
            errors.TimeLimitError,
            "220 s at most",
        ),
        ("Execution aborted", errors.ExecutionAbortedError, "ran out of memory"),
        ("Kernel restarted", errors.InterpreterRestartedError, "variables are gone"),
    ],
)
def test_failures_of_the_service_are_recognised(service, session, stderr, kind, sentence) -> None:
    from dynamic_sessions_kernel import service_failure

    service.answers({"id": "e", "status": "Failed", "result": {"stderr": stderr}})
    failure = service_failure(session.execute("1"))
    assert type(failure) is kind
    assert sentence in str(failure)


@pytest.mark.parametrize(
    ("status", "stderr"),
    [
        ("Succeeded", "Kernel restarted"),
        ("Failed", "ValueError: Kernel restarted"),
        ("Failed", ""),
        ("Failed", "Kernel restarted\nTraceback (most recent call last):\n  ...\nValueError"),
    ],
)
def test_what_the_code_itself_prints_is_no_failure_of_the_service(
    service, session, status, stderr
) -> None:
    from dynamic_sessions_kernel import service_failure

    service.answers({"id": "e", "status": status, "result": {"stderr": stderr}})
    assert service_failure(session.execute("1")) is None
