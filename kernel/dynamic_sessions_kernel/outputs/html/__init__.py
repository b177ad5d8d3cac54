"""HTML of outputs: sanitised and shown in place, or left to a frame."""
