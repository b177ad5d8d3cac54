"""Starts the kernel: `python -m dynamic_sessions_kernel -f CONNECTION_FILE`; or the doctor."""

import sys

# `python -m` puts the working folder, the notebook's, first: a requests.py beside a notebook would
# take the place of the library. Before anything else is imported. Our kernelspec says `-P`, so that
# a dynamic_sessions_kernel.py there does not take this one's, and run on the person's machine.
if not sys.flags.safe_path:
    del sys.path[0]

if __name__ == "__main__":
    if sys.argv[1:2] == ["doctor"]:
        from .doctor.main import main

        sys.exit(main(sys.argv[2:]))
    from .jupyter.app import DynamicSessionsApp

    DynamicSessionsApp.launch_instance()
