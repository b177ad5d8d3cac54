"""Active HTML of outputs, in frames that reach neither the page nor the network."""
