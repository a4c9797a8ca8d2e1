"""What services that register by an invitation (an initial access token) may have: scopes, and where people are sent.

RFC 7591 3 leaves that to the provider. It stays with each service that came by it, which could else widen itself when
it replaces its registration (RFC 7592 2.2).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import urlsplit

from idp.domain.claims import SCOPES_SUPPORTED
from idp.domain.metadata_members import refuse
from idp.domain.relying_services import RelyingService, is_host
from idp.domain.service_metadata import WITHHELD_SCOPES, ServiceMetadata


@dataclass(frozen=True, slots=True)
class Invitation:
    """`scopes` may be registered, and redirects to `hosts`: to any where there are none."""

    scopes: tuple[str, ...]
    hosts: tuple[str, ...] = ()

    @classmethod
    def of(cls, service: RelyingService) -> Self | None:
        """The one that a service came by; None where nobody invited it."""
        return None if service.invited_scopes is None else cls(service.invited_scopes, service.invited_hosts)


USUAL: Final = Invitation(("openid", "profile"))


def read_invitation(scopes: str, hosts: Iterable[str]) -> Invitation:
    """From an operator's words; raises Refusal('invalid_client_metadata')."""
    named = tuple(dict.fromkeys(scopes.split()))
    grantable = [scope for scope in SCOPES_SUPPORTED if scope not in WITHHELD_SCOPES]
    if "openid" not in named or not set(named) <= set(grantable):
        refuse("scopes", f"must hold openid, and else only {', '.join(grantable[1:])} (rule of the province)")
    lowered = tuple(dict.fromkeys(host.lower() for host in hosts))
    for host in lowered:
        if not host or not is_host(host):
            refuse("hosts", "must be host names or addresses, without scheme and port (RFC 3986 3.2.2)")
    return Invitation(named, lowered)


def keep_to(invitation: Invitation, read: ServiceMetadata, metadata: Mapping[str, object]) -> ServiceMetadata:
    """The metadata as read, if the invitation lets it be so; scopes that were not named become those it allows.

    Raises Refusal('invalid_client_metadata' | 'invalid_redirect_uri').
    """
    if metadata.get("scope") is None:
        read = replace(read, scopes=tuple(scope for scope in read.scopes if scope in invitation.scopes))
    elif not set(read.scopes) <= set(invitation.scopes):
        allowed = " ".join(invitation.scopes)
        refuse("scope", f"holds more than the initial access token allows, which is {allowed} (rule of the province)")
    if invitation.hosts:
        _check_hosts(invitation.hosts, "redirect_uris", read.redirect_uris)
        _check_hosts(invitation.hosts, "post_logout_redirect_uris", read.post_logout_redirect_uris)
    return read


def _check_hosts(allowed: tuple[str, ...], member: str, uris: Iterable[str]) -> None:
    for place, uri in enumerate(uris):
        # A private-use scheme has no host, and so none of these.
        if urlsplit(uri).hostname not in allowed:
            refuse(
                f"{member}[{place}]",
                f"is at no host that the initial access token allows, which are {', '.join(allowed)} "
                "(rule of the province)",
                code="invalid_redirect_uri",
            )
