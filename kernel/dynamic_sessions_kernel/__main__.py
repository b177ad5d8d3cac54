"""Starts the kernel: `python -m dynamic_sessions_kernel -f CONNECTION_FILE`."""

import sys

# `python -m` puts the working folder, the notebook's, first: a requests.py beside a notebook would
# take the place of the library. Before anything else is imported. Our kernelspec says `-P`, so that
# a dynamic_sessions_kernel.py there does not take this one's, and run on the person's machine.
if not sys.flags.safe_path:
    del sys.path[0]

from .jupyter.app import DynamicSessionsApp

if __name__ == "__main__":
    DynamicSessionsApp.launch_instance()
