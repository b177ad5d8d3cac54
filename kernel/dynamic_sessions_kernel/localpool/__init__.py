"""The embedded pool: the service's API on this machine, for work and tests without Azure."""
