"""Exactly what the direct runtime sends into the session; it imports nothing outside itself."""
