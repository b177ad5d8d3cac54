"""A Jupyter kernel whose cells run in an Azure Container Apps dynamic session."""

from ._version import __version__

__all__ = ["__version__"]
