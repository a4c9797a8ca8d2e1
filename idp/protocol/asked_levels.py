"""Which levels a request demands or wishes for, over what the service's record says (OIDC Core 3.1.2.1, 5.5.1).

What was proved of the person (`account_level`) and how one signs in (`acr`) are two things, and asked apart.
"""

from typing import Final

from idp.domain.claims import ClaimsRequest
from idp.domain.levels import REACHABLE, AccountLevel, AuthLevel
from idp.domain.relying_services import RelyingService

UNREACHABLE: Final = 99


def required_level(service: RelyingService, asked: ClaimsRequest) -> int:
    """The authentication level without which there is no answer: an essential `acr`, or the service's own minimum.

    A level that is merely wished for (acr_values, or a voluntary `acr`) is tried, and the true one is told.
    """
    required = [service.minimum_auth_level]
    for place in (asked.id_token, asked.userinfo):
        said = place.get("acr", {})
        if said.get("essential") is True:
            values = said.get("values")
            wanted = values if isinstance(values, list) else [said["value"]] if "value" in said else []
            known = [level.value for level in AuthLevel if level.acr in wanted]
            required.append(min(known) if known else UNREACHABLE if wanted else 1)
    return max(required)


def required_account_level(service: RelyingService, asked: ClaimsRequest) -> int:
    """The account level without which there is no answer: the service's own, or an essential `account_level`.

    Its `value` or `values` in `claims` are the levels that will do (OIDC Core 5.5.1; 3 stands for none of ours); where
    it names none it demands none.
    """
    required = [service.minimum_account_level]
    for place in (asked.id_token, asked.userinfo):
        said = place.get("account_level", {})
        if said.get("essential") is True and ("value" in said or "values" in said):
            values = said.get("values", [said.get("value")])
            known = [
                level.value
                for level in AccountLevel
                if isinstance(values, list) and level.value in [each for each in values if type(each) is int]
            ]
            required.append(min(known) if known else max(AccountLevel) + 1)
    return max(required)


def wished_level(acr_values: str, service: RelyingService, asked: ClaimsRequest) -> int:
    """The first level to be had here of those wished for, in the order of the wish (OIDC Core 3.1.2.1, 5.5.1.1)."""
    wishes: list[object] = [*(acr_values.split() or service.default_acr_values)]
    for place in (asked.id_token, asked.userinfo):
        said = place.get("acr", {})
        values = said.get("values")
        wishes += values if isinstance(values, list) else [said["value"]] if "value" in said else []
    levels = {level.acr: level.value for level in AuthLevel if level <= REACHABLE}
    return next((levels[wish] for wish in wishes if isinstance(wish, str) and wish in levels), 1)
