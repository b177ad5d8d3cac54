"""The embedded pool's HTTP side: routes, shapes and refusals of both generations."""
