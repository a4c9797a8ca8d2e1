"""The benchmark's own parts: the wire, the load, what the kernel says, and what is made of it."""
