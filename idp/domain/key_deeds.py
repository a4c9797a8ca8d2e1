"""What two officers may do to the keys that sign for everybody: rotate them all, or take a leaked one out of use."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

from idp.domain.refusals import Refusal

LONGEST_REASON: Final = 200


class KeyDeed(StrEnum):
    ROTATE = "rotate"
    REVOKE = "revoke"


def check_deed(said: Mapping[str, str], published: Collection[str]) -> dict[str, str]:
    """What is asked, as a case keeps it: `key_deed`, `kid` of a published key where one is to go, `reason`.

    Raises Refusal('wrong_state', 'unknown_key', 'reason_missing').
    """
    deed, reason = said.get("deed", ""), said.get("reason", "").strip()[:LONGEST_REASON]
    if deed not in set(KeyDeed):
        raise Refusal("wrong_state", "rotate, or revoke", field="deed")
    if deed == KeyDeed.REVOKE and said.get("kid", "") not in published:
        raise Refusal("unknown_key", "no published key has this kid", field="kid")
    if not reason:
        raise Refusal("reason_missing", "say why", field="reason")
    return {"key_deed": deed, **({"kid": said["kid"]} if deed == KeyDeed.REVOKE else {}), "reason": reason}
