"""The tool for LangChain 1.x and LangGraph: `pip install 'dynamic-sessions-kernel[langchain]'`.

Both take the plain function of `python_tool` too; this adds the image itself, which a model that
sees can look at, and which the program finds as the tool message's `artifact`.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from langchain_core.tools import StructuredTool

from dynamic_sessions_kernel.client.models import Image  # noqa: TC001 - LangChain reads the hints
from dynamic_sessions_kernel.client.session import MAX_SECONDS

from .python import DESCRIPTION, Bounds, PythonRunner, as_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.tools import BaseTool

    from dynamic_sessions_kernel.client.session import Session


def langchain_tool(
    session: Session,
    *,
    bounds: Bounds | None = None,
    timeout: float = MAX_SECONDS,
    keep_image: Callable[[Image], str] | None = None,
    show_images: bool = False,
) -> BaseTool:
    """Return the tool, for `langchain.agents.create_agent` or a LangGraph `ToolNode`.

    Args:
        session: of a `SessionPool`; whoever made it ends it.
        bounds: how much of an outcome the model reads.
        timeout: seconds that one call may run, at most 220.
        keep_image: as for `python_tool`.
        show_images: whether the model gets images as content blocks. Not every model takes them in
            a tool's message.

    Raises:
        ValueError: `timeout` is none that the service takes.
    """
    runner = PythonRunner(session, bounds or Bounds(), timeout)

    def run_python(code: str) -> tuple[str | list[dict[str, Any]], list[Image]]:
        told, image = runner.run(code, keep_image)
        text, images = as_text(told), [image] if image is not None else []
        if not show_images or image is None:
            return text, images
        data = base64.b64encode(image.data).decode()
        block = {"type": "image", "base64": data, "mime_type": image.mime_type}
        return [{"type": "text", "text": text}, block], images

    return StructuredTool.from_function(
        run_python,
        name="run_python",
        description=DESCRIPTION,
        response_format="content_and_artifact",
    )
