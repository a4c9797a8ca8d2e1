"""Tests of idp/web/oidc: what the protocol's endpoints are to browsers and HTTP."""
