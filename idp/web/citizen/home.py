"""The home page, and the public register of services."""

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from idp import storage
from idp.domain import names
from idp.domain.agencies import Agency
from idp.domain.relying_services import RelyingService
from idp.web import given, language
from idp.web.pages import page, person_of
from idp.web.service_texts import Lowest, asked_text, level_texts

blueprint = Blueprint("home", __name__)
# How many services the first page leads to, and how many the register shows at once.
AT_HOME = 12
A_PAGE = 30


@dataclass(frozen=True, slots=True)
class Listed:
    """A service as the register shows it."""

    name: str
    url: str
    purpose: str
    agency: str
    basis: str
    domain: str
    asks: str = ""
    levels: tuple[Lowest, ...] = ()


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """Where am I, who am I, where can I go."""
    signed_in = given.signed_in()
    person = person_of(signed_in.profile) if signed_in else None
    found = [each for each in _listed() if _own_page_of(each)]
    return page("home.html", person=person, services=_entries(found[:AT_HOME]))


@blueprint.get("/services")
def services() -> ResponseReturnValue:
    """Every service that signs people in here, why, and on what basis (Decree 42/2022 Art 12)."""
    typed = request.args.get("q", "").strip()[:80]
    wanted = set(names.fold_words(typed))
    code = language.current()
    found = [each for each in _listed() if wanted <= names.search_prefixes(each.name(code))]
    number = min(max(1, request.args.get("page", 1, type=int)), 10_000)
    first = (number - 1) * A_PAGE
    return page(
        "services.html",
        services=_entries(found[first : first + A_PAGE]),
        typed=typed,
        may_search=bool(typed) or len(found) > A_PAGE,
        before=_address(typed, number - 1) if number > 1 else "",
        further=_address(typed, number + 1) if len(found) > first + A_PAGE else "",
    )


def _address(typed: str, number: int) -> str:
    return f"/services?{urlencode({'q': typed, 'page': number} if typed else {'page': number})}"


def _listed() -> list[RelyingService]:
    """The services that sign people in here, by name, those aside that anybody could have put on the list."""
    code, settings = language.current(), given.runtime().settings
    # Where nobody but test suites comes, what they registered is on it.
    is_open = settings.registration.open and settings.services.strict
    found = [
        each
        for each in given.server().registry.list_all()
        if each.is_active
        and not each.is_sandbox
        and each.may_use_grant("authorization_code")
        and not (is_open and _is_anybodys(each))
    ]
    return sorted(found, key=lambda each: names.fold_words(each.name(code)))


def _entries(found: list[RelyingService]) -> list[Listed]:
    with storage.once() as tx:
        agencies = {each.id: each for each in storage.agencies.list_agencies(tx)}
    return [_entry(each, agencies, language.current()) for each in found]


def _entry(service: RelyingService, agencies: dict[UUID, Agency], code: str) -> Listed:
    agency = agencies.get(service.agency_id) if service.agency_id else None
    own_page = _own_page_of(service)
    return Listed(
        name=service.name(code),
        url=own_page,
        purpose=service.purpose_in(code),
        agency=agency.name(code) if agency else "",
        basis=service.legal_basis or "",
        domain=_domain_of(service, own_page),
        asks=asked_text(service),
        levels=level_texts(service),
    )


def _own_page_of(service: RelyingService) -> str:
    """Where people find the service, best where it begins a sign-in by itself (OIDC Core 4).

    What it says by itself counts only at a host it takes people to (RFC 7591 5).
    """
    said = service.initiate_login_uri or service.client_uri or ""
    hosts = {urlsplit(uri).netloc for uri in service.redirect_uris}
    if service.registered_itself and urlsplit(said).netloc not in hosts:
        return ""
    return _with_issuer(said) if service.initiate_login_uri else said


def _with_issuer(initiate_login_uri: str) -> str:
    joint = "&" if urlsplit(initiate_login_uri).query else "?"
    return f"{initiate_login_uri}{joint}{urlencode({'iss': given.runtime().settings.issuer})}"


def _domain_of(service: RelyingService, own_page: str) -> str:
    """The host by which people know the service; '' for an app, which is at none."""
    schemes = ("https",) if service.application_type == "native" else ("https", "http")
    addresses = [urlsplit(uri) for uri in (own_page, *service.redirect_uris)]
    return next((each.netloc for each in addresses if each.scheme in schemes), "")


def _is_anybodys(service: RelyingService) -> bool:
    """Whether it registered itself, invited by no agency. Where registration is not open, all of them were invited."""
    return service.agency_id is None and service.registered_itself
