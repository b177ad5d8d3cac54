"""A session's IPython kernel, seen from the pool: started, used, interrupted, started anew.

The sandbox's init does what must be done within; this end decides. An interpreter that dies or
will not stop is replaced, and the session, with its files and its other processes, lives on.

    state     what happens                                            next state
    STARTING  the interpreter answers                                 READY
    STARTING  it does not, or ends                                    GONE
    READY     it ends, does not stop after a time limit, `restart`    GIVEN_UP
    GIVEN_UP  somebody needs it: the old one is stopped               STARTING
    any       the sandbox ends, `close`                               GONE

Everything happens on the event loop that made it.
"""

from __future__ import annotations

import asyncio
import secrets
from enum import Enum
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.errors import LocalPoolError

from .channels import Channels
from .decoding import Decoder
from .enclosure import Enclosure
from .kept_messages import Kept, Outcome

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from dynamic_sessions_kernel.localpool.sandbox.choose import Sandbox

__all__ = ["Interpreter", "Outcome"]

# An interpreter is ready in 0.6 s; a machine under load takes its time.
_START_LIMIT_SECONDS = 60.0
_STOP_LIMIT_SECONDS = 10.0
# How long an interrupted cell may take to stop before its interpreter is replaced.
_GRACE_SECONDS = 2.0
# Send the probe again after this long: its reply may predate our subscription.
_PROBE_SECONDS = 1.0


class State(Enum):
    """See the table above."""

    STARTING = "starting"
    READY = "ready"
    GIVEN_UP = "given up"
    GONE = "gone"


class _Boot:
    """One start of an interpreter: what its init and its channels have reported.

    Attributes:
        number: counts the starts of a session.
        listening: set once its sockets are there.
        answered: set once it has published anything.
        exited: set once its process has ended.
        words: what it wrote before that.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.listening = asyncio.Event()
        self.answered = asyncio.Event()
        self.exited = asyncio.Event()
        self.words = ""


class _Run:
    """An execution on its way: over when both its reply and its last message have come."""

    def __init__(self, msg_id: str) -> None:
        self.msg_id = msg_id
        self.reply: dict[str, Any] | None = None
        self.idle = False
        self.died = False
        self.kept = Kept()
        self.over = asyncio.Event()

    def note(self) -> None:
        if self.died or (self.idle and self.reply is not None):
            self.over.set()


class Interpreter:
    """One IPython kernel in one sandbox. Made by `start`.

    Attributes:
        enclosure: its sandbox.
    """

    def __init__(self, enclosure: Enclosure) -> None:
        self.enclosure = enclosure
        self._state = State.STARTING
        self._gone = asyncio.Event()
        self._boot = _Boot(0)
        self._channels: Channels | None = None
        self._listeners: list[asyncio.Task[None]] = []
        self._run: _Run | None = None
        self._one_at_a_time = asyncio.Lock()
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, folder: Path, sandbox: Sandbox) -> Interpreter:
        """Start a session's sandbox and the interpreter in it.

        Args:
            folder: the session's own folder on the host; `folder/data` is `/mnt/data` inside.
            sandbox: what `choose` returned.

        Raises:
            LocalPoolError: it does not start; no process is left of the attempt.
        """
        self = cls(Enclosure.make(sandbox, folder))
        try:
            await self.enclosure.start()
            self._spawn(self._heed())
            await self._begin()
        except BaseException:
            await self.close()
            raise
        return self

    @property
    def alive(self) -> bool:
        """Whether the session lives; its interpreter may be starting anew meanwhile."""
        return self._state is not State.GONE

    async def execute(self, code: str, *, time_limit: float) -> Outcome:
        """Run code and wait for its end; a second call waits for the first.

        Args:
            code: what a cell holds, magics included.
            time_limit: seconds after which it is interrupted.
        """
        async with self._one_at_a_time:
            channels = await self._available()
            if channels is None:
                return Outcome({}, [], "died")
            request = {
                "code": code,
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": False,
                "stop_on_error": True,
            }
            run = self._run = _Run(channels.send("execute_request", request))
            try:
                return await self._outcome(run, time_limit)
            finally:
                self._run = None

    async def interrupt(self) -> None:
        """Interrupt what runs; an idle interpreter does not mind."""
        # SIGINT would end an interpreter that is still starting.
        if self._state is State.READY:
            self.enclosure.order("interrupt", self._boot.number)

    async def restart(self) -> None:
        """Replace the interpreter by a fresh one; what runs in it ends as `died`.

        Raises:
            LocalPoolError: none starts any more; the session is ended.
        """
        self._give_up()
        if await self._available() is None:
            raise LocalPoolError(
                "The session's interpreter could not be started anew, so the session is ended: "
                "variables and files are gone."
            )

    async def close(self) -> None:
        """End every process of the session and remove what the sandbox needed. Repeatable."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        # Half a close would leave processes, so a caller that gives up does not stop it.
        await asyncio.shield(self._closing)

    async def _outcome(self, run: _Run, time_limit: float) -> Outcome:
        in_time = await _within(run.over.wait(), time_limit)
        if not in_time:
            await self.interrupt()
            if not await _within(run.over.wait(), _GRACE_SECONDS):
                self._replace_soon()
        messages = run.kept.in_order()
        if not in_time:
            return Outcome({}, messages, "time_limit")
        if run.died or run.reply is None:
            return Outcome({}, messages, "died")
        return Outcome(run.reply, messages, "replied")

    def _replace_soon(self) -> None:
        """Give the interpreter up and start its successor without keeping anyone waiting."""
        self._give_up()
        self._spawn(self._available())

    def _give_up(self) -> None:
        if self._state is State.READY:
            self._state = State.GIVEN_UP
        self._fail_run()

    def _end(self) -> None:
        self._state = State.GONE
        self._gone.set()
        self._fail_run()

    def _fail_run(self) -> None:
        if self._run is not None:
            self._run.died = True
            self._run.note()

    async def _available(self) -> Channels | None:
        """Return the channels of a living interpreter, started anew where need be; None if gone."""
        async with self._changing:
            if self._state is State.GIVEN_UP:
                try:
                    await self._stop()
                    await self._begin()
                except LocalPoolError:
                    # A session without an interpreter serves nobody; the pool sees it gone.
                    self.enclosure.hang_up()
                    await _within(self._gone.wait(), _STOP_LIMIT_SECONDS)
                    self._end()
            return self._channels if self.alive else None

    async def _heed(self) -> None:
        """Take the init's events until it is gone."""
        try:
            async for event in self.enclosure.events():
                boot = self._boot
                if event["boot"] != boot.number:
                    continue
                if event["event"] == "ready":
                    boot.listening.set()
                    continue
                boot.words = event["words"]
                boot.exited.set()
                if self._state is State.READY:
                    self._replace_soon()
        finally:
            self._end()

    async def _begin(self) -> None:
        """Start an interpreter and see that it answers."""
        if self._state is State.GIVEN_UP:
            self._state = State.STARTING
        boot = self._boot = _Boot(self._boot.number + 1)
        key = secrets.token_hex(32)
        prefix = self.enclosure.socket_prefix(boot.number)
        self.enclosure.order("start", boot.number, prefix=prefix, key=key)
        if not await self._first(boot.listening, _START_LIMIT_SECONDS):
            await self._say_why()
        sockets, decoder = self.enclosure.place.sockets, Decoder(self.enclosure.entering)
        channels = self._channels = Channels(sockets, boot.number, key, decoder)
        self._listeners = [
            asyncio.create_task(self._listen_to_replies(channels)),
            asyncio.create_task(self._listen_to_messages(channels)),
        ]
        for _ in range(int(_START_LIMIT_SECONDS / _PROBE_SECONDS)):
            channels.send("kernel_info_request", {})
            answered = await self._first(boot.answered, _PROBE_SECONDS)
            if boot.exited.is_set() or not self.alive:
                break
            if answered:
                self._state = State.READY
                return
        await self._say_why()

    async def _stop(self) -> None:
        """End the interpreter, and with it what it was reached by."""
        self.enclosure.order("stop", self._boot.number)
        await self._let_go()
        if not await self._first(self._boot.exited, _STOP_LIMIT_SECONDS):
            await self._say_why()

    async def _let_go(self) -> None:
        for listener in self._listeners:
            listener.cancel()
        await asyncio.gather(*self._listeners, return_exceptions=True)
        self._listeners = []
        if self._channels is not None:
            self._channels.close()
            self._channels = None

    async def _say_why(self) -> None:
        """Raise the error that says why no interpreter is there."""
        words = self._boot.words
        if not self.alive:
            words = await self.enclosure.words()
        last = words.strip().splitlines()[-1:] or ["it gave no reason"]
        raise LocalPoolError(
            f"The interpreter of a session did not start (sandbox {self.enclosure.name}): "
            f"{last[0]}. Nothing ran."
        )

    async def _listen_to_replies(self, channels: Channels) -> None:
        while True:
            message, _ = await channels.reply()
            run = self._run_of(message)
            if run is not None and message["header"].get("msg_type") == "execute_reply":
                run.reply = message["content"]
                run.note()

    async def _listen_to_messages(self, channels: Channels) -> None:
        while True:
            message, size = await channels.published()
            self._boot.answered.set()
            run = self._run_of(message)
            if run is None:
                continue
            kind, content = message["header"].get("msg_type"), message["content"]
            if kind == "status" and content.get("execution_state") == "idle":
                run.idle = True
                run.note()
            else:
                run.kept.add(str(kind), content, size)

    def _run_of(self, message: dict[str, Any]) -> _Run | None:
        run = self._run
        return run if run and message["parent_header"].get("msg_id") == run.msg_id else None

    async def _first(self, event: asyncio.Event, limit: float) -> bool:
        """Whether `event` comes within the limit, and the interpreter and its sandbox live on."""
        waits = [
            asyncio.create_task(each.wait()) for each in (event, self._boot.exited, self._gone)
        ]
        try:
            await asyncio.wait(waits, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return event.is_set()

    async def _close(self) -> None:
        self._end()
        self.enclosure.hang_up()
        await self._let_go()
        await self.enclosure.end()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _within(wait: Coroutine[Any, Any, Any], limit: float) -> bool:
    """Whether the wait ends within `limit` seconds."""
    task = asyncio.ensure_future(wait)
    await asyncio.wait({task}, timeout=limit)
    if task.done():
        return True
    task.cancel()
    return False
