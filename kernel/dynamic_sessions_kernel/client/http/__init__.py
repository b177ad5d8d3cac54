"""Requests and responses: connections, retries, time-outs and the errors that they become."""
