"""A session as a tool of a language model: plain functions, which every framework takes.

    from dynamic_sessions_kernel import SessionPool
    from dynamic_sessions_kernel.tools import python_tool

    with SessionPool(endpoint) as pool:
        run_python = python_tool(pool.session(str(uuid.uuid4())))

`tools.langchain` wraps it for LangChain and LangGraph, with images.
"""

from __future__ import annotations

from .python import Bounds, PythonResult, python_tool

__all__ = ["Bounds", "PythonResult", "python_tool"]
