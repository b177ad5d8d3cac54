"""`python -m dynamic_sessions_kernel doctor`: says what works from here to a cell, and what to do.

Each step is tried as the kernel does it, in the order in which a newcomer meets them: the Python,
the kernelspec, VS Code's list, the endpoint, the name, TLS, the sign-in, the role, the kind of
pool, an execution, a cell. The report may be pasted anywhere: it has no token, no identifier of a
session, and no subscription.
"""
