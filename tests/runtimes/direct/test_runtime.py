"""The direct runtime without a front end: what the kernel's tests cannot see."""

from __future__ import annotations

import asyncio
import threading
import uuid

import pytest

from dynamic_sessions_kernel.errors import NotSentError
from dynamic_sessions_kernel.messages import Part, Request
from dynamic_sessions_kernel.runtimes.direct import DirectRuntime
from dynamic_sessions_kernel.runtimes.direct.keepalive import KeepAlive
from dynamic_sessions_kernel.threads import start_call

VERSIONS = ["2024-02-02-preview", "2024-10-02-preview", "2025-10-02-preview"]


def request(**content) -> Request:
    return Request(uuid.uuid4().hex, "execute_request", content)


def cell(code: str) -> Part:
    return Part(code, code)


@pytest.mark.parametrize("version", VERSIONS)
def test_cells_run_over_every_generation_of_the_api(local_pool, version) -> None:
    from dynamic_sessions_kernel import SessionPool

    async def run() -> None:
        with SessionPool(local_pool.endpoint, token=local_pool.token, api_version=version) as pool:
            session = pool.session(uuid.uuid4().hex)
            said = []
            runtime = DirectRuntime(said.append, session)
            assert not runtime.connected
            await runtime.connect()
            assert (await runtime.execute(request(), cell("x = 6")))["status"] == "ok"
            reply = await runtime.execute(request(), cell("print('said'); x * 7"))
            assert (reply["execution_count"], runtime.execution_count) == (2, 3)
            assert [message.msg_type for message in said] == ["stream", "execute_result"]
            assert said[1].content["data"]["text/plain"] == "42"
            await runtime.close(delete=True)

    asyncio.run(run())


def test_restart_clears_variables_keeps_files_and_session_and_logs_that(session, caplog) -> None:
    caplog.set_level("INFO", "dynamic_sessions_kernel")

    async def run() -> None:
        runtime = DirectRuntime(lambda _: None, session)
        await runtime.connect()
        assert "fresh interpreter" not in caplog.text
        await runtime.execute(request(), cell("x = 1; open('kept.txt', 'w').close()"))
        await runtime.restart()
        assert "fresh interpreter" in caplog.text
        assert runtime.execution_count == 1
        reply = await runtime.execute(request(), cell("open('kept.txt').close(); x"))
        assert reply["ename"] == "NameError"
        await runtime.close(delete=False)

    asyncio.run(run())
    assert session.file("kept.txt").size == 0


def test_nothing_of_ours_is_in_the_persons_namespace(session) -> None:
    async def run() -> None:
        said = []
        runtime = DirectRuntime(said.append, session)
        await runtime.connect()
        code = "sorted(name for name in dir() if not name.startswith('_'))"
        await runtime.execute(request(), cell(code))
        shown = said[0].content["data"]["text/plain"]
        assert shown == "['In', 'Out', 'exit', 'get_ipython', 'open', 'quit']"
        await runtime.close(delete=False)

    asyncio.run(run())


def test_an_idle_session_is_kept_alive_until_the_limit() -> None:
    async def run() -> None:
        touched = asyncio.Queue()
        loop = asyncio.get_running_loop()
        keep_alive = KeepAlive(lambda: loop.call_soon_threadsafe(touched.put_nowait, 1), limit=0.05)
        keep_alive.start()
        await asyncio.wait_for(touched.get(), 5)
        await asyncio.wait_for(keep_alive._task, 5)
        assert touched.empty()
        keep_alive.used()  # a cell after a long pause begins anew
        await asyncio.wait_for(touched.get(), 5)
        keep_alive.stop()

    asyncio.run(run())


def test_a_limit_of_zero_keeps_nothing_alive() -> None:
    async def run() -> None:
        keep_alive = KeepAlive(lambda: pytest.fail("was touched"), limit=0)
        keep_alive.start()
        assert asyncio.all_tasks() == {asyncio.current_task()}  # nothing is left that could touch
        keep_alive.stop()

    asyncio.run(run())


def test_a_session_that_is_not_reached_does_not_end_keeping_alive() -> None:
    async def run() -> None:
        touched = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def touch() -> None:
            loop.call_soon_threadsafe(touched.put_nowait, 1)
            raise NotSentError("no network")

        keep_alive = KeepAlive(touch, limit=3600)
        keep_alive.interval = 0.01
        keep_alive.start()
        for _ in range(3):
            await asyncio.wait_for(touched.get(), 5)
        keep_alive.stop()
        keep_alive.stop()

    asyncio.run(run())


def test_calls_run_in_daemon_threads_and_errors_come_back() -> None:
    def call() -> bool:
        return threading.current_thread().daemon

    def fail() -> None:
        raise NotSentError("told")

    async def run() -> None:
        assert await start_call(call)
        with pytest.raises(NotSentError, match="told"):
            await start_call(fail)
        start_call(fail).cancel()  # nobody is left to tell, and nothing is logged
        await asyncio.sleep(0.05)

    asyncio.run(run())
