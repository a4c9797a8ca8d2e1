"""Canaille, a Flask provider of identities; see README.md."""

from bench.peers.canaille.system import Canaille

__all__ = ["Canaille"]
