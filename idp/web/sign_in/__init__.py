"""Pages on the way into a service and out of it."""
