"""Blocking calls beside the event loop, in daemon threads.

An executor's threads are joined when the process ends, so one call that hangs would hold the
kernel's exit; daemon threads do not.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    T = TypeVar("T")


def start_call(function: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
    """Call a function in a thread of its own; its outcome becomes the future's.

    Cancelling the future lets go of the outcome; the call itself goes on to its end.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def succeed(value: T) -> None:
        if not future.done():
            future.set_result(value)

    def fail(error: Exception) -> None:
        if not future.done():
            future.set_exception(error)
            future.exception()  # asyncio would log it where nobody waits any more

    def work() -> None:
        # Nobody waits any more once the loop is closed.
        with suppress(RuntimeError):
            try:
                value = function(*arguments)
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to who waits
                loop.call_soon_threadsafe(fail, error)
            else:
                loop.call_soon_threadsafe(succeed, value)

    name = getattr(function, "__name__", "call")
    threading.Thread(target=work, name=f"dynamic-sessions-{name}", daemon=True).start()
    return future
