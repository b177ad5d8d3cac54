"""Exactly what the bridge sends into the session; it imports nothing outside itself."""
