"""node-oidc-provider on Node.js, with its memory adapter and with one on Redis; see README.md."""
