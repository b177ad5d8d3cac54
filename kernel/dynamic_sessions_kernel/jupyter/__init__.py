"""The Jupyter side: the kernel that front ends talk to, and its hold on the session."""
