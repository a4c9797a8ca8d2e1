"""The person's answer about a release: agreed, told of by notice, or refused."""

from idp import storage
from idp.domain.audit import Entry, Event
from idp.domain.consent import BasisKind, Consent, Need
from idp.domain.relying_services import RelyingService
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage.sessions import SignedIn


def give(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, service: RelyingService, need: Need) -> Consent | None:
    """Keep that the person agreed, or that the notice was shown; what was agreed before goes on being agreed.

    None, and nothing is kept, when the notice named a law that was taken off the service: what is known of services
    here may be seconds old, and nothing may be released by that law any more.
    """
    if need.kind is BasisKind.NOTICE and need.legal_basis != storage.relying_services.find_legal_basis(tx, service.id):
        return None
    now = runtime.clock.now()
    before = storage.consents.find_latest(tx, signed_in.subject.id, service.id, need.kind)
    earlier = before if before and before.withdrawn_at is None and before.kind is need.kind else None
    consent = Consent(
        id=chance.new_id(now),
        subject_id=signed_in.subject.id,
        service_id=service.id,
        kind=need.kind,
        names=need.names | earlier.names if earlier else need.names,
        offline=need.offline or (earlier is not None and earlier.offline),
        legal_basis=need.legal_basis if need.kind is BasisKind.NOTICE else None,
        given_at=now,
        withdrawn_at=None,
        resources=frozenset(filter(None, [need.resource])) | (earlier.resources if earlier else frozenset()),
    )
    storage.consents.insert_consent(tx, consent)
    event = Event.CONSENT_GIVEN if need.kind is BasisKind.CONSENT else Event.NOTICE_SHOWN
    _note(tx, runtime, signed_in, service, event, need)
    return consent


def refuse(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, service: RelyingService, need: Need) -> None:
    """Keep that the person said no."""
    _note(tx, runtime, signed_in, service, Event.CONSENT_REFUSED, need)


def _note(
    tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, service: RelyingService, event: Event, need: Need
) -> None:
    now = runtime.clock.now()
    key = storage.data_keys.find_data_key(tx, runtime.keyring, signed_in.subject.id)
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=event,
        subject_id=signed_in.subject.id,
        service_id=service.id,
        session_id=signed_in.session.id,
        actor="the person",
        details=" ".join([*sorted(need.names), *filter(None, [need.resource])]),
    )
    storage.audit.insert_entry(tx, entry, key or runtime.keyring.house_key())
