"""An agency's services at the consoles: a sandbox at once, production once the province has approved it.

The sandbox's record is also the draft: production takes over what a case asked for, and keeps its secrets and sector.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain import service_forms
from idp.domain.agencies import Agency
from idp.domain.audit import Entry, Event
from idp.domain.invitations import USUAL
from idp.domain.refusals import Refusal
from idp.domain.relying_services import SANDBOX_SUFFIX, Environment, RelyingService
from idp.domain.service_metadata import PERSONAL_NUMBER_SCOPE, ServiceMetadata, read_metadata
from idp.domain.service_secrets import SECRET_FOR, SecretTerm, mark_of
from idp.runtime import chance
from idp.runtime.runtime import Runtime

INVITED_FOR: Final = timedelta(days=14)
VENDOR: Final = "a vendor"


@dataclass(frozen=True, slots=True)
class Connected:
    """A service as it was entered; the secrets are shown this once, None where it proves itself by its keys."""

    production: RelyingService
    sandbox: RelyingService
    secret: str | None = field(repr=False)
    sandbox_secret: str | None = field(repr=False)


def connect(tx: storage.Tx, runtime: Runtime, agency: Agency, typed: Mapping[str, str], *, actor: str) -> Connected:
    """A new service: its sandbox lives at once, its record for production waits for an approval.

    Raises Refusal with the field that is wrong.
    """
    now = runtime.clock.now()
    id_, sandbox_id = chance.new_id(now), chance.new_id(now)
    read = _read(runtime, agency, typed, id_.hex, "sandbox")
    secret, sandbox_secret = (_new_secret(read), _new_secret(read))
    sandbox = _with_secret(runtime, _service(read, sandbox_id, id_.hex, agency, "sandbox", runtime), sandbox_secret)
    waiting = _with_secret(runtime, _service(read, id_, id_.hex, agency, "production", runtime), secret)
    for service in (waiting, sandbox):
        storage.relying_services.insert_service(tx, service, registered_by=actor[:32])
        _note(tx, runtime, service, Event.SERVICE_REGISTERED, actor)
    return Connected(waiting, sandbox, secret, sandbox_secret)


def redraft(
    tx: storage.Tx,
    runtime: Runtime,
    production: RelyingService,
    agency: Agency,
    typed: Mapping[str, str],
    *,
    actor: str,
) -> tuple[RelyingService, str | None]:
    """Change the sandbox, which may be tried at once; gives its secret where it needs a new one. Raises Refusal."""
    now = runtime.clock.now()
    read = _read(runtime, agency, typed, production.client_id, "sandbox")
    known = find_sandbox(tx, production, held=True)
    service = _service(
        read, known.id if known else chance.new_id(now), production.client_id, agency, "sandbox", runtime
    )
    secret = None
    if known and known.token_endpoint_auth_method == service.token_endpoint_auth_method:
        service = replace(service, secret_digests=known.secret_digests, secret_terms=known.secret_terms)
    else:
        secret = _new_secret(read)
        service = _with_secret(runtime, service, secret)
    if known:
        service = replace(service, created_at=known.created_at, test_people=known.test_people, sector=known.sector)
        storage.relying_services.save_service(tx, service)
    else:
        storage.relying_services.insert_service(tx, service, registered_by=actor[:32])
    _note(tx, runtime, service, Event.SERVICE_CHANGED if known else Event.SERVICE_REGISTERED, actor)
    return service, secret


def wish(tx: storage.Tx, runtime: Runtime, production: RelyingService, agency: Agency) -> dict[str, str]:
    """What a case asks of the province: the sandbox as it is now. Raises Refusal with the field that is wrong."""
    sandbox = find_sandbox(tx, production)
    if sandbox is None or production.is_removed:
        raise Refusal("wrong_state", "there is no sandbox to take into production")
    typed = service_forms.for_production(service_forms.typed_of(sandbox))
    if not typed["agreement_number"]:
        raise Refusal(
            "invalid_client_metadata", "production needs the number of an agreement", field="agreement_number"
        )
    _read(runtime, agency, typed, production.client_id, "production")
    return {"service": production.id.hex, "in_force": service_forms.hash_of(production), **typed}


def enact(tx: storage.Tx, runtime: Runtime, agency: Agency, body: Mapping[str, str], *, actor: str) -> RelyingService:
    """Put into force what a case asked for; raises Refusal('case_changed') where the record is another one by now."""
    actor = actor[:64]
    known = storage.relying_services.find_service(tx, UUID(body["service"]), held=True)
    if known is None or known.is_removed:
        raise Refusal("wrong_state", "the service is gone")
    if known.agency_id != agency.id or service_forms.hash_of(known) != body["in_force"]:
        raise Refusal("case_changed", "the service was changed after this was asked")
    read = _read(runtime, agency, body, known.client_id, "production")
    kept = known.secret_digests if known.token_endpoint_auth_method == read.token_endpoint_auth_method else ()
    fresh = _service(read, known.id, known.client_id, agency, "production", runtime)
    service = replace(
        fresh,
        created_at=known.created_at,
        sector=known.sector,
        secret_digests=kept,
        secret_terms=known.secret_terms if kept else (),
        suspended_by_agency=known.suspended_by_agency,
        suspended_because=known.suspended_because,
    )
    storage.relying_services.save_service(tx, service)
    if known.legal_basis not in (None, service.legal_basis):
        now = runtime.clock.now()
        storage.endings.end_on_other_laws(tx, runtime.keyring, service.id, service.legal_basis, now, actor=actor)
    if known.state == "pending":
        storage.relying_services.save_state(tx, service.id, "active", runtime.clock.now())
    _note(tx, runtime, service, Event.SERVICE_CHANGED, actor)
    return replace(service, state="active" if known.state == "pending" else known.state)


def note_test_people(tx: storage.Tx, runtime: Runtime, sandbox_id: UUID, numbers: Sequence[str], *, actor: str) -> None:
    """Keep whom a sandbox was given to be tried by."""
    known = storage.relying_services.find_service(tx, sandbox_id, held=True)
    if known is None or not known.is_sandbox:
        raise Refusal("not_found", "there is no such sandbox")
    service = replace(known, test_people=tuple(numbers), updated_at=runtime.clock.now())
    storage.relying_services.save_service(tx, service)
    _note(tx, runtime, service, Event.TEST_PEOPLE_MADE, actor)


def invite_vendor(tx: storage.Tx, runtime: Runtime, agency: Agency, *, actor: str) -> str:
    """A single invitation for somebody without an officer's account to enter a service of this agency."""
    now, token = runtime.clock.now(), chance.new_secret()
    storage.initial_tokens.insert_token(
        tx, _digest(token), agency_id=agency.id, invitation=USUAL, uses=1, expires_at=now + INVITED_FOR, now=now
    )
    details = f"a vendor, {agency.code}, {INVITED_FOR.days} days"
    entry = Entry(id=chance.new_id(now), at=now, event=Event.SERVICE_INVITED, actor=actor, details=details)
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
    return token


def withdraw_invitation(
    tx: storage.Tx, runtime: Runtime, invitation_id: UUID, agency_ids: Collection[UUID], *, actor: str
) -> bool:
    """An invitation of one of these agencies is good no more; False when there is none such that is good."""
    now = runtime.clock.now()
    if not storage.initial_tokens.end_token(tx, invitation_id, agency_ids, now):
        return False
    entry = Entry(
        id=chance.new_id(now), at=now, event=Event.INVITATION_WITHDRAWN, actor=actor, details=str(invitation_id)
    )
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
    return True


def find_invited(tx: storage.Tx, runtime: Runtime, token: str) -> Agency:
    """For which agency an invitation is good now; raises Refusal('link_expired')."""
    agency_id = storage.initial_tokens.find_agency_id(tx, _digest(token), runtime.clock.now())
    return _invited(tx, agency_id)


def use_invitation(tx: storage.Tx, runtime: Runtime, token: str) -> Agency:
    """Use an invitation up; raises Refusal('link_expired')."""
    used = storage.initial_tokens.use_token(tx, _digest(token), runtime.clock.now())
    return _invited(tx, used.agency_id if used else None)


def find_sandbox(tx: storage.Tx, production: RelyingService, *, held: bool = False) -> RelyingService | None:
    return storage.relying_services.find_by_client_id(tx, production.client_id + SANDBOX_SUFFIX, held=held)


def _invited(tx: storage.Tx, agency_id: UUID | None) -> Agency:
    agency = storage.agencies.find_agency(tx, agency_id) if agency_id else None
    if agency is None:
        raise Refusal("link_expired", "the invitation was used, is over, or is none")
    return agency


def _digest(token: str) -> bytes:
    """Of its own kind: an invitation to the form opens nothing at the registration endpoint, nor the other way."""
    return chance.digest(f"vendor {token}")


def _read(
    runtime: Runtime, agency: Agency, typed: Mapping[str, str], client_id: str, environment: Environment
) -> ServiceMetadata:
    document = service_forms.to_document(typed, agency_code=agency.code, client_id=client_id)
    loopback = environment == "sandbox" and runtime.settings.services.sandbox_loopback
    # http to one's own machine is for a sandbox alone, whatever the profile.
    read = read_metadata(document, insecure_loopback=loopback, trusted=True)
    if PERSONAL_NUMBER_SCOPE in read.scopes and not read.legal_basis:
        raise Refusal("invalid_client_metadata", "a personal number needs a legal basis", field="legal_basis")
    return read


def _service(
    read: ServiceMetadata, id_: UUID, client_id: str, agency: Agency, environment: Environment, runtime: Runtime
) -> RelyingService:
    is_sandbox = environment == "sandbox"
    service = read.to_service(
        id=id_,
        client_id=client_id + SANDBOX_SUFFIX if is_sandbox else client_id,
        secret_digests=(),
        agency_id=agency.id,
        sector=f"{environment}:{id_.hex}",
        now=runtime.clock.now(),
    )
    return replace(service, environment=environment, state="active" if is_sandbox else "pending")


def _new_secret(read: ServiceMetadata) -> str | None:
    return chance.new_secret() if read.token_endpoint_auth_method == "client_secret_basic" else None


def _with_secret(runtime: Runtime, service: RelyingService, secret: str | None) -> RelyingService:
    if secret is None:
        return service
    digest, now = runtime.keyring.secret_digest(secret), runtime.clock.now()
    return replace(
        service, secret_digests=(digest,), secret_terms=(SecretTerm(mark_of(digest), now, now + SECRET_FOR),)
    )


def _note(tx: storage.Tx, runtime: Runtime, service: RelyingService, event: Event, actor: str) -> None:
    now = runtime.clock.now()
    entry = Entry(
        id=chance.new_id(now), at=now, event=event, service_id=service.id, actor=actor[:64], details=service.client_id
    )
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
