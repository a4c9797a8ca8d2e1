"""Builders: people, services, and the walks between them through the real pages and endpoints.

    citizen, service = a_citizen(app), a_service(app)
    tokens = obtain_tokens(app.test_client(), service, citizen, scope="openid email")

A walk answers each page it meets (sign-in, consent, choose account) and ends where the browser leaves the provider.
"""

import base64
import html
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit
from uuid import UUID

import jwt
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.cli.demo import PASSWORD, PEOPLE
from idp.domain.accounts import Subject
from idp.domain.levels import AccountLevel, ProofSource
from idp.flows.registration import NewAccount
from idp.runtime import chance, signing
from idp.runtime.runtime import Runtime
from tests.mailbag import messages

NUMBERS = tuple(PEOPLE)
SECRET = "mat-khau-cua-dich-vu-0123456789-du-dai"
REDIRECT_URI = "https://dich-vu.example/cb"
VERIFIER = "bo-kiem-tra-dai-it-nhat-43-ky-tu-nhu-rfc-7636-quy-dinh"
MOST_PAGES = 12


def challenge_of(verifier: str) -> str:
    """The S256 code challenge of a verifier (RFC 7636 4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


# -- people and services -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Citizen:
    id: UUID
    number: str
    password: str = PASSWORD


@dataclass(frozen=True, slots=True)
class Service:
    """A registered relying service as its own developer knows it."""

    id: UUID
    client_id: str
    client_secret: str | None = field(repr=False)
    redirect_uri: str
    auth_method: str

    def credentials(self) -> dict[str, Any]:
        """Keyword arguments of a test client's `post` to the token endpoint, without the form."""
        if self.auth_method == "client_secret_basic":
            return {"headers": {"Authorization": basic(self.client_id, self.client_secret or "")}}
        named = {"client_id": self.client_id}
        return {"data": named if self.client_secret is None else {**named, "client_secret": self.client_secret}}


def basic(client_id: str, client_secret: str) -> str:
    """The Authorization header of client_secret_basic (RFC 6749 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


@cache
def _signing_keys() -> tuple[tuple[str, str, str, bytes], ...]:
    made = [(alg, state, *signing.generate(alg)) for alg in signing.ALWAYS for state in ("current", "next")]
    return tuple(made)


def lend_keys(app: Flask) -> None:
    """Put keys into an empty database: RSA keys take half a second to make, so a test process makes one set."""
    runtime: Runtime = app.extensions["idp"]
    now = runtime.clock.now()
    with app.app_context(), storage.begin() as tx:
        if storage.keys.find_stored_keys(tx, runtime.keyring) is not None:
            return
        storage.data_keys.insert_data_key(tx, runtime.keyring, None, now)
        own = [("HS256", "current", "pairwise", chance.new_bytes(32))]
        for alg, state, kid, private in (*own, *_signing_keys()):
            purpose = storage.keys.PAIRWISE if kid == "pairwise" else storage.keys.SIGNING
            storage.keys.insert_key(
                tx, runtime.keyring, kid=kid, purpose=purpose, alg=alg, state=state, private=private, now=now
            )


def a_citizen(
    app: Flask,
    number: str = NUMBERS[0],
    *,
    password: str = PASSWORD,
    claims: Mapping[str, object] | None = None,
    proof_source: ProofSource = ProofSource.SELF,
    account_level: AccountLevel = AccountLevel.NONE,
) -> Citizen:
    """An account that can sign in by its number; one of the demo's numbers has every standard claim filled."""
    lend_keys(app)
    runtime: Runtime = app.extensions["idp"]
    given = PEOPLE.get(number, {"name": "Lê Thị Mẫu"}) if claims is None else claims
    if proof_source is not ProofSource.SELF and not given.get("phone_number_verified"):
        # Whoever was proved takes a second step in a browser that is not known.
        given = {"email": f"{number}@nguoi-mau.example", "email_verified": True, **given}
    with app.app_context():
        hashed = flows.registration.hash_new_password(runtime, password, number)
        with storage.begin() as tx:
            new = NewAccount(number, given, hashed, proof_source, account_level)
            subject: Subject = flows.registration.create_account(tx, runtime, new, actor="the tests")
    return Citizen(subject.id, number, password)


def a_service(app: Flask, **members: object) -> Service:
    """A service imported from an operator's file; `members` lie over the usual metadata, None removes one."""
    lend_keys(app)
    runtime: Runtime = app.extensions["idp"]
    usual: dict[str, object] = {
        "client_name": "Dịch vụ thử",
        "redirect_uris": [REDIRECT_URI],
        "post_logout_redirect_uris": ["https://dich-vu.example/da-dang-xuat"],
        "backchannel_logout_uri": "https://dich-vu.example/backchannel",
        "grant_types": ["authorization_code", "refresh_token"],
        "id_token_signed_response_alg": "ES256",
    }
    if members.get("token_endpoint_auth_method") != "none":
        usual["client_secret"] = SECRET
    document = {name: value for name, value in {**usual, **members}.items() if value is not None}
    with app.app_context(), storage.begin() as tx:
        [registered] = flows.service_registry.import_services(tx, runtime, [document], actor="the tests")
        flows.key_care.ensure_for(tx, runtime, registered.service)
    service = registered.service
    secret = document.get("client_secret", registered.secret)
    method, address = service.token_endpoint_auth_method, next(iter(service.redirect_uris), "")
    return Service(service.id, service.client_id, secret, address, method)  # type: ignore[arg-type]


# -- walking the pages ---------------------------------------------------------------------------------------------


def request_of(service: Service, **parameters: str | None) -> dict[str, str]:
    """The parameters of a good authorization request; `parameters` lie over them, None removes one."""
    usual = {
        "client_id": service.client_id,
        "redirect_uri": service.redirect_uri,
        "response_type": "code",
        "scope": "openid",
        "state": "trang-thai",
        "nonce": "nonce-cua-lan-nay",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in {**usual, **parameters}.items() if value is not None}


def ask(client: FlaskClient, service: Service, **parameters: str | None) -> TestResponse:
    """Send a browser to the authorization endpoint; the first answer, whatever it is."""
    return client.get("/oauth2/authorize", query_string=request_of(service, **parameters))


def parked_in(response: TestResponse) -> str:
    """The hidden field of a page that waits for a person."""
    found = re.search(r'name="parked" value="([^"]*)"', response.text)
    assert found, f"{response.status}: no form on this page"
    return html.unescape(found[1])


def page_of(response: TestResponse) -> str:
    """Which page a 200 is, by the handle on it; '' for a page that asks nothing."""
    handles = {"sign-in": "sign_in", "consent-allow": "consent", "account-continue": "choose_account"}
    handles |= {"logout-confirm": "sign_out", "send": "second_step_send"}
    if 'action="/account-level"' in response.text:
        return "account_level"
    if re.search(r'name="way" value="(sms|email)"', response.text):
        handles["verify"] = "second_step_code"
    return next((page for handle, page in handles.items() if f'id="{handle}"' in response.text), "")


def follow(client: FlaskClient, response: TestResponse) -> TestResponse:
    """Follow redirects inside the provider; ends at a page, or at the redirect that leaves it."""
    for _ in range(MOST_PAGES):
        if response.status_code not in (302, 303) or not response.location.startswith("/"):
            return response
        response = client.get(response.location)
    raise AssertionError(f"redirected in a circle, last to {response.location}")


def walk(
    client: FlaskClient,
    response: TestResponse,
    citizen: Citizen | None = None,
    *,
    decision: str = "allow",
    choice: str = "continue",
    second_step: bool = True,
) -> TestResponse:
    """Answer every page from here on; ends outside the provider, or at a page that asks nothing.

    A second step is taken by a code to the person's contact, where there is one and unless `second_step` is False.
    """
    for _ in range(MOST_PAGES):
        response = follow(client, response)
        page = page_of(response) if response.status_code == 200 else ""
        if page == "sign_in":
            assert citizen is not None, "the sign-in page came, and nobody is there to sign in"
            typed = {"identifier": citizen.number, "password": citizen.password}
            response = client.post("/sign-in", data={"parked": parked_in(response), **typed})
        elif page == "consent":
            response = client.post("/consent", data={"parked": parked_in(response), "decision": decision})
        elif page == "choose_account":
            response = client.post("/choose-account", data={"parked": parked_in(response), "choice": choice})
        elif page == "account_level":
            response = client.post("/account-level", data={"parked": parked_in(response)})
        elif page in ("second_step_send", "second_step_code") and second_step:
            form = {"parked": parked_in(response), "way": way_in(response)}
            more = {"send": "1"} if page == "second_step_send" else {"code": messages(client.application)[-1].code}
            response = client.post("/second-step", data=form | more)
        else:
            return response
    raise AssertionError("the pages never ended")


def way_in(response: TestResponse) -> str:
    """By which way a second step asks."""
    found = re.search(r'name="way" value="(\w+)"', response.text)
    assert found
    return found[1]


def sign_in(client: FlaskClient, citizen: Citizen) -> None:
    """Sign a person in to the provider itself."""
    response = walk(client, client.get("/sign-in"), citizen)
    assert response.status_code == 200, response.status


def answer_in(response: TestResponse) -> dict[str, str]:
    """What the redirect back to the service carries in its query, each name once."""
    assert response.status_code == 303, f"{response.status}: {response.text[:2000]}"
    said = parse_qs(urlsplit(response.location).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in said.values()), said
    return {name: values[0] for name, values in said.items()}


def obtain_code(client: FlaskClient, service: Service, citizen: Citizen | None = None, **parameters: str | None) -> str:
    """Walk an authorization request to its code."""
    return answer_in(walk(client, ask(client, service, **parameters), citizen))["code"]


# -- the token endpoint --------------------------------------------------------------------------------------------


def post_token(client: FlaskClient, service: Service, /, **form: str | None) -> TestResponse:
    """A token request with the service's own credentials; a form value of None leaves its name out."""
    credentials = service.credentials()
    data = {**credentials.pop("data", {}), **form}
    data = {name: value for name, value in data.items() if value is not None}
    return client.post("/oauth2/token", data=data, **credentials)


def spend(client: FlaskClient, service: Service, code: str, /, **form: str | None) -> TestResponse:
    """Exchange a code; `form` lies over the usual form."""
    usual = {"grant_type": "authorization_code", "code": code, "redirect_uri": service.redirect_uri}
    return post_token(client, service, **{**usual, "code_verifier": VERIFIER, **form})


def refresh(client: FlaskClient, service: Service, refresh_token: str, /, **form: str | None) -> TestResponse:
    return post_token(client, service, **{"grant_type": "refresh_token", "refresh_token": refresh_token, **form})


def obtain_tokens(
    client: FlaskClient, service: Service, citizen: Citizen | None = None, **parameters: str | None
) -> dict[str, Any]:
    """Walk an authorization request to its tokens: the token response's document."""
    response = spend(client, service, obtain_code(client, service, citizen, **parameters))
    assert response.status_code == 200, response.text
    return dict(response.get_json())


def userinfo(client: FlaskClient, access_token: str) -> TestResponse:
    return client.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {access_token}"})


def claims_in(client: FlaskClient, token: str) -> dict[str, Any]:
    """The claims of a JWT, its signature checked with the published keys; times are left to the test."""
    header = jwt.get_unverified_header(token)
    published = {key["kid"]: key for key in client.get("/oauth2/jwks").get_json()["keys"]}
    key = jwt.PyJWK(published[header["kid"]])
    options = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    return dict(jwt.decode(token, key, algorithms=[header["alg"]], options=options))  # type: ignore[arg-type]
