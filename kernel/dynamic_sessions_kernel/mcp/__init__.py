"""A session for any client of the Model Context Protocol: `python -m dynamic_sessions_kernel.mcp`.

Over stdio: whoever starts the process is the client, and its session ends with it. No tool trusts
a session, shares it, or widens the folders of this machine that it may reach.
"""
