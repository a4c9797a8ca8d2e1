"""Registering relying services: by themselves (RFC 7591) where that is open, or from an operator's file.

Long because the ways in, of which each must keep what the others agreed, are only right together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain import shared_sectors
from idp.domain.audit import Entry, Event
from idp.domain.invitations import USUAL, Invitation, keep_to
from idp.domain.refusals import Refusal
from idp.domain.relying_services import OWN_SECTOR, RelyingService
from idp.domain.service_metadata import ServiceMetadata, read_metadata
from idp.runtime import chance
from idp.runtime.outbound import OutboundFailure
from idp.runtime.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Registered:
    """A service as it was registered. `secret` is shown this once; None for a public service or a kept secret."""

    service: RelyingService
    secret: str | None = field(repr=False)
    is_new: bool = True
    registration_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Permission:
    """That a registration may go on, for which agency, and within what; None where everybody may register."""

    agency_id: UUID | None
    invitation: Invitation | None = None


WITH_SECRET: Final = ("client_secret_basic", "client_secret_post", "client_secret_jwt")
# What only a trusted file or an administrator sets: a service that changes its registration keeps it.
AGREED: Final = (
    "legal_basis",
    "personal_number_basis",
    "purpose",
    "system_security_level",
    "minimum_account_level",
    "minimum_auth_level",
    "exceptions",
    "machine_scopes",
    "resources",
    "resource_token_format",
    "callers",
    "invited_scopes",
    "invited_hosts",
    "environment",
    "agreement_number",
    "secret_terms",
    "test_people",
)


def register(
    tx: storage.Tx,
    runtime: Runtime,
    metadata: Mapping[str, object],
    *,
    agency_id: UUID | None = None,
    invitation: Invitation | None = None,
) -> Registered:
    """A service registers itself: it gets an id, a secret if it needs one, and a sector: its own unless it is one of
    those that share a document of redirect URIs (OpenID Connect Registration 5).
    """
    read = _read_own(runtime, metadata, invitation)
    sector = _shared_sector(runtime, read)
    now = runtime.clock.now()
    id_ = chance.new_id(now)
    secret = chance.new_secret() if read.token_endpoint_auth_method in WITH_SECRET else None
    token = chance.new_secret()
    service = read.to_service(
        id=id_,
        client_id=id_.hex,
        secret_digests=_digests(runtime, secret),
        agency_id=agency_id,
        sector=sector or f"{OWN_SECTOR}{id_.hex}",
        now=now,
    )
    if invitation:
        service = replace(service, invited_scopes=invitation.scopes, invited_hosts=invitation.hosts)
    storage.relying_services.insert_service(tx, service, registered_by="itself")
    storage.relying_services.save_registration_token(tx, id_, chance.digest(token))
    _keep_shared_secret(tx, runtime, service, secret)
    _after_change(tx, runtime, service, Event.SERVICE_REGISTERED, "itself", now)
    return Registered(service=service, secret=secret, registration_token=token)


def invite(
    tx: storage.Tx,
    runtime: Runtime,
    *,
    agency_code: str | None,
    invitation: Invitation = USUAL,
    uses: int,
    days: int,
    actor: str,
) -> str:
    """An initial access token for a number of registrations within some days; only its digest is kept."""
    now, token = runtime.clock.now(), chance.new_secret()
    agency_id = _agency(tx, agency_code, {}, now)
    storage.initial_tokens.insert_token(
        tx,
        chance.digest(token),
        agency_id=agency_id,
        invitation=invitation,
        uses=uses,
        expires_at=now + timedelta(days=days),
        now=now,
    )
    allowed = f"{' '.join(invitation.scopes)}, {' '.join(invitation.hosts) or 'any host'}"
    details = f"{uses} uses, {days} days, {agency_code or 'no agency'}, {allowed}"
    entry = Entry(id=chance.new_id(now), at=now, event=Event.SERVICE_INVITED, actor=actor, details=details)
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
    return token


def may_register(tx: storage.Tx, runtime: Runtime, initial_token: str | None) -> Permission | None:
    """Whether a registration may go on: where it is open, or with an initial access token, which is used up by it."""
    if initial_token:
        used = storage.initial_tokens.use_token(tx, chance.digest(initial_token), runtime.clock.now())
        if used is not None:
            return Permission(agency_id=used.agency_id, invitation=used.invitation)
    return Permission(agency_id=None) if runtime.settings.registration.open else None


def change(tx: storage.Tx, runtime: Runtime, service: RelyingService, metadata: Mapping[str, object]) -> Registered:
    """A service replaces its own registration (RFC 7592 2.2); what the province agreed with it stays.

    `service` was found `held`, so that what stays is what is agreed now.
    """
    if metadata.get("client_id") != service.client_id:
        raise Refusal(
            "invalid_client_metadata", "client_id must be the service's own (RFC 7592 2.2)", field="client_id"
        )
    given = metadata.get("client_secret")
    if given is not None and not (isinstance(given, str) and _is_secret_of(runtime, service, given)):
        raise Refusal(
            "invalid_client_metadata",
            "client_secret must be the one it has, or absent (RFC 7592 2.2)",
            field="client_secret",
        )
    read = _read_own(runtime, metadata, Invitation.of(service))
    if read.sector_identifier_uri != service.sector_identifier_uri:
        raise Refusal(
            "invalid_client_metadata",
            "sector_identifier_uri cannot be changed: every person would get another sub (OpenID Connect Core 8.1)",
            field="sector_identifier_uri",
        )
    if read.redirect_uris != service.redirect_uris:
        _shared_sector(runtime, read)
    now = runtime.clock.now()
    needs_new = read.token_endpoint_auth_method in WITH_SECRET and (
        not service.secret_digests or read.token_endpoint_auth_method != service.token_endpoint_auth_method
    )
    secret = chance.new_secret() if needs_new else None
    digests = _digests(runtime, secret) if needs_new or read.token_endpoint_auth_method not in WITH_SECRET else None
    changed = read.to_service(
        id=service.id,
        client_id=service.client_id,
        secret_digests=service.secret_digests if digests is None else digests,
        agency_id=service.agency_id,
        sector=service.sector,
        now=now,
    )
    agreed = {name: getattr(service, name) for name in AGREED}
    changed = replace(changed, created_at=service.created_at, state=service.state, **agreed)
    storage.relying_services.save_service(tx, changed)
    if digests is not None:
        _keep_shared_secret(tx, runtime, changed, secret)
    _after_change(tx, runtime, changed, Event.SERVICE_CHANGED, "itself", now)
    return Registered(service=changed, secret=secret, is_new=False)


def _read_own(runtime: Runtime, metadata: Mapping[str, object], invitation: Invitation | None) -> ServiceMetadata:
    """What a service says of itself, within the invitation that it came by."""
    settings = runtime.settings
    read = read_metadata(
        metadata, insecure_loopback=settings.insecure_loopback, trusted=False, strict=settings.services.strict
    )
    return keep_to(invitation, read, metadata) if invitation else read


def _shared_sector(runtime: Runtime, read: ServiceMetadata) -> str | None:
    """The sector of the document that the service names; None where it names none."""
    if read.sector_identifier_uri is None:
        return None
    try:
        document = runtime.foreign_documents.fetch(read.sector_identifier_uri)
    except OutboundFailure:
        document = b""
    return shared_sectors.check(read, document)


def remove(tx: storage.Tx, runtime: Runtime, service: RelyingService, *, actor: str) -> None:
    """A service takes itself out of use (RFC 7592 2.3); its record stays, its ways in are gone at once, for good."""
    now = runtime.clock.now()
    storage.relying_services.end_service(tx, service.id)
    storage.endings.end_service(tx, runtime.keyring, service.id, now, actor=actor)
    _after_change(tx, runtime, replace(service, logo_uri=None), Event.SERVICE_REMOVED, actor, now)


def suspend(
    tx: storage.Tx,
    runtime: Runtime,
    client_id: str,
    *,
    actor: str,
    resume: bool = False,
    reason: str = "",
    by_agency: bool = False,
) -> RelyingService:
    """Suspend a service, or let it go on; every worker follows within seconds.

    What the province suspended its agency does not resume. Raises Refusal('wrong_state' | 'not_permitted').
    """
    service = storage.relying_services.find_by_client_id(tx, client_id, held=True)
    if service is None:
        raise Refusal("unknown_service", f"no service has the client_id {client_id[:80]}")
    _check_not_removed(service)
    if service.state == "pending":
        raise Refusal("wrong_state", f"{client_id} was not approved yet")
    is_by_province = not service.is_active and not service.suspended_by_agency
    if by_agency and is_by_province:
        raise Refusal("not_permitted", "the province suspended it, and lets it go on")
    now = runtime.clock.now()
    changed = replace(
        service,
        state="active" if resume else "suspended",
        updated_at=now,
        suspended_by_agency=by_agency and not resume,
        suspended_because="" if resume else reason,
    )
    storage.relying_services.save_service(tx, changed)
    storage.relying_services.save_state(tx, service.id, changed.state, now)
    event = Event.SERVICE_RESUMED if resume else Event.SERVICE_SUSPENDED
    _after_change(tx, runtime, replace(changed, logo_uri=None), event, actor, now, reason)
    return changed


def import_services(tx: storage.Tx, runtime: Runtime, document: object, *, actor: str) -> list[Registered]:
    """Register or renew the services of a file: a list of RFC 7591 metadata objects, or an object with `clients`.

    client_id and client_secret are kept where given; a known client_id is renewed in place, and from then on only a
    file changes it. All or nothing: raises Refusal naming the object that is wrong.
    """
    listed = document.get("clients") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise Refusal("invalid_file", "the file must hold a list of objects, or an object with a list named clients")
    done = []
    for place, metadata in enumerate(listed):
        try:
            read = read_metadata(metadata, insecure_loopback=runtime.settings.insecure_loopback, trusted=True)
        except Refusal as refusal:
            raise Refusal(refusal.code, f"object {place}: {refusal.detail}", field=refusal.field) from None
        done.append(_import_one(tx, runtime, read, actor))
    return done


def _import_one(tx: storage.Tx, runtime: Runtime, read: ServiceMetadata, actor: str) -> Registered:
    now = runtime.clock.now()
    known = storage.relying_services.find_by_client_id(tx, read.client_id, held=True) if read.client_id else None
    if known:
        _check_not_removed(known)
    id_ = known.id if known else chance.new_id(now)
    secret, digests = _secret_for(runtime, read, known)
    service = read.to_service(
        id=id_,
        client_id=read.client_id or id_.hex,
        secret_digests=digests,
        agency_id=_agency(tx, read.agency_code, read.agency_names, now) or (known.agency_id if known else None),
        sector=known.sector if known else read.sector or f"service:{id_.hex}",
        now=now,
    )
    if known:
        service = replace(service, created_at=known.created_at, state=known.state)
        storage.relying_services.save_service(tx, service)
        storage.relying_services.save_registration_token(tx, service.id, None)
        _end_what_lost_its_law(tx, runtime, known, service, actor)
    else:
        storage.relying_services.insert_service(tx, service, registered_by=actor)
    if secret or read.token_endpoint_auth_method != "client_secret_jwt":
        _keep_shared_secret(tx, runtime, service, secret)
    event = Event.SERVICE_CHANGED if known else Event.SERVICE_REGISTERED
    _after_change(tx, runtime, service, event, actor, now)
    shown = None if read.client_secret else secret
    return Registered(service=service, secret=shown, is_new=known is None)


def _check_not_removed(service: RelyingService) -> None:
    if service.is_removed:
        raise Refusal("wrong_state", f"{service.client_id} was removed")


def _end_what_lost_its_law(
    tx: storage.Tx, runtime: Runtime, known: RelyingService, service: RelyingService, actor: str
) -> None:
    """No facts flow on by a law that was taken off the service; the next sign-in tells of the one it has now."""
    if known.legal_basis not in (None, service.legal_basis):
        now, law = runtime.clock.now(), service.legal_basis
        storage.endings.end_on_other_laws(tx, runtime.keyring, service.id, law, now, actor=actor)


def _secret_for(
    runtime: Runtime, read: ServiceMetadata, known: RelyingService | None
) -> tuple[str | None, tuple[bytes, ...]]:
    """The secret given, or the one it has, or a new one; none for a service that proves itself by key or not at all."""
    if read.token_endpoint_auth_method not in WITH_SECRET:
        return None, ()
    if read.client_secret:
        return read.client_secret, _digests(runtime, read.client_secret)
    if known and known.token_endpoint_auth_method == read.token_endpoint_auth_method:
        return None, known.secret_digests
    secret = chance.new_secret()
    return secret, _digests(runtime, secret)


def _digests(runtime: Runtime, secret: str | None) -> tuple[bytes, ...]:
    return (runtime.keyring.secret_digest(secret),) if secret else ()


def _is_secret_of(runtime: Runtime, service: RelyingService, given: str) -> bool:
    digests = runtime.keyring.secret_digests(given)
    return any(chance.equal(each, known) for each in digests for known in service.secret_digests)


def _keep_shared_secret(tx: storage.Tx, runtime: Runtime, service: RelyingService, secret: str | None) -> None:
    """Only a symmetric method needs the secret itself; for all others its digest is enough."""
    kept = secret if service.token_endpoint_auth_method == "client_secret_jwt" else None
    storage.relying_services.save_shared_secret(tx, runtime.keyring, service.id, kept)


def _agency(tx: storage.Tx, code: str | None, names: Mapping[str, str], now: datetime) -> UUID | None:
    """The agency with this code; one that is not known yet is made, and names that are given are kept."""
    if code is None:
        return None
    plain = names.get("", code)
    name_vi, name_en = names.get("vi", plain), names.get("en", plain)
    found = storage.agencies.find_agency_id(tx, code)
    if found is None:
        return storage.agencies.insert_agency(tx, code, name_vi=name_vi, name_en=name_en, now=now)
    if names:
        storage.agencies.save_names(tx, found, name_vi=name_vi, name_en=name_en)
    return found


def _after_change(
    tx: storage.Tx, runtime: Runtime, service: RelyingService, event: Event, actor: str, now: datetime, reason: str = ""
) -> None:
    """Note it in the audit, and have the logo fetched once by the worker."""
    details = f"{service.client_id} {reason}".strip()
    entry = Entry(id=chance.new_id(now), at=now, event=event, service_id=service.id, actor=actor, details=details)
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
    if service.logo_uri:
        storage.outbox.insert_parcel(tx, runtime.keyring, storage.outbox.FETCH_LOGO, {}, now=now, service_id=service.id)
