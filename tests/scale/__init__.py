"""The consoles over a province: many accounts, services and events."""
