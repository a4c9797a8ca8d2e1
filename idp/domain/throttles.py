"""How wrong passwords are slowed down: by account and network, or by account and known device.

Nobody can lock another person out: tries are counted for the network or device that made them. A person's known device
has a count of its own, which strangers cannot spend; under a wide attack each unknown network still has a few tries.
"""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Final
from uuid import UUID

ACCOUNT_HERE: Final = "account+place"
ACCOUNT_ANYWHERE: Final = "account"
NETWORK: Final = "network"
# Of a million codes three are right at a time: more wrong ones than this in a month are guesses, and the apps stand
# still until there is another password: who types them has the one of now (NIST SP 800-63B 3.2.2).
APP_CODES: Final = "app codes"
APP_CODES_FOR: Final = timedelta(days=30)
MOST_APP_CODES: Final = 100


@dataclass(frozen=True, slots=True)
class Limits:
    per_account: int
    per_account_under_attack: int
    wide_attack_from: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Tries in the window, this one included."""

    account_here: int
    account_anywhere: int


def network_of(address: str) -> str:
    """The network an address belongs to: its /24 (IPv4) or /48 (IPv6)."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network((found, 24 if found.version == 4 else 48), strict=False))


def keys(identifier: str, network: str, device: str | None) -> dict[str, str]:
    """What is counted for a try, by name; a known device takes the network's place."""
    place = f"device:{device}" if device else f"network:{network}"
    return {
        ACCOUNT_HERE: f"{identifier}\0{place}",
        ACCOUNT_ANYWHERE: identifier,
        NETWORK: network,
    }


def app_codes(subject_id: UUID) -> dict[str, str]:
    """What counts the wrong codes of a person's apps over APP_CODES_FOR, whoever typed them, until a right one or a new
    password."""
    return {APP_CODES: str(subject_id)}


def excess(counts: Counts, limits: Limits, *, known_device: bool) -> int:
    """By how many tries this one is too many: 0 for one that is let through, 1 for the first that is not."""
    if known_device:
        return max(0, counts.account_here - limits.per_account)
    under_attack = counts.account_anywhere > limits.wide_attack_from
    allowed = limits.per_account_under_attack if under_attack else limits.per_account
    return max(0, counts.account_here - allowed)
