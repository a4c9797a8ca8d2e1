"""What the process is given from outside: settings, clock, chance, keys, the network, logs."""

from idp.runtime import chance, clock, keyring, log, outbound, runtime, settings

__all__ = ["chance", "clock", "keyring", "log", "outbound", "runtime", "settings"]
