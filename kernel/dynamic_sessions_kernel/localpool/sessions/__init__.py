"""The embedded pool's sessions: their interpreters, results and files."""
