"""A pool that is full, is not there, or runs another language, told apart by a second look."""

from __future__ import annotations

import pytest

from dynamic_sessions_kernel import errors
from dynamic_sessions_kernel.client.management import Management
from tests.support.fake_service import Play

METADATA = {"runtimes": [{"name": "Python", "version": "3.12"}]}
MANAGED = {"value": [{"identifier": "abcd-1", "expiresAt": "2025-11-03T10:06:00Z"}], "count": 1}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {"code": "SessionsCountExceedsLimit", "message": "full"}),
        (404, {"code": "SessionsCountExceedsLimit", "message": "full"}),
        (500, {"error": {"code": "", "message": "Error happened when allocating pod x"}}),
        (404, {"error": {"code": "", "message": "There are no more sessions being allocated"}}),
    ],
)
def test_a_full_pool_is_known_by_code_or_text(service, session, status, body) -> None:
    service.answers(body, status)
    with pytest.raises(errors.PoolFullError, match=rf"no session to spare \({status}\)"):
        session.execute("1", attempts=1)
    assert len(service.seen) == 1


def test_a_404_without_a_word_is_a_full_pool_where_metadata_answers(service, session) -> None:
    service.plays(b"", 404)
    service.answers(METADATA)
    with pytest.raises(errors.PoolFullError, match="is there, but it has no session to spare"):
        session.execute("1", attempts=1)
    assert [seen.path for seen in service.seen] == ["executions", "metadata"]
    assert "identifier" not in service.seen[1].query


def test_it_is_waited_for_as_every_full_pool(service, session) -> None:
    service.plays(b"", 404)
    service.answers(METADATA)
    assert session.execute("1").result == 42


def test_a_404_without_a_word_is_a_wrong_address_where_nothing_answers(service, session) -> None:
    service.always(404)
    with pytest.raises(errors.PoolNotFoundError, match="Check the endpoint"):
        session.execute("1")


def test_of_a_file_it_says_that_there_is_none(service, session) -> None:
    service.plays(b"", 404)
    service.answers(METADATA)
    with pytest.raises(errors.RemoteFileNotFoundError, match="no such file"):
        session.download("a.csv")


@pytest.mark.parametrize(
    ("kernel", "runtime", "kind"),
    [
        ("IJavascript", "node", "NodeLTS"),
        ("bash", "Shell", "Shell"),
        (".net-csharp", "", "CsharpLTS"),
    ],
)
def test_a_pool_of_another_language_is_named(service, session, pool, kernel, runtime, kind) -> None:
    told = {"runtimes": [{"name": runtime}], "jupyterKernel": {"name": kernel}}
    service.answers({"error": {"code": "SessionPropertiesMissing"}}, 400)
    service.answers(told)
    with pytest.raises(errors.PoolTypeError, match=f"of type {kind}, .* no Python: use a pool of"):
        session.execute("1")
    service.answers(told)
    assert isinstance(pool.wrong_type(), errors.PoolTypeError)


@pytest.mark.parametrize("kernel", [None, {"name": "ipykernel"}, {"name": "python3"}])
def test_a_pool_that_may_run_python_is_not(service, pool, kernel) -> None:
    service.answers({"jupyterKernel": kernel})
    assert pool.wrong_type() is None


def custom_container(seen):
    """Answer as a custom-container pool: plain text, and nothing outside of `/.management`."""
    answers = {
        "getSession": Play(
            content=b'{"identifier": "abcd-1", "expiresAt": "2025-11-03T10:06:00Z"}'
        ),
        "stopSession": Play(content=b"stopped", headers={"Content-Type": "text/plain"}),
    }
    return answers.get(seen.path.removeprefix(".management/"), Play(404))


def test_sessions_of_custom_containers_are_managed_by_other_calls(service, session) -> None:
    service.route = custom_container
    assert session.info().expires is not None
    session.delete()
    assert [(seen.method, seen.path) for seen in service.seen] == [
        ("GET", "session"),
        ("POST", ".management/getSession"),
        ("POST", ".management/stopSession"),  # what was learnt is kept
    ]


def test_their_listing_is_found_and_followed(service, pool) -> None:
    pages = [MANAGED, {"value": []}]
    service.route = lambda seen: None if seen.path.startswith(".management") else Play(404)
    for page in pages:
        service.answers(page)
    (info,) = pool.sessions()
    assert (info.identifier, info.expires is None) == ("abcd-1", False)
    assert [seen.query.get("skip") for seen in service.seen] == [None, "0", "1"]


def test_a_session_that_is_gone_is_gone_in_such_a_pool_too(service, session) -> None:
    service.plays(b"", 404)
    service.answers({"error": {"code": "NoSessionFoundError"}}, 404)
    with pytest.raises(errors.SessionNotFoundError):
        session.info()


def test_a_wrong_address_has_neither(service, session) -> None:
    service.always(404)
    with pytest.raises(errors.PoolNotFoundError):
        session.info()


def test_a_host_of_custom_containers_is_known_by_its_name(service, pool) -> None:
    """Every other path there is the container's, and may allocate a session for nothing."""
    host = "pool.abc123.westus2.azurecontainerapps.io"
    management = Management(pool._transport, pool._generation, host)
    service.route = custom_container
    assert management.info("abcd-1").identifier == "abcd-1"
    management.end("abcd-1")
    assert [seen.path for seen in service.seen] == [
        ".management/getSession",
        ".management/stopSession",
    ]
    assert management.largest_file_bytes == 250 << 20
