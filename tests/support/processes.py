"""Finds what a test has started, however deep, by what its environment says."""

from __future__ import annotations

import os

import psutil


def started_with(variable: str, value: object) -> list[psutil.Process]:
    """The processes, but for this one, in whose environment a variable has this value."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(variable) == str(value):
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]
