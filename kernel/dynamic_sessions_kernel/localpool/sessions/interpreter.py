"""A session's IPython kernel, seen from the pool: started, used, interrupted, started anew.

The sandbox's init does what must be done within; this end decides. An interpreter that dies or
will not stop is replaced, and the session, with its files and its other processes, lives on.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.errors import LocalPoolError
from dynamic_sessions_kernel.localpool.sandbox.choose import remove_tree

from .channels import Channels
from .kept_messages import Kept, Outcome

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from dynamic_sessions_kernel.localpool.sandbox.choose import Sandbox
    from dynamic_sessions_kernel.localpool.sandbox.layout import Place

__all__ = ["Interpreter", "Outcome"]

# Seconds. Ready in 0.6 s here; a machine under load takes its time.
_START_LIMIT = 60.0
_STOP_LIMIT = 10.0
# How long an interrupted cell may take to stop before its interpreter is replaced.
_GRACE = 2.0
# How long a question may go unheard because the subscription came after its answer.
_HEARING = 1.0


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
    """One IPython kernel in one sandbox. Made by `start`; used on the event loop that made it."""

    def __init__(self, sandbox: Sandbox, place: Place) -> None:
        self._sandbox = sandbox
        self._place = place
        self._process: asyncio.subprocess.Process | None = None
        self._control: asyncio.StreamWriter | None = None
        self._gone = asyncio.Event()
        self._boot = 0
        # The interpreter that ought to live; 0 while it is to be replaced.
        self._wanted = 0
        self._ready = asyncio.Event()
        self._exited = asyncio.Event()
        self._heard = asyncio.Event()
        self._words = ""
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
            sandbox: what `choose` gave.

        Raises:
            LocalPoolError: it does not start; no process is left of the attempt.
        """
        try:
            self = cls(sandbox, sandbox.place(folder))
        except OSError as error:
            raise LocalPoolError(
                f"A session's folder could not be made: {error}. Nothing was started."
            ) from None
        try:
            await self._enter()
            await self._begin()
        except BaseException:
            await self.close()
            raise
        return self

    @property
    def alive(self) -> bool:
        """Whether the session lives; its interpreter may be starting anew meanwhile."""
        return not self._gone.is_set()

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
        # One that is just starting would end of it.
        if self._wanted:
            self._order("interrupt")

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
            if not await _within(run.over.wait(), _GRACE):
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
        self._wanted = 0
        if self._run is not None:
            self._run.died = True
            self._run.note()

    async def _available(self) -> Channels | None:
        """Give the way to a living interpreter, a new one where need be; None if there is none."""
        async with self._changing:
            if self.alive and not self._wanted:
                try:
                    await self._stop()
                    await self._begin()
                except LocalPoolError:
                    # A session without an interpreter serves nobody; the pool sees it gone.
                    self._hang_up()
                    await _within(self._gone.wait(), _STOP_LIMIT)
                    self._gone.set()
            return self._channels if self.alive else None

    async def _enter(self) -> None:
        """Start the sandbox and listen to its init."""
        ours, theirs = socket.socketpair()
        with theirs:
            reader, self._control = await asyncio.open_connection(sock=ours)
            creating = asyncio.ensure_future(
                asyncio.create_subprocess_exec(
                    *self._sandbox.command(self._place),
                    env=self._sandbox.environment(self._place),
                    cwd=self._sandbox.start_folder(self._place),
                    stdin=theirs.fileno(),
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    start_new_session=True,
                )
            )
            try:
                self._process = await asyncio.shield(creating)
            except asyncio.CancelledError:
                # asyncio's own creation, cancelled, can wait for ever for the process's end.
                self._process = await creating
                raise
            except OSError as error:
                raise LocalPoolError(
                    f"A session could not be started in the sandbox {self._sandbox.name}: {error}."
                ) from None
        self._spawn(self._heed(reader))

    async def _heed(self, init: asyncio.StreamReader) -> None:
        """Take the init's events until it is gone."""
        try:
            async for line in init:
                event = json.loads(line)
                if event["boot"] != self._boot:
                    continue
                if event["event"] == "ready":
                    self._ready.set()
                else:
                    self._words = event["words"]
                    self._exited.set()
                    if self._wanted:
                        self._replace_soon()
        except OSError:
            pass  # the socket was reset: gone as well
        finally:
            self._gone.set()
            self._give_up()

    async def _begin(self) -> None:
        """Start an interpreter and see that it answers."""
        self._boot += 1
        self._words = ""
        for event in (self._ready, self._exited, self._heard):
            event.clear()
        key = secrets.token_hex(32)
        prefix = self._sandbox.socket_prefix(self._place, self._boot)
        self._order("start", prefix=prefix, key=key)
        if not await self._first(self._ready, _START_LIMIT):
            await self._say_why()
        channels = self._channels = Channels(self._place.sockets, self._boot, key)
        self._listeners = [
            asyncio.create_task(self._listen_to_replies(channels)),
            asyncio.create_task(self._listen_to_messages(channels)),
        ]
        for _ in range(int(_START_LIMIT / _HEARING)):
            channels.send("kernel_info_request", {})
            heard = await self._first(self._heard, _HEARING)
            if self._exited.is_set() or self._gone.is_set():
                break
            if heard:
                self._wanted = self._boot
                return
        await self._say_why()

    async def _stop(self) -> None:
        """End the interpreter, and with it what it was reached by."""
        self._order("stop")
        await self._let_go()
        if not await self._first(self._exited, _STOP_LIMIT):
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
        """Raise the error that tells why no interpreter is there."""
        words = self._words
        if self._gone.is_set() and self._process is not None and self._process.stderr is not None:
            words = (await self._process.stderr.read(4000)).decode(errors="replace")
        last = words.strip().splitlines()[-1:] or ["it gave no reason"]
        raise LocalPoolError(
            f"The interpreter of a session did not start (sandbox {self._sandbox.name}): "
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
            self._heard.set()
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
        waits = [asyncio.create_task(each.wait()) for each in (event, self._exited, self._gone)]
        try:
            await asyncio.wait(waits, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return event.is_set()

    def _order(self, what: str, **more: str) -> None:
        if self._control is not None and not self._control.is_closing():
            order = {"do": what, "boot": self._boot, **more}
            self._control.write(json.dumps(order).encode() + b"\n")

    def _hang_up(self) -> None:
        """Close the control socket, at which the init ends, and with it everything."""
        if self._control is not None:
            self._control.close()

    async def _close(self) -> None:
        self._gone.set()
        self._give_up()
        self._hang_up()
        await self._let_go()
        if self._process is not None and not await _within(self._process.wait(), _STOP_LIMIT):
            self._process.kill()
            await self._process.wait()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for folder in (self._place.own, self._place.sockets):
            await asyncio.to_thread(remove_tree, folder)

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
