"""What the service's answers become: frozen, typed, the same for each generation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

#: Where the service puts every file of a session.
DATA_FOLDER = "/mnt/data"


#: How much of each stream the service keeps unless more is asked for.
SERVICE_CAP_CHARS = 4096


def probably_cut(text: str, *caps: int) -> bool:
    """Whether a stream is exactly as long as it may be, and so was probably cut.

    Args:
        text: what came.
        caps: the lengths at which the service may cut.
    """
    # Bytes in one measurement of the service, characters in another.
    return not set(caps).isdisjoint((len(text), len(text.encode())))


@dataclass(frozen=True, slots=True)
class Image:
    """An image that was a run's result.

    Attributes:
        format: the service's word for the format, such as `png`.
        data: the decoded bytes.
    """

    format: str
    data: bytes

    @property
    def mime_type(self) -> str:
        """The MIME type, such as `image/png`."""
        return f"image/{self.format}"


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """The outcome of one execution.

    Attributes:
        status: `Succeeded`, `Failed` or `Canceled`; a failure's text is in `stderr`, as the
            service gives it.
        stdout: standard output, cut by the service without a mark at 4096 (or as asked for).
        stderr: standard error, cut likewise; it can be non-empty on success.
        truncated: whether one of them has exactly that length: then there was probably more.
        result: the last expression's value: JSON as received, None for none; for an image the
            dictionary with `type`, `format` and `base64_data`.
        image: the image, decoded, when `result` is one.
        duration: what the service says the run took, in seconds; None when it does not say.
        execution_id: the service's name for this execution; empty when it gives none.
        container: `x-ms-session-guid`, which changes when the session was replaced; may be empty.
        new_allocation: whether the session was allocated for this execution; None when the service
            does not say.
        raw: the response's body as received, for what has no name here.
    """

    status: Literal["Succeeded", "Failed", "Canceled"]
    stdout: str
    stderr: str
    result: Any
    image: Image | None
    duration: float | None
    execution_id: str = ""
    container: str = ""
    truncated: bool = False
    new_allocation: bool | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether the code ran to its end without raising."""
        return self.status == "Succeeded"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file or folder in a session.

    Attributes:
        name: its own name, without folders.
        size: in bytes; 0 for a folder.
        directory: the folder it is in, relative to `/mnt/data`; empty for the top.
        is_directory: whether it is a folder.
        modified: when it was last written, with time zone; None when the service does not say.
        content_type: MIME type; empty when the service does not say.
    """

    name: str
    size: int
    directory: str = ""
    is_directory: bool = False
    modified: datetime | None = None
    content_type: str = ""

    @property
    def path(self) -> str:
        """The path relative to `/mnt/data`."""
        return f"{self.directory}/{self.name}" if self.directory else self.name

    @property
    def full_path(self) -> str:
        """The path that code in the session opens, such as `/mnt/data/sales.csv`."""
        return f"{DATA_FOLDER}/{self.path}"


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """How the service describes a living session.

    Attributes:
        identifier: the session's identifier, a secret.
        created, last_accessed, expires: with time zone; None when the service does not say.
    """

    identifier: str = field(repr=False)
    created: datetime | None
    last_accessed: datetime | None
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class PoolMetadata:
    """What a pool's sessions have installed.

    Attributes:
        runtimes: as the service lists them, such as a language with its version.
        packages: installed packages, name to version.
        kernel: the name of the Jupyter kernel that runs code; empty when the service does not say.
        raw: the response's body as received.
    """

    runtimes: tuple[Mapping[str, Any], ...]
    packages: Mapping[str, str]
    kernel: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
