"""django-oauth-toolkit, an OAuth provider for Django; see README.md."""

from bench.peers.django_oauth_toolkit.system import DjangoOAuthToolkit

__all__ = ["DjangoOAuthToolkit"]
