"""The systems beside which this provider is measured, each set up as its own documentation recommends."""
