"""The home page, and the public register of services."""

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from flask import Blueprint
from flask.typing import ResponseReturnValue

from idp import storage
from idp.domain.agencies import Agency
from idp.domain.relying_services import RelyingService
from idp.web import given, language
from idp.web.pages import page, person_of

blueprint = Blueprint("home", __name__)


@dataclass(frozen=True, slots=True)
class Listed:
    """A service as the register shows it."""

    name: str
    url: str
    purpose: str
    agency: str
    basis: str
    domain: str


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """Where am I, who am I, where can I go."""
    signed_in = given.signed_in()
    person = person_of(signed_in.profile) if signed_in else None
    return page("home.html", person=person, services=[each for each in _listed() if each.url])


@blueprint.get("/services")
def services() -> ResponseReturnValue:
    """Every service that signs people in here, why, and on what basis (Decree 42/2022 Art 12)."""
    return page("services.html", services=_listed())


def _listed() -> list[Listed]:
    """Services an operator registered; those that registered themselves (development) are nobody's offer."""
    with storage.once() as tx:
        found = storage.relying_services.list_services(tx)
        agencies = {each.id: each for each in storage.agencies.list_agencies(tx)}
    code = language.current()
    return [_entry(each, agencies, code) for each in found if each.is_active and not _registered_itself(each)]


def _entry(service: RelyingService, agencies: dict[UUID, Agency], code: str) -> Listed:
    agency = agencies.get(service.agency_id) if service.agency_id else None
    return Listed(
        name=service.name(code),
        url=service.client_uri or "",
        purpose=service.purpose_in(code),
        agency=agency.name(code) if agency else "",
        basis=service.legal_basis or "",
        domain=urlsplit(service.redirect_uris[0]).netloc,
    )


def _registered_itself(service: RelyingService) -> bool:
    return service.sector.startswith("self-registered:")
