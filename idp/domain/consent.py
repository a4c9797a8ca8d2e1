"""The basis of a release: the person's consent, or a named law of which the person was told once.

Law 91/2025/QH15: consent is voluntary and informed; where a law is the basis there is a notice, never a fake choice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from idp.domain.relying_services import RelyingService


class BasisKind(StrEnum):
    CONSENT = "consent"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to (or was told of) at a service: `names` of facts it reads here, and the interfaces
    (`resources`, RFC 8707) that it may ask in the person's name."""

    id: UUID
    subject_id: UUID
    service_id: UUID
    kind: BasisKind
    names: frozenset[str]
    offline: bool
    legal_basis: str | None
    given_at: datetime
    withdrawn_at: datetime | None
    resources: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Need:
    """What must be settled before a release: by which kind of page, for which facts, for which interface."""

    kind: BasisKind
    names: frozenset[str]
    offline: bool
    legal_basis: str | None
    personal_number_basis: str | None = None
    resource: str | None = None


def need_of(service: RelyingService, names: Iterable[str], *, offline: bool, resource: str | None = None) -> Need:
    """Lasting access is never founded on a law that covers a single procedure: it always needs consent."""
    kind = BasisKind.NOTICE if service.legal_basis and not offline else BasisKind.CONSENT
    wanted = frozenset(names)
    return Need(
        kind=kind,
        names=wanted,
        offline=offline,
        legal_basis=service.legal_basis,
        personal_number_basis=service.personal_number_basis if "personal_id_number" in wanted else None,
        resource=resource,
    )


def is_settled(need: Need, consent: Consent | None, *, asked_again_at: datetime | None) -> bool:
    """Whether an earlier answer covers the need; with `asked_again_at` only one given since then does."""
    if consent is None or consent.withdrawn_at is not None:
        return False
    if asked_again_at is not None and consent.given_at < asked_again_at:
        return False
    if need.kind is BasisKind.CONSENT and consent.kind is not BasisKind.CONSENT:
        return False
    # Who agreed to the same facts was told of them, whatever law stands behind a later request.
    told_of_another_law = consent.kind is BasisKind.NOTICE and consent.legal_basis != need.legal_basis
    if need.kind is BasisKind.NOTICE and told_of_another_law:
        return False
    # What the service may learn at another interface was no part of an answer that did not name it.
    if need.resource is not None and need.resource not in consent.resources:
        return False
    return need.names <= consent.names and (consent.offline or not need.offline)
