"""Running Python in a session, for a language model.

What a model needs and a program does not: an outcome for everything, since an exception ends its
turn; texts that fit its context; a word when the session was replaced, since it believes that its
variables are there. Only the code is not touched: what begins with `python`, or with a space, is
what the model meant.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from dynamic_sessions_kernel.client.execution_errors import service_failure
from dynamic_sessions_kernel.client.models import SERVICE_CAP_CHARS, probably_cut
from dynamic_sessions_kernel.client.session import MAX_SECONDS
from dynamic_sessions_kernel.errors import DynamicSessionsError

from .bounds import bounded, cut, plain
from .fences import unwrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamic_sessions_kernel.client.models import ExecutionResult, Image
    from dynamic_sessions_kernel.client.session import Session

    #: A file's path, with what changes when it is written.
    Snapshot = dict[str, tuple[int, object]]

#: What is asked of the service, so that the end of an output can be shown, too.
_ASKED_CHARS = 100_000
_ERROR_CHARS = 500
_CUT_BY_SERVICE = "\n[… the service keeps no more; print less, or write to a file …]"
_REPLACED = (
    "This ran in a fresh session, since the one before is gone: its variables and files are lost. "
    "Run again what made them."
)


class PythonImage(TypedDict):
    """An image as a model reads of it.

    Attributes:
        mime_type: such as `image/png`.
        size: in bytes.
        at: where it was kept; empty where it was not.
    """

    mime_type: str
    size: int
    at: str


class PythonResult(TypedDict):
    """The outcome of a call of `run_python`; JSON all through.

    Attributes:
        result: the value of the last expression, None for none.
        stdout, stderr: what was written there, without colours; a traceback is in `stderr`.
        images: the figure that was shown last, if one was.
        files: the paths of files that were made or changed, at most `Bounds.files` of them.
        error: what went wrong, in a sentence; empty where nothing did.
    """

    result: Any
    stdout: str
    stderr: str
    images: list[PythonImage]
    files: list[str]
    error: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of an outcome a model reads.

    Attributes:
        result: characters of the value, as JSON.
        stdout, stderr: characters of each; the middle is left out.
        files: how many paths.
    """

    result: int = 8_000
    stdout: int = 8_000
    stderr: int = 4_000
    files: int = 20


class PythonRunner:
    """Runs a model's code in one session, one call at a time. Thread-safe; calls block.

    Args:
        session: to run in; it lives on when the tool is dropped.
        bounds: of what a model reads.
        timeout: seconds that one call may run, at most 220.
    """

    def __init__(self, session: Session, bounds: Bounds, timeout: float) -> None:
        if not 0 < timeout <= MAX_SECONDS:
            raise ValueError(f"timeout is above 0 and at most {MAX_SECONDS:.0f} seconds")
        self._session = session
        self._bounds = bounds
        self._timeout = timeout
        # Models call tools side by side; in the service one that times out ends those that wait.
        self._turn = threading.Lock()
        self._files: Snapshot | None = None
        self._container = ""

    def run(
        self, code: str, keep_image: Callable[[Image], str] | None = None
    ) -> tuple[PythonResult, Image | None]:
        """Run code; returns the outcome, and the image itself where there is one."""
        with self._turn:
            if self._files is None:
                self._files = self._list()
            try:
                outcome = self._session.execute(
                    unwrap(code), timeout=self._timeout, max_output=_ASKED_CHARS
                )
            except DynamicSessionsError as error:
                return _failed(str(error)), None
            replaced = self._is_replaced(outcome)
            changed = self._changed()
        return self._told(outcome, replaced, changed, keep_image), outcome.image

    def _told(
        self,
        outcome: ExecutionResult,
        replaced: bool,
        changed: list[str],
        keep_image: Callable[[Image], str] | None,
    ) -> PythonResult:
        image, bounds = outcome.image, self._bounds
        images: list[PythonImage] = []
        if image is not None:
            at = keep_image(image) if keep_image is not None else ""
            images = [{"mime_type": image.mime_type, "size": len(image.data), "at": at}]
        sentences = [_REPLACED if replaced else "", _what_went_wrong(outcome)]
        return {
            "result": bounded(outcome.result, bounds.result) if image is None else None,
            "stdout": _stream(outcome.stdout, bounds.stdout),
            "stderr": _stream(outcome.stderr, bounds.stderr),
            "images": images,
            "files": changed[: bounds.files],
            "error": " ".join(sentence for sentence in sentences if sentence),
        }

    def _is_replaced(self, outcome: ExecutionResult) -> bool:
        before, now = self._container, outcome.container
        self._container = now or before
        return bool(before and now and before != now)

    def _changed(self) -> list[str]:
        """Return the paths of files that are new or other than at the call before."""
        before, now = self._files, self._list()
        if now is None:
            return []
        self._files = now
        return (
            []
            if before is None
            else sorted(path for path, seen in now.items() if before.get(path) != seen)
        )

    def _list(self) -> Snapshot | None:
        """Return the session's files; None where they cannot be listed, which stops no code."""
        try:
            found = self._session.list_files(recursive=True)
        except DynamicSessionsError:
            return None
        return {
            file.full_path: (file.size, file.modified) for file in found if not file.is_directory
        }


def python_tool(
    session: Session,
    *,
    bounds: Bounds | None = None,
    timeout: float = MAX_SECONDS,
    keep_image: Callable[[Image], str] | None = None,
) -> Callable[[str], PythonResult]:
    """Return a function that runs a model's code in a session, to be given to a framework.

    Its name, signature and docstring are written for the model. It raises nothing of this
    package's: each failure is a result. Code runs once; where it is unknown whether it ran, `error`
    says so.

    Args:
        session: of a `SessionPool`; whoever made it ends it.
        bounds: how much of an outcome the model reads.
        timeout: seconds that one call may run, at most 220.
        keep_image: keeps an image, in a folder for instance, and returns where it is, for the model
            to mention. Without it the model reads of its type and size alone.

    Raises:
        ValueError: `timeout` is none that the service takes.

    Example:
        >>> run_python = python_tool(pool.session(str(uuid.uuid4())))
        >>> run_python("6 * 7")["result"]
        42
    """
    runner = PythonRunner(session, bounds or Bounds(), timeout)

    def run_python(code: str) -> PythonResult:
        return runner.run(code, keep_image)[0]

    run_python.__doc__ = DESCRIPTION
    return run_python


#: What a model reads of the tool.
DESCRIPTION = """Run Python code in a sandbox and return what it shows.

Variables, imports and files live on from call to call. The value of the last expression is \
returned, as in a notebook; print what else you want to see. Show a figure with plt.show(); only \
the last figure of a call is returned. Files are in /mnt/data, the working directory. There may be \
no network. Long outputs are cut in the middle.

Args:
    code: the Python source to run.

Returns:
    A dictionary: result (value of the last expression, or null), stdout, stderr (tracebacks are \
here), images, files (paths made or changed), error (what went wrong; empty if nothing).
"""


def as_text(result: PythonResult) -> str:
    """Return an outcome as JSON text, for frameworks that pass on text."""
    return json.dumps(result, ensure_ascii=False)


def _failed(sentence: str) -> PythonResult:
    return {
        "result": None,
        "stdout": "",
        "stderr": "",
        "images": [],
        "files": [],
        "error": sentence,
    }


def _stream(text: str, most: int) -> str:
    shown = cut(plain(text), most)
    return shown + _CUT_BY_SERVICE if probably_cut(text, SERVICE_CAP_CHARS, _ASKED_CHARS) else shown


def _what_went_wrong(outcome: ExecutionResult) -> str:
    """Return the service's failure, or the exception's own line; empty where there is neither."""
    failure = service_failure(outcome)
    if failure is not None:
        return str(failure)
    if outcome.succeeded:
        return ""
    lines = [line for line in plain(outcome.stderr).splitlines() if line.strip()]
    return cut(lines[-1], _ERROR_CHARS) if lines else "The code failed and said nothing."
