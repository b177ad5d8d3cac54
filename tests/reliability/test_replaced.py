"""A session that was replaced is said so at the first response, in both runtimes."""

from __future__ import annotations

import pytest

from dynamic_sessions_kernel import errors


@pytest.mark.parametrize("runtime", ["bridge", "direct"])
def test_the_first_response_says_that_the_session_was_replaced(
    open_through, proxy, way, runtime
) -> None:
    notebook = open_through(proxy.endpoint, DYNAMIC_SESSIONS_RUNTIME=runtime)
    try:
        notebook.run("kept = 1")
        notebook.place.session.delete()
        way.hurt(lambda forward: forward())
        error = notebook.run(notebook.place.mark("fresh")).error
        assert error.startswith("SessionLostError: The service replaced the session by a fresh one")
        assert way.met <= 1  # none, where the kernel had noticed by itself
        assert notebook.place.ran("fresh") == 0
        assert notebook.run("'kept' in dir()").result == "False"
    finally:
        notebook.close()


@pytest.mark.parametrize("runtime", ["bridge", "direct"])
def test_it_is_said_where_no_header_says_so_too(open_through, proxy, way, runtime) -> None:
    def bare(forward):
        reply = forward()
        reply.headers = {"Content-Type": "application/json"}
        return reply

    notebook = open_through(proxy.endpoint, DYNAMIC_SESSIONS_RUNTIME=runtime)
    try:
        way.hurt(bare)
        notebook.run("kept = 1")
        notebook.place.session.delete()
        assert notebook.run(notebook.place.mark("bare")).error.startswith("SessionLostError: ")
        assert notebook.place.ran("bare") == 0
    finally:
        notebook.close()


@pytest.mark.parametrize("runtime", ["bridge", "direct"])
def test_no_file_is_sent_to_a_session_that_was_replaced(open_through, runtime, tmp_path) -> None:
    (tmp_path / "sales.csv").write_bytes(b"a,b")
    upload = f"%upload {tmp_path}/sales.csv"
    notebook = open_through(DYNAMIC_SESSIONS_RUNTIME=runtime, DYNAMIC_SESSIONS_ALLOW=str(tmp_path))
    try:
        assert "/mnt/data/sales.csv" in notebook.run(upload).stdout
        notebook.run("1")
        notebook.place.session.delete()
        assert notebook.run(upload).error.startswith("SessionLostError: ")
        assert notebook.place.session.list_files() == []
        assert "/mnt/data/sales.csv" in notebook.run(upload).stdout
        assert notebook.run("open('sales.csv').read()").result == "'a,b'"
    finally:
        notebook.close()


def test_a_session_of_the_tests_own_is_new_once(local_pool) -> None:
    with local_pool.client() as pool:
        session = pool.session("a1b2c3d4e5f60718293a4b5c6d7e8f90")
        try:
            assert [session.execute("1").new_allocation for _ in range(2)] == [True, False]
        finally:
            session.delete()
        with pytest.raises(errors.SessionNotFoundError):
            session.info()
