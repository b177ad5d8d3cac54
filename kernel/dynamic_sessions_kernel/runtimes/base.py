"""The contract between the kernel and what its cells run on.

The kernel knows front ends and no HTTP; a runtime knows a session and no front end. Between them
travel the values of `messages`: a `Request` goes down, `Message`s come up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from dynamic_sessions_kernel.errors import DynamicSessionsError
    from dynamic_sessions_kernel.messages import Content, Emit, Part, Request


#: What is said of a cell of a kernel before whose end was perhaps not seen.
AFTERMATH_ENDED = "The cell that ran then has ended; what it printed last may not have been shown."


class Runtime(ABC):
    """What a cell runs on.

    All coroutines run on the kernel's event loop and must not block it. Failures of the service
    leave as `DynamicSessionsError`; the person's own exceptions are `error` messages plus an
    `execute_reply` of status `error`.

    Attributes:
        found: whether the last connection found variables of a kernel before.
        aftermath: a sentence on a cell of that kernel that still runs, or whose end was perhaps
            not seen; empty where there is none.
        taken: whether another kernel is known to use the session now.
    """

    name: ClassVar[str]

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.found = False
        self.aftermath = ""
        self.taken = False
        self._loss: DynamicSessionsError | None = None

    @property
    @abstractmethod
    def execution_count(self) -> int:
        """The number that the next stored cell gets, 1 at first."""

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether a session exists that this runtime has used."""

    @abstractmethod
    async def connect(self) -> None:
        """Allocate the session, or find it again, and make it ready for cells. Repeatable."""

    @property
    def kept_for_seconds(self) -> float | None:
        """How long an idle session is kept from cooling down yet; None where nothing keeps it."""
        return None

    def raise_loss(self, *, keep: bool) -> None:
        """Raise what was lost since the last cell, before anything replaces it.

        Args:
            keep: raise it the next time too: what a front end runs by itself must not use it up.

        Raises:
            DynamicSessionsError: variables, or the whole session, are gone or another kernel's.
        """
        loss = self._loss
        if loss is not None:
            if not keep:
                self._loss = None
            raise loss

    @abstractmethod
    async def execute(self, request: Request, part: Part) -> Content:
        """Run one part of a cell; output goes through `emit`; returns `execute_reply` content."""

    def hand_ahead(self, request: Request, part: Part) -> bool:
        """Hand a cell over while one before it runs; return whether that was done.

        `execute` is called for it in its turn all the same, and waits for the outcome.
        """
        del request, part
        return False

    def handed_ahead(self, identity: str) -> bool:
        """Whether the session has this cell already, or had it."""
        del identity
        return False

    async def aborted(self, identity: str) -> bool:
        """Whether a cell that waited behind one that failed is aborted.

        Where it was handed ahead, the session decides: it may have begun before it was known
        here that the one before it failed.
        """
        del identity
        return True

    @abstractmethod
    async def ask(self, request: Request) -> Content | None:
        """Answer a request other than execution; None where this runtime has no answer."""

    async def serve_comm(self, request: Request) -> None:
        """Hand over a comm's message at once, and wait until the session has served it."""
        self.forward(request)

    @abstractmethod
    def forward(self, request: Request) -> None:
        """Hand over a message that has no reply: `comm_*`, `input_reply`."""

    @abstractmethod
    def interrupt(self) -> None:
        """Interrupt the running cell. May be called from any thread; returns at once."""

    @abstractmethod
    async def restart(self) -> None:
        """Fresh variables, same session, same files."""

    async def clear(self) -> bool:
        """End what runs and clear variables, on the kernel's way out; whether that was done.

        It takes 1.2 s at most. Where it is not done, the next kernel clears them.
        """
        return False

    @abstractmethod
    async def close(self, *, delete: bool) -> None:
        """Let go of the session within 1.5 s, deleting it where asked and ours to delete."""
