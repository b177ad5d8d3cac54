"""Plotting libraries whose outputs are data, or take more than one message."""
