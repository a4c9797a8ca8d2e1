"""Rules and values, tested without clock, SQL or Flask."""
