"""Styles of outputs, written anew and scoped to the output that brought them."""
