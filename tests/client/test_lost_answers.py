"""An execution whose response is lost: the service is asked for it by the name it was sent with."""

from __future__ import annotations

import pytest

from dynamic_sessions_kernel import errors
from tests.support.fake_service import Play

MISSING = {"error": {"code": "ExecutionNotFound", "message": "no"}}


def ran(value, status="Succeeded"):
    return {"id": "e", "status": status, "result": {"executionResult": value}}


@pytest.mark.parametrize("version", ["2024-02-02-preview", "2025-10-02-preview"])
def test_every_execution_has_a_name_of_its_own(service, open_pool, identifier, version) -> None:
    session = open_pool(service.endpoint, api_version=version).session(identifier)
    for _ in range(2):
        if version < "2024-10":
            service.answers({"properties": {"status": "Success"}})
        session.execute("1")
    names = {seen.headers["operation-id"] for seen in service.seen}
    assert len(names) == 2
    assert all(len(name) == 36 for name in names)


@pytest.mark.parametrize(
    "lost", [{"drop": True}, {"content": b"{}", "cut_after": 1}, {"status": 502}]
)
def test_the_service_is_asked_by_that_name(service, session, lost) -> None:
    service.plays(**lost)
    service.answers(ran(7))
    assert session.execute("1", settle=True).result == 7
    sent, asked = service.seen
    assert (asked.method, asked.path) == ("GET", f"executions/{sent.headers['operation-id']}")


def test_one_that_still_runs_is_waited_for(service, session) -> None:
    service.plays(drop=True)
    service.answers(ran(None, "Running"))
    service.answers(ran(8))
    assert session.execute("1", settle=True).result == 8
    assert [seen.method for seen in service.seen] == ["POST", "GET", "GET"]


def test_where_the_service_knows_nothing_it_is_unknown_whether_it_ran(service, session) -> None:
    service.plays(drop=True)
    service.answers(MISSING, 404)
    with pytest.raises(errors.AnswerLostError, match="unknown whether the code ran"):
        session.execute("1", settle=True)
    assert [seen.method for seen in service.seen] == ["POST", "GET"]


def test_where_the_service_is_gone_it_is_unknown_too(service, open_pool, identifier) -> None:
    session = open_pool(service.endpoint, attempts=2).session(identifier)
    service.route = lambda _: Play(drop=True)
    with pytest.raises(errors.AnswerLostError, match="unknown whether the code ran"):
        session.execute("1", settle=True)
    assert [seen.method for seen in service.seen] == ["POST", "GET", "GET"]


def test_a_generation_without_that_call_is_not_asked(service, legacy) -> None:
    service.plays(drop=True)
    with pytest.raises(errors.AnswerLostError, match="unknown whether the code ran"):
        legacy.execute("1", settle=True)
    assert len(service.seen) == 1
