"""The two programs that run within a session's sandbox, standard library and IPython alone."""
