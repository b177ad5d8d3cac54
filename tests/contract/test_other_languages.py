"""A pool that runs another language than Python, met by a cell."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("runtime", ["bridge", "direct"])
@pytest.mark.parametrize(("profile", "kind"), [("shell", "Shell"), ("node", "NodeLTS")])
def test_a_pool_of_another_language_is_named_in_the_cell(
    pool_of, start_notebook, profile, kind, runtime
) -> None:
    notebook = start_notebook({**pool_of(profile).environment, "DYNAMIC_SESSIONS_RUNTIME": runtime})
    try:
        error = notebook.run("1").error
        assert error.startswith(f"PoolTypeError: This pool is of type {kind}, whose sessions run ")
        assert "use a pool of type PythonLTS" in error
    finally:
        notebook.close()
