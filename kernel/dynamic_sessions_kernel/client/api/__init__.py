"""The generations of the service's API: one module each behind one contract."""
