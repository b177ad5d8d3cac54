"""How calls travel: what is tried again and what never is, connections, proxies, certificates."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from dataclasses import replace

import pytest

from dynamic_sessions_kernel import Timeouts, errors
from dynamic_sessions_kernel.client.http import connections, transport
from tests.support.fake_service import QUICK

BUSY = {"code": "SessionsCountExceedsLimit", "message": "full"}


def test_calls_share_one_connection_and_say_who_calls(service, session) -> None:
    for _ in range(3):
        session.execute("1")
    session.list_files()
    assert len({seen.connection for seen in service.seen}) == 1
    assert service.seen[0].headers["user-agent"].startswith("dynamic-sessions-kernel/")
    assert "cookie" not in service.seen[0].headers


def test_a_connection_that_was_idle_for_long_is_not_used_again(
    service, open_pool, identifier
) -> None:
    pool = open_pool(service.endpoint, timeouts=replace(QUICK, idle=0.0))
    for _ in range(2):
        pool.session(identifier).execute("1")
    first, second = (seen.connection for seen in service.seen)
    assert first != second


def test_a_clock_that_jumped_counts_as_idleness(service, session, monkeypatch) -> None:
    session.execute("1")
    now = connections.time.time()
    monkeypatch.setattr(connections.time, "time", lambda: now + 3600)
    session.execute("1")
    assert len({seen.connection for seen in service.seen}) == 2


def test_cookies_are_neither_kept_nor_sent(service, session) -> None:
    service.answers({"value": []}, headers={"Set-Cookie": "session=affinity; Path=/"})
    session.list_files()
    session.execute("1")
    assert "cookie" not in service.seen[1].headers


def test_an_execution_whose_answer_is_lost_is_not_repeated(service, session) -> None:
    service.plays(drop=True)
    with pytest.raises(errors.AnswerLostError, match="unknown whether the code ran") as raised:
        session.execute("1")
    assert len(service.seen) == 1
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_an_execution_whose_answer_is_cut_is_not_repeated(service, session) -> None:
    service.plays(b'{"id": "e", "status": "Succeeded"}', cut_after=10)
    with pytest.raises(errors.AnswerLostError, match="unknown whether the code ran"):
        session.execute("1")
    assert len(service.seen) == 1


def test_an_execution_that_is_not_answered_in_time_says_so(service, session) -> None:
    release = threading.Event()
    service.plays(wait_for=release)
    try:
        with pytest.raises(errors.AnswerLostError, match="did not answer in time"):
            session.execute("1", read_timeout=0.1)
    finally:
        release.set()


def test_an_execution_that_was_never_sent_whole_is_repeated(service, session) -> None:
    service.plays(reset=True)
    code = "#" * (16 << 20)  # more than the network's buffers take
    assert session.execute(code).result == 42
    assert [len(seen.json["code"]) for seen in service.seen] == [len(code)]


def test_an_execution_refused_by_a_full_pool_is_repeated(service, session) -> None:
    service.answers(BUSY, 429)
    service.answers(BUSY, 429)
    assert session.execute("1").result == 42
    assert len(service.seen) == 3


def test_attempts_limits_the_tries_of_one_execution(service, session) -> None:
    service.answers(BUSY, 429)
    with pytest.raises(errors.PoolFullError):
        session.execute("1", attempts=1)
    assert len(service.seen) == 1


@pytest.mark.parametrize(
    "trouble",
    [{"drop": True}, {"status": 503}, {"status": 429}, {"content": b"{}", "cut_after": 1}],
)
def test_a_listing_is_repeated_until_it_succeeds(service, session, trouble) -> None:
    service.plays(**trouble)
    service.plays(**trouble)
    service.answers({"value": []})
    assert session.list_files() == []
    assert len(service.seen) == 3


def test_a_call_is_given_up_after_its_attempts(service, open_pool, identifier) -> None:
    service.always(503)
    session = open_pool(service.endpoint, attempts=3).session(identifier)
    with pytest.raises(errors.UnavailableError):
        session.list_files()
    assert len(service.seen) == 3


def test_the_service_s_wish_to_wait_is_heeded(service, session, monkeypatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(transport.Transport, "pause", lambda _, seconds: pauses.append(seconds))
    service.answers(BUSY, 429, headers={"Retry-After": "7"})
    service.answers(BUSY, 429, headers={"Retry-After": "86400"})
    service.answers(BUSY, 429, headers={"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"})
    session.execute("1")
    assert pauses[0] == 7
    assert pauses[1] == 30
    assert pauses[2] < 1


def test_closing_the_pool_ends_the_waiting(service, open_pool, identifier, monkeypatch) -> None:
    service.always(503)
    pausing = threading.Event()
    wait = transport.Transport.pause

    def pause(self, seconds: float) -> None:
        pausing.set()
        wait(self, seconds)

    monkeypatch.setattr(transport.Transport, "pause", pause)
    patient = replace(QUICK, first_pause=60.0, longest_pause=60.0)
    pool = open_pool(service.endpoint, timeouts=patient)
    caught: list[BaseException] = []

    def call() -> None:
        try:
            pool.session(identifier).list_files()
        except errors.DynamicSessionsError as error:
            caught.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert pausing.wait(5)
    pool.close()
    thread.join(5)
    assert not thread.is_alive()
    assert isinstance(caught[0], errors.NotSentError)
    with pytest.raises(errors.NotSentError, match="closed"):
        pool.session(identifier).execute("1")


def test_a_delete_whose_first_answer_was_lost_has_succeeded(service, session) -> None:
    service.plays(drop=True)
    service.answers({"error": {"code": "FileNotFound", "message": ""}}, 404)
    session.delete_file("a.csv")
    service.plays(drop=True)
    service.answers({"code": "NoSessionFoundError"}, 404)
    session.delete()
    service.answers({"error": {"code": "FileNotFound", "message": ""}}, 404)
    with pytest.raises(errors.RemoteFileNotFoundError):
        session.delete_file("a.csv")


def test_a_refused_connection_says_that_nothing_was_sent(open_pool, identifier) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    session = open_pool(f"http://127.0.0.1:{port}").session(identifier)
    with pytest.raises(errors.NotSentError, match="Nothing was sent") as raised:
        session.execute("1", attempts=2)
    assert identifier not in str(raised.value)


def test_a_name_that_does_not_resolve_is_said_to(open_pool, identifier) -> None:
    session = open_pool("https://no-such-pool.invalid").session(identifier)
    with pytest.raises(errors.NotSentError, match="name cannot be resolved"):
        session.execute("1", attempts=1)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"<html>proxy</html>", "is not JSON"),
        (b'{"id": "e", "status": "Succ', "was cut"),
        (b"[1, 2]", "is not a JSON object"),
        (b"[" * 200_000, "is not JSON"),
        (b"{}", "neither success nor failure"),
        (b'{"status": 7}', "status of a wrong type"),
        (b'{"status": "Succeeded", "result": []}', "result of a wrong type"),
        (b'{"status": "Succeeded", "result": {"stdout": {}}}', "stdout of a wrong type"),
        (b'{"status": "Running"}', "neither success nor failure"),
        (b'{"status": "Running", "id": "../../x"}', "neither success nor failure"),
    ],
)
def test_an_answer_the_api_does_not_promise_is_an_error(service, session, content, what) -> None:
    service.plays(content)
    with pytest.raises(errors.UnexpectedAnswerError, match=what):
        session.execute("1")


def test_an_answer_without_end_is_given_up(service, session, monkeypatch) -> None:
    monkeypatch.setattr(transport, "MAX_RESPONSE_BYTES", 1 << 20)
    service.plays(b" " * (2 << 20))
    with pytest.raises(errors.UnexpectedAnswerError, match="longer than 1 MB"):
        session.execute("1")
    assert session.execute("1").result == 42


def test_a_compressed_answer_is_read_and_its_bomb_is_given_up(
    service, session, monkeypatch
) -> None:
    body = json.dumps({"id": "e", "status": "Succeeded", "result": {"stdout": "a" * 10_000}})
    service.plays(gzip.compress(body.encode()), headers={"Content-Encoding": "gzip"})
    assert len(session.execute("1").stdout) == 10_000
    monkeypatch.setattr(transport, "MAX_RESPONSE_BYTES", 1 << 20)
    service.plays(gzip.compress(b" " * (64 << 20)), headers={"Content-Encoding": "gzip"})
    with pytest.raises(errors.UnexpectedAnswerError, match="longer than 1 MB"):
        session.execute("1")
    service.plays(b"not gzip", headers={"Content-Encoding": "gzip"})
    with pytest.raises(errors.UnexpectedAnswerError, match="could not be decompressed"):
        session.execute("1")


def test_a_chunked_answer_is_read(service, session) -> None:
    service.plays(b'{"id": "e", "status": "Succeeded", "result": {"stdout": "hi"}}', chunked=True)
    assert session.execute("1").stdout == "hi"


def test_an_answer_that_trickles_is_given_up(service, open_pool, identifier) -> None:
    timeouts = Timeouts(connect=2, read=0.2, margin=0.1)
    session = open_pool(service.endpoint, timeouts=timeouts).session(identifier)
    service.plays(b" ", trickle=True)
    with pytest.raises(errors.AnswerLostError, match="too slowly"):
        session.execute("1", read_timeout=0.2)


def test_many_threads_share_a_pool(service, session) -> None:
    results: list[object] = []

    def work() -> None:
        results.extend(session.execute("1").result for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [42] * 120


def test_an_error_answer_whose_body_is_lost_is_still_that_error(service, session) -> None:
    service.plays(b"x" * 100, 403, cut_after=10)
    with pytest.raises(errors.ForbiddenError):
        session.execute("1")


def test_an_error_answer_without_end_is_not_read_to_its_end(service, session) -> None:
    service.plays(b"x" * (8 << 20), 403)
    with pytest.raises(errors.ForbiddenError):
        session.execute("1")
    assert session.execute("1").result == 42
