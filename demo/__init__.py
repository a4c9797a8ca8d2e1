"""The demonstration: two relying services and the supervisor of `make demo`; no part of the provider."""
