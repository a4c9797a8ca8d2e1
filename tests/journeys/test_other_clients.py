"""Standard clients that nobody prepared anything for: they register themselves and do what the specs say.

RFC 7591, RFC 8252 7.3, RFC 7636, OIDC Core, RP-Initiated Logout 1.0.
"""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import KeySet
from playwright.sync_api import expect

from tests.journeys.demo_process import DemoProcess
from tests.journeys.plain_service import AFTER_LOGOUT, REDIRECT_URI, SCOPE, PlainService, discover, register
from tests.journeys.visitor import Person, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.postgres]


def id_token_claims(issuer: str, token: str, algorithm: str) -> dict[str, object]:
    keys = KeySet.import_key_set(requests.get(discover(issuer)["jwks_uri"], timeout=20).json())
    return dict(jwt.decode(token, keys, algorithms=[algorithm]).claims)


@pytest.mark.parametrize(
    ("method", "algorithm"), [("client_secret_basic", "RS256"), ("client_secret_basic", "ES256"), ("none", "RS256")]
)
def test_a_plain_http_client_does_it_all(demo: DemoProcess, person: Person, method: str, algorithm: str) -> None:
    registered = register(demo.provider, token_endpoint_auth_method=method, id_token_signed_response_alg=algorithm)
    assert ("client_secret" in registered) is (method != "none")
    service = PlainService(demo.provider, registered)
    answer = service.sign_in(person)
    assert answer["state"] == service.state
    assert answer["iss"] == demo.provider  # RFC 9207
    tokens = service.exchange().json()
    claims = id_token_claims(demo.provider, tokens["id_token"], algorithm)
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (
        demo.provider,
        registered["client_id"],
        service.nonce,
    )
    facts = service.userinfo(tokens["access_token"]).json()
    assert (facts["sub"], facts["name"], facts["email"]) == (claims["sub"], person.name, person.email)
    assert person.number not in str(facts) + str(claims)  # nobody gave this service a legal basis
    renewed = service.exchange(grant_type="refresh_token", refresh_token=tokens["refresh_token"]).json()
    assert service.userinfo(renewed["access_token"]).json()["sub"] == claims["sub"]
    replay = service.exchange()
    assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")  # RFC 6749 4.1.2
    assert service.userinfo(renewed["access_token"]).status_code == 401


def test_authlib_does_it_all(demo: DemoProcess, person: Person) -> None:
    metadata = discover(demo.provider)
    registered = register(demo.provider, token_endpoint_auth_method="client_secret_post")
    plain = PlainService(demo.provider, registered)
    with OAuth2Session(
        registered["client_id"],
        registered["client_secret"],
        token_endpoint_auth_method="client_secret_post",
        scope=SCOPE,
        redirect_uri=REDIRECT_URI,
        code_challenge_method="S256",
        leeway=0,
    ) as client:
        address, state = client.create_authorization_url(
            metadata["authorization_endpoint"], nonce=plain.nonce, code_verifier=plain.verifier
        )
        back = plain.follow(address, person)
        token = client.fetch_token(
            metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=plain.verifier
        )
        assert client.get(metadata["userinfo_endpoint"]).json()["name"] == person.name
        renewed = client.refresh_token(metadata["token_endpoint"])
        assert renewed["access_token"] != token["access_token"]
        assert client.get(metadata["userinfo_endpoint"]).json()["name"] == person.name


def test_a_browser_signs_in_and_out_at_a_service_that_registered_itself(
    visitor: Visitor, demo: DemoProcess, person: Person
) -> None:
    """RP-Initiated Logout 2 and 3; OIDC Core 11: what was granted with offline_access outlives the session."""
    service = PlainService(demo.provider, register(demo.provider))
    page = visitor.page
    page.goto(service.address())
    visitor.sign_in(person)
    expect(page.locator("main")).to_contain_text("Sổ tay của một kỹ sư")
    with page.expect_request(f"{REDIRECT_URI}?**") as arrival:  # nobody listens there, and nobody needs to
        page.click("#consent-allow")
    service.code = parse_qs(urlsplit(arrival.value.url).query)["code"][0]
    tokens = service.exchange().json()
    leaving = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER_LOGOUT, "state": "ve-nha"}
    page = visitor.open_tab()  # where nobody listens, the browser is still drawing its own error page
    page.goto(demo.portal)
    with page.expect_request(f"{AFTER_LOGOUT}?**") as arrival:
        address = f"{service.metadata['end_session_endpoint']}?{urlencode(leaving)}"
        page.evaluate("address => { setTimeout(() => location.assign(address)); }", address)
    assert arrival.value.url == f"{AFTER_LOGOUT}?state=ve-nha"
    assert service.userinfo(tokens["access_token"]).status_code == 200
    visitor.open_tab()
    visitor.ask_to_enter(demo.portal)
    assert visitor.path == "/sign-in"


def test_a_service_that_registered_itself_is_not_offered_to_people(demo: DemoProcess, visitor: Visitor) -> None:
    register(demo.provider, client_name="Sổ tay của kẻ lạ", client_uri="http://127.0.0.1:8765/")
    for path in ("/", "/services"):
        visitor.page.goto(f"{demo.provider}{path}")
        assert "Cổng Dịch vụ công" in visitor.page.inner_text("main")
        assert "Sổ tay của kẻ lạ" not in visitor.page.content()


@pytest.mark.parametrize("uri", ["http://dich-vu.example/cb", "javascript:alert(1)", "https://a.example/cb#x"])
def test_rfc7591_2_a_wrong_redirect_uri_is_refused(demo: DemoProcess, uri: str) -> None:
    answer = requests.post(discover(demo.provider)["registration_endpoint"], json={"redirect_uris": [uri]}, timeout=20)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")
