"""The direct runtime: a cell is one execution of the service, with all that this loses."""

from .runtime import DirectRuntime

__all__ = ["DirectRuntime"]
