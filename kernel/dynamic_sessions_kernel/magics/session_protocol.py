"""What `%session` may do to the kernel's session: the narrow door through which it acts.

Commands know the kernel by this alone; the kernel implements it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from dynamic_sessions_kernel.client.http.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of the kernel's session.

    Attributes:
        pool: where it is, for people.
        identifier: its beginning; empty where there is no session.
        runtime: what cells run on, or will.
        outputs: how outputs are treated.
        traffic: what this kernel has moved, exchanges of its own among the executions.
        python: the pool's languages with their versions; empty where unknown.
        packages: how many are installed; None where unknown.
        limits: what the session may take of the machine that it runs on; empty where unknown.
        created, expires: None where unknown.
        kept_until: when `keep_alive` lets the session cool down if nothing runs until then; None
            where nothing keeps it.
        round_trip: seconds that one call took; None where none was answered.
        trouble: why the service did not say more; else empty.
    """

    pool: str
    identifier: str
    runtime: str
    outputs: str
    traffic: Traffic = field(default_factory=Traffic)
    python: str = ""
    packages: int | None = None
    limits: str = ""
    created: datetime | None = None
    expires: datetime | None = None
    kept_until: datetime | None = None
    round_trip: float | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A living session of the pool.

    Attributes:
        identifier: its beginning.
        ours: whether this kernel uses it.
        created, last_accessed, expires: None where the service does not say.
    """

    identifier: str
    ours: bool
    created: datetime | None
    last_accessed: datetime | None
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """What became of sessions; identifiers are their beginnings, empty for none.

    Attributes:
        current: the session that the kernel uses now.
        deleted: a session that was deleted.
        left: a session that lives on without this kernel.
        variables: whether the current one had variables already.
    """

    current: str = ""
    deleted: str = ""
    left: str = ""
    variables: bool = False


class SessionProtocol(Protocol):
    """Acts on the kernel's session. Every call blocks, and is made in a command's own thread.

    All raise `DynamicSessionsError`, and `CommandInterruptedError` where the person interrupts.
    """

    def status(self) -> Status:
        """Return what is known of the session; allocates none."""

    def sessions(self) -> Sequence[Listed]:
        """List the living sessions of the pool; allocates none."""

    def new(self) -> Change:
        """Delete the kernel's own session and start a fresh one; an attached one is left."""

    def stop(self) -> Change:
        """Delete the session in use."""

    def delete(self, prefix: str, agree: Callable[[str], None]) -> Change:
        """Delete the one living session whose identifier begins so, another than the kernel's.

        Args:
            prefix: the beginning.
            agree: called with what may be shown of the identifier, before anything is done; it
                raises where the person does not agree.

        Raises:
            CommandError: none or several begin so, or it is the kernel's own.
        """

    def restart(self) -> Change:
        """Start Python afresh in the same session, files kept."""

    def attach(self, prefix: str) -> Change:
        """Take over the one living session whose identifier begins so.

        Raises:
            CommandError: none or several begin so.
        """

    @property
    def trusted(self) -> bool:
        """Whether all outputs are let through already."""

    def trust(self) -> bool:
        """Let all outputs of the session through; whether that is news."""
