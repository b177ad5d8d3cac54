"""The service's REST API as a Python library, usable without Jupyter."""
