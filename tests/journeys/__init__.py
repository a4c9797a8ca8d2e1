"""Whole stories: real processes, real clients, a real browser."""
