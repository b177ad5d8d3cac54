"""What a person reads in the cell when the service has a bad day: every row of its errors."""

from __future__ import annotations

import re

import pytest

# Status, body, and words that the person reads; ordered so that each leaves the kernel unconnected.
REFUSALS = {
    "token missing, expired, or for another audience": (
        401,
        b"",
        "UnauthorizedError",
        ["(DYNAMIC_SESSIONS_TOKEN)", "DYNAMIC_SESSIONS_API_VERSION", "2025-10-02-preview"],
    ),
    "role missing": (
        403,
        b"",
        "ForbiddenError",
        ["Azure ContainerApps Session Executor", "az role assignment create"],
    ),
    "wrong pool or endpoint": (404, b"", "PoolNotFoundError", ["no such pool", "endpoint"]),
    "pool full, flat": (
        429,
        {"code": "SessionsCountExceedsLimit", "message": "too many"},
        "PoolFullError",
        ["no session to spare", "--max-sessions"],
    ),
    "body of the other generation": (
        400,
        {"error": {"code": "SessionPropertiesMissing", "message": "m"}},
        "BadRequestError",
        ["generation", "DYNAMIC_SESSIONS_API_VERSION"],
    ),
    "bad identifier or query": (
        400,
        {"error": {"code": "SessionRequestValidationFailed", "message": "m"}},
        "BadRequestError",
        ["identifier", "api_version"],
    ),
    "unsupported request": (
        400,
        {"error": {"code": "SessionRequestNotSupported", "message": "m"}},
        "BadRequestError",
        ["does not offer", "PythonLTS"],
    ),
    "no such session": (
        404,
        {"error": {"code": "SessionWithIdentifierNotFound", "message": "m"}},
        "SessionNotFoundError",
        ["cooled down"],
    ),
    "trouble of its own": (503, b"", "UnavailableError", ["in trouble", "503"]),
    "an answer that is no JSON": (
        200,
        b"<html>Welcome to the hotel</html>",
        "UnexpectedAnswerError",
        ["not JSON"],
    ),
    "a redirect": (307, b"", "UnexpectedAnswerError", ["redirect", "not followed"]),
}


@pytest.mark.parametrize("row", REFUSALS)
def test_a_refusal_is_told_with_what_to_do(service, troubled, row) -> None:
    status, body, kind, words = REFUSALS[row]
    service.fails(status, body)
    ran = troubled.run("1 + 1")
    assert ran.error.startswith(f"{kind}: ")
    for word in words:
        assert word in ran.error
    assert kind in ran.reply["traceback"][0]
    assert "a-token" not in str(ran.reply)
    assert not re.search(r"[0-9a-f]{32}", str(ran.reply["evalue"]))


FAILURES = {
    "the limit of 220 s": (
        "Request timed out waiting for code execution to complete",
        "TimeLimitError",
        ["220 s", "variables and files", "kept"],
    ),
    "out of memory": (
        "Execution aborted",
        "ExecutionAbortedError",
        ["out of memory", "unknown"],
    ),
    "the interpreter died": (
        "Kernel restarted",
        "InterpreterRestartedError",
        ["variables are gone", "/mnt/data"],
    ),
}


@pytest.mark.parametrize("row", FAILURES)
def test_a_failure_of_the_service_is_told_in_plain_words(service, troubled, answered, row) -> None:
    text, kind, words = FAILURES[row]
    service.runs(lambda _: answered(status="Failed", stderr=text))
    queued = [troubled.send("slow()"), troubled.send("next_cell()")]
    ran = troubled.wait(queued[0])
    assert ran.error.startswith(f"{kind}: ")
    for word in words:
        assert word in ran.error
    assert len(ran.all("error")) == 1
    assert troubled.wait(queued[1]).status in {"aborted", "error"}


def test_a_lost_answer_is_never_asked_for_again(service, troubled) -> None:
    service.runs(lambda _: None)
    service.ran.clear()
    ran = troubled.run("pay_the_invoice()")
    assert ran.error.startswith("AnswerLostError: ")
    assert "unknown whether the code ran" in ran.error
    assert sum("pay_the_invoice" in code for code in service.ran) == 1


def test_a_replaced_session_is_told_and_nothing_runs_in_it(service, troubled, answered) -> None:
    gone = "UsageError: Cell magic `%%dynamic_sessions_cell` not found.\n"
    service.runs(lambda _: answered(result=1))
    assert troubled.run("x = 1").status == "ok"
    service.runs(lambda _: answered(status="Failed", stderr=gone, container="c2"))
    ran = troubled.run("x + 1")
    assert ran.error.startswith("SessionLostError: ")
    assert "variables and files are gone" in ran.error
    assert "Nothing of this cell ran" in ran.error
    service.runs(lambda _: answered(result=5))
    assert (again := troubled.run("2 + 3")).result == "5"
    assert again.count == 1


def test_an_interpreter_started_anew_in_the_same_session_keeps_files(
    service, troubled, answered
) -> None:
    gone = "\x1b[31mUsageError\x1b[0m: Cell magic `%%dynamic_sessions_cell` not found."
    service.runs(lambda _: answered(result=1))
    troubled.run("x = 1")
    service.runs(lambda _: answered(status="Failed", stderr=gone))
    error = troubled.run("x + 1").error
    assert error.startswith("InterpreterRestartedError: ")
    assert "the files in /mnt/data are kept" in error


@pytest.mark.parametrize("coloured", [False, True])
def test_a_traceback_is_recovered_with_colours_or_without(
    service, troubled, answered, coloured
) -> None:
    red, plain = ("\x1b[31m", "\x1b[39m") if coloured else ("", "")
    dashes = "-" * 75
    stderr = (
        f"printed before\n{red}{dashes}{plain}\n{red}ValueError{plain}        Traceback (most "
        f"recent call last)\nCell In[1], line 1\n{red}----> 1{plain} f()\n\n"
        f"{red}ValueError{plain}: bad: value\n"
    )
    service.runs(lambda _: answered(status="Failed", stderr=stderr))
    ran = troubled.run("f()")
    assert ran.error == "ValueError: bad: value"
    assert ran.stderr == "printed before\n"
    assert "\x1b[3" in "\n".join(ran.reply["traceback"])


@pytest.mark.parametrize(
    "result",
    [
        {"type": "image", "format": "png", "base64_data": "no base64!"},
        [1, {"a": [None]}],
        {},
        1e999,
    ],
)
def test_odd_results_are_shown_as_text(service, troubled, answered, result) -> None:
    service.runs(lambda _: answered(result=result))
    assert isinstance(troubled.run("odd()").result, str)


def test_a_picture_that_is_none_does_not_reach_the_page(service, troubled, answered) -> None:
    forged = {"type": "image", "format": "png", "base64_data": "PHNjcmlwdD4="}
    service.runs(lambda _: answered(result=forged))
    for content in troubled.run("plot()").all("display_data"):
        assert "image/png" not in content["data"]
