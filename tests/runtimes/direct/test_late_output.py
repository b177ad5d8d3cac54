"""What prints after its cell in the direct runtime is shown in it, once, with no cell behind it."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from dynamic_sessions_kernel.errors import NotSentError
from dynamic_sessions_kernel.messages import Part, Request
from dynamic_sessions_kernel.runtimes.direct import DirectRuntime
from dynamic_sessions_kernel.runtimes.direct.late_output import LateOutput
from tests.runtimes.bridge.test_liveness import LIVING

if TYPE_CHECKING:
    from tests.support.notebook import Notebook


@pytest.mark.parametrize("code", LIVING.values(), ids=LIVING)
def test_what_lives_on_is_heard_of_soon_and_once(direct: Notebook, code: str) -> None:
    cell = direct.send(code)
    assert direct.wait(cell).status == "ok"
    assert direct.until(cell, "stream")["text"] == "late\n"
    assert direct.run("pass").stdout == ""
    assert direct.wait(cell).stdout == "late\n"


class Losing:
    """A session that loses the first response that brings late output. Made on the loop."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self.lost = asyncio.Event()

    def execute(self, code: str, **options: Any) -> Any:
        result = self._session.execute(code, **options)
        if not self.lost.is_set() and "late" in str(result.result):
            self._loop.call_soon_threadsafe(self.lost.set)
            raise NotSentError("the response was lost")
        return result


def cell(code: str) -> tuple[Request, Part]:
    return Request(uuid.uuid4().hex, "execute_request", {}), Part(code, code)


def asks() -> bool:
    return any("LateOutput" in repr(task) for task in asyncio.all_tasks())


def test_nothing_is_asked_where_nothing_lives(session) -> None:
    async def run() -> None:
        runtime = DirectRuntime(lambda _: None, session)
        await runtime.execute(*cell("print('printed')"))
        await runtime.execute(*cell("1 / 0"))
        assert not asks()
        await runtime.execute(*cell(LIVING["a thread"]))
        assert asks()
        await runtime.close(delete=False)

    asyncio.run(run())


def test_output_whose_response_was_lost_is_shown_once_by_the_next_cell(session) -> None:
    async def run() -> None:
        said = []
        losing = Losing(session)
        runtime = DirectRuntime(said.append, losing)  # type: ignore[arg-type]  # what it uses of one
        request, part = cell(LIVING["a thread"])
        await runtime.execute(request, part)
        await asyncio.wait_for(losing.lost.wait(), 60)
        assert said == []
        await runtime.execute(*cell("pass"))
        await runtime.execute(*cell("pass"))
        assert [(each.parent, each.content["text"]) for each in said] == [(request.id, "late\n")]
        await runtime.close(delete=False)

    asyncio.run(run())


def test_asking_ends_with_what_lives_or_at_the_limit() -> None:
    async def run() -> None:
        answers = [True, False]

        async def fetch() -> bool:
            return answers.pop(0)

        late = LateOutput(fetch, 60)
        late.start()
        await asyncio.wait_for(late._task, 30)
        assert answers == []
        late = LateOutput(fetch, 0.1)
        late.start()
        await asyncio.wait_for(late._task, 30)  # `fetch` would raise
        late.stop()
        late.stop()

    asyncio.run(run())
