"""The person's own embedded pool, which all kernels of an environment share."""
