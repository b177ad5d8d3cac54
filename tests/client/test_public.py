"""The library's public face."""

from __future__ import annotations

import inspect

import pytest

import dynamic_sessions_kernel
from dynamic_sessions_kernel import errors

PUBLIC = [
    "ExecutionResult", "Image", "PoolMetadata", "RemoteFile", "Session", "SessionInfo",
    "SessionPool", "Timeouts", "__version__", "errors", "service_failure",
]  # fmt: skip


def test_the_package_exports_these_names_and_no_other() -> None:
    assert dynamic_sessions_kernel.__all__ == PUBLIC
    assert set(PUBLIC) <= set(dir(dynamic_sessions_kernel))


@pytest.mark.parametrize("name", PUBLIC)
def test_each_exported_name_is_there_and_explained(name) -> None:
    value = getattr(dynamic_sessions_kernel, name)
    assert name == "__version__" or inspect.getdoc(value)


@pytest.mark.parametrize("kind", ["SessionPool", "Session"])
def test_each_public_method_is_explained(kind) -> None:
    for name, member in inspect.getmembers(getattr(dynamic_sessions_kernel, kind)):
        assert name.startswith("_") or inspect.getdoc(member), name


def test_an_unknown_name_is_an_ordinary_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Pool'"):
        dynamic_sessions_kernel.Pool  # noqa: B018 - asking for it is the test


def test_the_error_tree_is_drawn_as_it_is() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    drawn = (errors.__doc__ or "").splitlines()
    for kind in kinds:
        line = next(line for line in drawn if line.lstrip("│├└─ ").startswith(kind.__name__))
        depth = (len(line) - len(line.lstrip("│├└─ "))) // 4
        steps = [base for base in kind.__mro__ if base in kinds]
        assert depth == len(steps), kind
