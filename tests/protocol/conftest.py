"""The shared provider."""

from tests.builders_provider import provider

__all__ = ["provider"]
