"""Registering relying services: by themselves (RFC 7591) where that is open, or from an operator's file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from idp import storage
from idp.domain.audit import Entry, Event
from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.domain.service_metadata import ServiceMetadata, read_metadata
from idp.runtime import chance
from idp.runtime.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Registered:
    """A service as it was registered. `secret` is shown this once; None for a public service or a kept secret."""

    service: RelyingService
    secret: str | None = field(repr=False)
    is_new: bool = True


def register(tx: storage.Tx, runtime: Runtime, metadata: Mapping[str, object]) -> Registered:
    """A service registers itself: it gets an id, a secret if it is confidential, and a sector of its own."""
    read = read_metadata(metadata, insecure_loopback=runtime.settings.insecure_loopback, trusted=False)
    now = runtime.clock.now()
    id_ = chance.new_id(now)
    secret = None if read.token_endpoint_auth_method == "none" else chance.new_secret()
    service = read.to_service(
        id=id_,
        client_id=id_.hex,
        secret_digests=(chance.digest(secret),) if secret else (),
        agency_id=None,
        sector=f"self-registered:{id_.hex}",
        now=now,
    )
    storage.relying_services.insert_service(tx, service, registered_by="itself")
    _after_change(tx, runtime, service, Event.SERVICE_REGISTERED, "itself", now)
    return Registered(service=service, secret=secret)


def import_services(tx: storage.Tx, runtime: Runtime, document: object, *, actor: str) -> list[Registered]:
    """Register or renew the services of a file: a list of RFC 7591 metadata objects, or an object with `clients`.

    client_id and client_secret are kept where given; a known client_id is renewed in place. All or nothing: raises
    Refusal naming the object that is wrong.
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
    known = storage.relying_services.find_by_client_id(tx, read.client_id) if read.client_id else None
    id_ = known.id if known else chance.new_id(now)
    secret, digests = _secret_for(read, known)
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
    else:
        storage.relying_services.insert_service(tx, service, registered_by=actor)
    event = Event.SERVICE_CHANGED if known else Event.SERVICE_REGISTERED
    _after_change(tx, runtime, service, event, actor, now)
    shown = None if read.client_secret else secret
    return Registered(service=service, secret=shown, is_new=known is None)


def _secret_for(read: ServiceMetadata, known: RelyingService | None) -> tuple[str | None, tuple[bytes, ...]]:
    """The secret given, or the one it has, or a new one."""
    if read.token_endpoint_auth_method == "none":
        return None, ()
    if read.client_secret:
        return read.client_secret, (chance.digest(read.client_secret),)
    if known and known.secret_digests:
        return None, known.secret_digests
    secret = chance.new_secret()
    return secret, (chance.digest(secret),)


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
    tx: storage.Tx, runtime: Runtime, service: RelyingService, event: Event, actor: str, now: datetime
) -> None:
    """Note it in the audit, and have the logo fetched once by the worker."""
    entry = Entry(
        id=chance.new_id(now), at=now, event=event, service_id=service.id, actor=actor, details=service.client_id
    )
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
    if service.logo_uri:
        storage.outbox.insert_parcel(tx, runtime.keyring, storage.outbox.FETCH_LOGO, {}, now=now, service_id=service.id)
