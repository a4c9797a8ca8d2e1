"""What relying services call: the OpenID Connect endpoints."""
