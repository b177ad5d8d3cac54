"""One session of a pool: running code in it, and its files."""

from __future__ import annotations

import math
import os
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, overload

from dynamic_sessions_kernel.errors import (
    AnswerLostError,
    DynamicSessionsError,
    RemoteFileNotFoundError,
    ServiceError,
    SessionNotFoundError,
    UnavailableError,
    UnexpectedAnswerError,
)

from . import download as downloads
from .api.base import UNKNOWN_RUN
from .endpoint import check_identifier, shorten
from .listings import place
from .models import SERVICE_CAP_CHARS, probably_cut
from .paging import pages
from .remote_paths import check_upload, clean_folder, printable, split_path
from .upload import open_source

if TYPE_CHECKING:
    from .api.base import Generation
    from .http.transport import Transport
    from .management import Management
    from .models import ExecutionResult, RemoteFile, SessionInfo
    from .upload import Progress

#: The longest that the service lets one execution run, in seconds.
MAX_SECONDS = 220.0

_FIRST_POLL, _LAST_POLL = 0.2, 2.0
#: What a listing of a folder that is not there, or cannot be, is answered with.
_NO_SUCH_FOLDER = (400, 404)
#: After these it is unknown whether an execution ran.
_LOST = (AnswerLostError, UnavailableError, UnexpectedAnswerError)


class Session:
    """A session of a pool, made by `SessionPool.session`. Thread-safe; every call blocks.

    The service allocates the session with the first call that names it, and silently replaces one
    that cooled down by an empty one: `ExecutionResult.container` distinguishes them. Every call can
    raise the errors of `dynamic_sessions_kernel.errors`: `SignInError`, `TransportError`,
    `ServiceError` and `UnexpectedAnswerError` with their kinds.
    """

    def __init__(
        self,
        transport: Transport,
        generation: Generation,
        management: Management,
        identifier: str,
    ) -> None:
        self._transport = transport
        self._generation = generation
        self._management = management
        self._identifier = check_identifier(identifier)

    @property
    def identifier(self) -> str:
        """The session's identifier: a secret, since whoever has it and the role reaches it."""
        return self._identifier

    def __repr__(self) -> str:
        return f"<Session {shorten(self._identifier)}>"

    def execute(
        self,
        code: str,
        *,
        timeout: float = MAX_SECONDS,
        max_output: int | None = None,
        read_timeout: float | None = None,
        attempts: int | None = None,
        settle: bool = False,
    ) -> ExecutionResult:
        """Run Python code and wait for its outcome.

        Code that raises is no error here: the result's `status` and `stderr` say so. An execution
        that may have reached the service is never repeated.

        Args:
            code: the source, as in a notebook cell: `%` and `!` magics work.
            timeout: seconds after which the service stops it, above 0, at most 220.
            max_output: characters of stdout and of stderr to keep. It has effect from api-version
                2025-10-02-preview; before, the service cuts each at 4096 without a mark.
            read_timeout: seconds to wait for the response; by default `timeout` and a margin for
                allocating the session (`Timeouts.margin`).
            attempts: how often to try, where it is certain that nothing ran.
            settle: where the response is lost, ask the service for the execution by its name, and
                wait for its outcome if the service knows it.

        Raises:
            NotSentError: the service was never reached; nothing ran.
            AnswerLostError: it is unknown whether the code ran.

        Example:
            >>> session.execute("6 * 7").result
            42
        """
        if not 0 < timeout <= MAX_SECONDS:
            raise ValueError(f"timeout is above 0 and at most {MAX_SECONDS:.0f} seconds")
        patience = (
            timeout + self._transport.timeouts.margin if read_timeout is None else read_timeout
        )
        until = time.monotonic() + patience
        name = str(uuid.uuid4())
        run = self._generation.run(code, math.ceil(timeout), max_output, name)
        call = run.within(self._identifier)
        self._transport.counter.add(executions=1)
        try:
            response = self._transport.send(call, read_timeout=patience, attempts=attempts)
            outcome = self._generation.ran(response)
        except _LOST as lost:
            if not settle or not self._generation.polls:
                raise
            outcome = self._settle(name, lost)
            until = max(until, time.monotonic() + self._transport.timeouts.margin)
        result = self._wait(outcome, until) if isinstance(outcome, str) else outcome
        caps = (SERVICE_CAP_CHARS, max_output or SERVICE_CAP_CHARS)
        cut = probably_cut(result.stdout, *caps) or probably_cut(result.stderr, *caps)
        return replace(result, truncated=True) if cut else result

    def upload(
        self,
        source: str | os.PathLike[str] | BinaryIO,
        remote_path: str | None = None,
        *,
        progress: Progress | None = None,
    ) -> RemoteFile:
        """Upload a file; one of the same name is replaced.

        Args:
            source: a local path, or a binary stream, read from where it stands to its end.
            remote_path: relative to `/mnt/data`, or absolute below it; with `/` at its end, the
                folder to put the file into. By default the file's own name.
            progress: called with bytes done and bytes in all, from the beginning in each attempt.

        Returns:
            The file as the service has it; `full_path` is what code in the session opens.

        Raises:
            FileNameError, FileTooLargeError: the service would not take it; nothing was sent.
            OSError: the local file cannot be read.
            ValueError: a stream without a name, and no `remote_path`.

        Example:
            >>> session.upload(io.BytesIO(b"a,b"), "sales.csv").full_path
            '/mnt/data/sales.csv'
        """
        with open_source(source, self._management.largest_file_bytes) as opened:
            path = remote_path or ""
            if not path or path.endswith("/"):
                if opened.name is None:
                    raise ValueError("a stream without a name needs a remote_path")
                path += opened.name
            directory, name = check_upload(path)
            call = self._generation.upload(
                directory, name, opened.size, lambda part: opened.body(part, progress)
            )
            response = self._transport.send(call.within(self._identifier))
        return self._generation.uploaded(response, directory)

    @overload
    def download(
        self, remote_path: str, target: None = None, *, progress: Progress | None = None
    ) -> BinaryIO: ...

    @overload
    def download(
        self,
        remote_path: str,
        target: str | os.PathLike[str],
        *,
        progress: Progress | None = None,
    ) -> Path: ...

    @overload
    def download(
        self, remote_path: str, target: BinaryIO, *, progress: Progress | None = None
    ) -> BinaryIO: ...

    def download(
        self,
        remote_path: str,
        target: str | os.PathLike[str] | BinaryIO | None = None,
        *,
        progress: Progress | None = None,
    ) -> Path | BinaryIO:
        """Download a file; when it fails half-way, the target stays as it was.

        Args:
            remote_path: relative to `/mnt/data`, or absolute below it.
            target: a local file, a local folder to put it into, or a binary stream to write to.
            progress: called with bytes done and bytes in all (None when unknown).

        Returns:
            The local path; or the stream that was given; or, without a target, a stream with the
            content, to be read from its beginning and closed.

        Raises:
            RemoteFileNotFoundError: the session has no such file.
            OSError: the target cannot be written.
        """
        directory, name = split_path(remote_path)
        call = self._generation.download(directory, name).within(self._identifier)

        def fetch(stream: BinaryIO) -> None:
            self._transport.receive(
                call, lambda incoming: downloads.save(incoming, stream, progress)
            )

        if target is None:
            return downloads.fetch_aside(fetch)
        if isinstance(target, str | os.PathLike):
            path = Path(target)
            path = path / name if path.is_dir() else path
            with downloads.replacing(path) as stream:
                fetch(stream)
            return path
        downloads.fetch_into(target, fetch)
        return target

    def list_files(self, directory: str = "", *, recursive: bool = False) -> list[RemoteFile]:
        """List the files and folders of a folder.

        Args:
            directory: relative to `/mnt/data`, or absolute below it; by default all of that.
            recursive: whether to list the folders inside too. The legacy generation lists files
                alone, without folders.
        """
        folder = clean_folder(directory)
        found = self._list(folder, recursive=recursive)
        if self._generation.lists_recursively:
            return self._generation.select(found, folder, recursive=recursive)
        waiting = [file.path for file in found if recursive and file.is_directory]
        while waiting:
            inside = self._list(waiting.pop(), recursive=True)
            found += inside
            waiting += [file.path for file in inside if file.is_directory]
        return found

    def file(self, path: str) -> RemoteFile:
        """Return the description of one file.

        Raises:
            RemoteFileNotFoundError: the session has no such file.
        """
        directory, name = split_path(path)
        call = self._generation.describe(directory, name)
        response = self._transport.send(call.within(self._identifier))
        found = self._generation.described(response, directory, name)
        if found is None:
            raise RemoteFileNotFoundError(
                f"The session has no file {printable(name)} there. `list_files` shows what is "
                "below /mnt/data.",
                status=404,
                code="FileNotFound",
            )
        return found

    def delete_file(self, path: str) -> None:
        """Delete a file.

        Raises:
            RemoteFileNotFoundError: the session has no such file.
        """
        directory, name = split_path(path)
        try:
            self._transport.send(self._generation.delete(directory, name).within(self._identifier))
        except RemoteFileNotFoundError as error:
            if not error.repeated:  # else an attempt whose response was lost has deleted it
                raise

    def info(self, *, attempts: int | None = None) -> SessionInfo:
        """Return when the session was made, was last used, and ends.

        Args:
            attempts: how often to try at most.

        Raises:
            SessionNotFoundError: there is none; asking does not allocate one.
        """
        return self._management.info(self._identifier, attempts=attempts)

    def delete(self) -> None:
        """End the session with its variables and files; the identifier then names a fresh one.

        Raises:
            SessionNotFoundError: there is none.
        """
        try:
            self._management.end(self._identifier)
        except SessionNotFoundError as error:
            if not error.repeated:
                raise

    def _settle(self, name: str, lost: DynamicSessionsError) -> ExecutionResult | str:
        """Return what the service knows of an execution whose response was lost.

        Raises:
            DynamicSessionsError: `lost`, where it knows nothing.
        """
        try:
            call = self._generation.poll(name).within(self._identifier)
            return self._generation.ran(self._transport.send(call))
        except DynamicSessionsError:
            raise lost from None

    def _wait(self, execution_id: str, until: float) -> ExecutionResult:
        """Ask for an execution that the service answers later, until it ended or time is over."""
        call = self._generation.poll(execution_id).within(self._identifier)
        pause = _FIRST_POLL
        while time.monotonic() < until:
            self._transport.pause(pause)
            pause = min(pause * 1.5, _LAST_POLL)
            outcome = self._generation.ran(self._transport.send(call))
            if not isinstance(outcome, str):
                return outcome
        raise AnswerLostError(f"The service still had no outcome for the code. {UNKNOWN_RUN}")

    def _list(self, directory: str, *, recursive: bool) -> list[RemoteFile]:
        generation = self._generation
        recursive = recursive and generation.lists_recursively
        call = generation.list_folder(directory, recursive=recursive)
        readings = [
            reading
            for body in pages(self._transport, call.within(self._identifier))
            for reading in generation.listed(body, directory, recursive=recursive)
        ]
        return place(readings, self._is_there)

    def _is_there(self, file: RemoteFile) -> bool:
        """Whether the listing of its folder shows a file."""
        try:
            found = self._list(file.directory, recursive=False)
        except ServiceError as error:
            if error.status not in _NO_SUCH_FOLDER:
                raise
            return False
        return any(
            (other.name, other.is_directory) == (file.name, file.is_directory) for other in found
        )
