"""The bridge runtime: a real ipykernel in the session, reached through code executions."""
