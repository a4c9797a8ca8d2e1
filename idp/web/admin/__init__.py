"""The consoles: caring for accounts, deciding cases, officers, services, the history."""
