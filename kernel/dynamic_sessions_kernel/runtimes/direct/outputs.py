"""What one execution's answer becomes on the notebook page."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.client.models import SERVICE_CAP_CHARS, probably_cut
from dynamic_sessions_kernel.messages import Content, Message

from .traceback import read_failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamic_sessions_kernel.client.models import ExecutionResult, Image

#: How much is asked for where the service lets one ask: the most that was seen to work.
MAX_OUTPUT_CHARS = 20_000


def messages(result: ExecutionResult, parent: str, *, count: int, shows: bool) -> Iterator[Message]:
    """Yield an execution's output in the order in which a person expects it.

    Args:
        result: what the service answered.
        parent: the request that caused it.
        count: the cell's number.
        shows: whether the value is displayed.
    """
    yield from _printed("stdout", result.stdout, parent)
    if not result.succeeded:
        failure = read_failure(result.stderr)
        if failure.printed:
            yield Message("stream", {"name": "stderr", "text": failure.printed}, parent)
        if probably_cut(result.stderr, SERVICE_CAP_CHARS, MAX_OUTPUT_CHARS):
            yield _notice("The traceback below", parent)
        error = {
            "ename": failure.ename,
            "evalue": failure.evalue,
            "traceback": failure.traceback,
        }
        yield Message("error", error, parent)
        return
    yield from _printed("stderr", result.stderr, parent)
    if result.image is not None:
        yield Message("display_data", _picture(result.image), parent)
    elif shows and result.result is not None:
        data = {"text/plain": _text(result.result)}
        content: Content = {"data": data, "metadata": {}, "execution_count": count}
        yield Message("execute_result", content, parent)


def _printed(name: str, text: str, parent: str) -> Iterator[Message]:
    if text:
        yield Message("stream", {"name": name, "text": text}, parent)
    if probably_cut(text, SERVICE_CAP_CHARS, MAX_OUTPUT_CHARS):
        yield _notice(name, parent)


def _notice(name: str, parent: str) -> Message:
    text = (
        f"\n[{name} was probably cut: it is exactly as long as the service lets it be in a direct "
        "execution. Write long output to a file.]\n"
    )
    return Message("stream", {"name": "stderr", "text": text}, parent)


def _picture(image: Image) -> Content:
    encoded = base64.b64encode(image.data).decode("ascii")
    words = f"<{image.format} image, {len(image.data):,} bytes>"
    return {"data": {image.mime_type: encoded, "text/plain": words}, "metadata": {}}


def _text(value: Any) -> str:
    """Return a result as received; JSON's own types as Python writes them."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)
