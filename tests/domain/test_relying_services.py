"""A relying service answers for itself; its URIs keep the rules of the code flow."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.refusals import Refusal
from idp.domain.relying_services import (
    LONGEST_URI,
    PKCE,
    Caller,
    RelyingService,
    ServiceException,
    check_redirect_uri,
    check_web_uri,
)

SERVICE = RelyingService(
    id=UUID(int=1),
    client_id="portal",
    agency_id=None,
    sector="portal.example.vn",
    names={"": "Portal", "vi": "Cổng", "en-gb": "The portal"},
    redirect_uris=("https://portal.example.vn/callback",),
    created_at=datetime(2026, 3, 2, tzinfo=UTC),
    updated_at=datetime(2026, 3, 2, tzinfo=UTC),
    post_logout_redirect_uris=("https://portal.example.vn/out",),
    secret_digests=(b"digest",),
    purpose={"vi": "Điền hồ sơ"},
)


def test_rfc7591_2_2_name_is_told_in_the_language_asked_for() -> None:
    assert [SERVICE.name(language) for language in ("vi", "en", "lo")] == ["Cổng", "The portal", "Portal"]
    assert replace(SERVICE, names={"vi": "Cổng"}).name("en") == "Cổng"


def test_rfc7591_2_service_without_a_name_is_called_by_its_client_id() -> None:
    assert replace(SERVICE, names={}).name("vi") == "portal"


def test_purpose_is_told_in_the_language_asked_for() -> None:
    assert SERVICE.purpose_in("vi") == SERVICE.purpose_in("en") == "Điền hồ sơ"
    assert replace(SERVICE, purpose={}).purpose_in("vi") == ""


@pytest.mark.parametrize(
    "uri",
    [
        "https://portal.example.vn/callback/",
        "https://portal.example.vn/callback?x=1",
        "https://portal.example.vn:443/callback",
        "https://PORTAL.example.vn/callback",
        "https://portal.example.vn/Callback",
        "https://portal.example.vn/%63allback",
        "https://portal.example.vn/x/../callback",
        "https://portal.example.vn/callback#",
        "https://portal.example.vn.evil.example/callback",
        "",
    ],
)
def test_rfc9700_2_1_redirect_uri_that_differs_in_any_character_is_not_known(uri: str) -> None:
    assert not SERVICE.has_redirect_uri(uri)


def test_rfc9700_2_1_registered_redirect_uri_is_known() -> None:
    assert SERVICE.has_redirect_uri("https://portal.example.vn/callback")
    assert not SERVICE.has_redirect_uri("https://portal.example.vn/out")


@pytest.mark.parametrize("registered", ["http://127.0.0.1/cb", "http://127.0.0.1:8001/cb", "http://[::1]:1/cb"])
def test_rfc8252_7_3_a_native_apps_loopback_port_varies(registered: str) -> None:
    native = replace(SERVICE, redirect_uris=(registered,), application_type="native")
    host = "[::1]" if "::1" in registered else "127.0.0.1"
    assert native.has_redirect_uri(registered)
    assert native.has_redirect_uri(f"http://{host}:51004/cb")
    assert native.has_redirect_uri(f"http://{host}/cb")


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:51004/cb/",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/cb?x=1",
        "http://127.0.0.1:51004/cb#x",
        "https://127.0.0.1:51004/cb",
        "http://localhost:51004/cb",
        "http://127.0.0.2:51004/cb",
        "http://[::1]:51004/cb",
        "http://127.0.0.1:51004@evil.example/cb",
        "http://127.0.0.1.evil.example:51004/cb",
        "http://127.0.0.1:510040/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:51004/cb\n",
    ],
)
def test_rfc8252_7_3_nothing_but_the_port_varies(uri: str) -> None:
    native = replace(SERVICE, redirect_uris=("http://127.0.0.1:8001/cb",), application_type="native")
    assert not native.has_redirect_uri(uri)


def test_rfc8252_7_3_the_port_varies_for_native_apps_and_ip_literals_only() -> None:
    web = replace(SERVICE, redirect_uris=("http://127.0.0.1:8001/cb",), application_type="web")
    assert not web.has_redirect_uri("http://127.0.0.1:8002/cb")
    named = replace(SERVICE, redirect_uris=("http://localhost:8001/cb",), application_type="native")
    assert not named.has_redirect_uri("http://localhost:8002/cb")


def test_rp_initiated_logout_3_post_logout_redirect_uri_is_compared_exactly() -> None:
    assert SERVICE.has_post_logout_redirect_uri("https://portal.example.vn/out")
    assert not SERVICE.has_post_logout_redirect_uri("https://portal.example.vn/out/")
    assert not SERVICE.has_post_logout_redirect_uri("https://portal.example.vn/callback")


def test_an_exception_holds_to_its_last_day_and_for_its_rule_only() -> None:
    service = replace(SERVICE, exceptions=(ServiceException(PKCE, "old library", date(2026, 6, 30)),))
    assert service.exempt_from(PKCE, date(2026, 6, 30))
    assert not service.exempt_from(PKCE, date(2026, 7, 1))
    assert not service.exempt_from("nonce", date(2026, 6, 30))


def test_rfc9700_2_1_1_pkce_is_a_duty_that_comes_back_when_the_exception_ends() -> None:
    day = date(2026, 6, 30)
    freed = replace(SERVICE, exceptions=(ServiceException(PKCE, "old library", day),))
    assert SERVICE.must_use_pkce(day)
    assert not freed.must_use_pkce(day)
    assert freed.must_use_pkce(date(2026, 7, 1))
    assert replace(freed, require_pkce=True).must_use_pkce(day)
    assert replace(freed, token_endpoint_auth_method="none").must_use_pkce(day)


def test_rfc9700_2_1_1_under_foreign_test_suites_pkce_is_for_public_services_and_those_that_registered_it() -> None:
    day = date(2026, 6, 30)
    assert not SERVICE.must_use_pkce(day, strict=False)
    assert replace(SERVICE, require_pkce=True).must_use_pkce(day, strict=False)
    assert replace(SERVICE, token_endpoint_auth_method="none").must_use_pkce(day, strict=False)


def test_rfc6749_2_1_public_service_has_no_secret() -> None:
    assert replace(SERVICE, token_endpoint_auth_method="none").is_public
    assert not SERVICE.is_public


def test_a_service_asks_only_for_what_it_was_registered_for() -> None:
    assert SERVICE.may_use_grant("authorization_code")
    assert not SERVICE.may_use_grant("refresh_token")
    assert SERVICE.may_ask_for("openid")
    assert not SERVICE.may_ask_for("profile")


def test_a_suspended_service_is_not_active() -> None:
    assert SERVICE.is_active
    assert not replace(SERVICE, state="suspended").is_active


def test_rfc6454_origins_are_those_of_the_redirect_uris() -> None:
    uris = (
        "https://A.example.vn:443/cb",
        "https://a.example.vn/other",
        "https://b.example.vn:8443/cb",
        "http://[::1]:8001/cb",
        "com.example.app:/cb",
    )
    assert replace(SERVICE, redirect_uris=uris).origins == {
        "https://a.example.vn",
        "https://b.example.vn:8443",
        "http://[::1]:8001",
    }


def test_a_service_can_be_a_key_and_never_prints_its_digests() -> None:
    assert {SERVICE: 1}[replace(SERVICE)] == 1
    assert "digest" not in repr(SERVICE)


# -- URIs ----------------------------------------------------------------------------------------------------


def redirect(uri: object, *, insecure_loopback: bool = False, native: bool = False) -> str:
    return check_redirect_uri(uri, "redirect_uris[0]", insecure_loopback=insecure_loopback, native=native)


@pytest.mark.parametrize(
    "uri",
    [
        "https://a.example.vn/cb",
        "https://a.example.vn",
        "https://a.example.vn:8443/cb?x=%C3%A0",
        "https://192.0.2.1/cb",
        "https://[2001:db8::1]/cb",
        "https://a_b.example.vn/cb",
    ],
)
def test_rfc7591_2_https_redirect_uri_is_registered_as_it_is(uri: str) -> None:
    assert redirect(uri) == uri


@pytest.mark.parametrize("uri", ["http://localhost:8001/cb", "http://127.0.0.1/cb", "http://[::1]:8001/cb"])
def test_http_redirect_uri_is_for_this_machine_in_development_only(uri: str) -> None:
    assert redirect(uri, insecure_loopback=True) == uri
    with pytest.raises(Refusal, match="https"):
        redirect(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://a.example.vn/cb",
        "http://localhost.example.vn/cb",
        "http://127.0.0.2/cb",
        "http://0.0.0.0/cb",
        "http://[::ffff:127.0.0.1]/cb",
    ],
)
def test_oidc_registration_2_http_to_another_machine_is_refused(uri: str) -> None:
    with pytest.raises(Refusal, match="https"):
        redirect(uri, insecure_loopback=True)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("https://a.example.vn/cb#", "fragment"),
        ("https://a.example.vn/cb#part", "fragment"),
        ("https://*.example.vn/cb", "wildcard"),
        ("https://a.example.vn/*", "wildcard"),
        ("https://lan@a.example.vn/cb", "user information"),
        ("https://lan:secret@a.example.vn/cb", "user information"),
        ("https://a.example.vn@evil.example/cb", "user information"),
        ("https://a.example.vn/c b", "character"),
        ("https://a.example.vn/cb\n", "character"),
        ("https://a.example.vn/\x00cb", "character"),
        ("https://a.example.vn\\@evil.example/cb", "character"),
        ("https://a.example.vn/%zz", "character"),
        ("https://cổng.example.vn/cb", "character"),
        ("", "1 to"),
        ("https://a.example.vn/" + "a" * LONGEST_URI, "1 to"),
        ("/cb", "absolute"),
        ("//a.example.vn/cb", "absolute"),
        ("a.example.vn/cb", "absolute"),
        ("localhost:8001/cb", "absolute"),
        ("javascript:alert(1)", "absolute"),
        ("data:text/html,x", "absolute"),
        ("vbscript:x", "absolute"),
        ("ftp://a.example.vn/cb", "absolute"),
        ("urn:ietf:wg:oauth:2.0:oob", "absolute"),
        ("https:cb", "host"),
        ("https:///cb", "host"),
        ("https://:443/cb", "host"),
        ("https://a..example.vn/cb", "host"),
        ("https://-a.example.vn/cb", "host"),
        ("https://a%2eexample.vn/cb", "host"),
        ("https://a.example.vn:/cb", "host"),
        ("https://a.example.vn:99999/cb", "not a URI"),
        ("https://a.example.vn:port/cb", "not a URI"),
        ("https://[::1/cb", "not a URI"),
        (7, "string"),
        (None, "string"),
        (["https://a.example.vn/cb"], "string"),
    ],
)
@pytest.mark.parametrize("native", [True, False])
def test_rfc7591_2_other_redirect_uri_is_refused(uri: object, why: str, native: bool) -> None:
    with pytest.raises(Refusal, match=why) as refused:
        redirect(uri, insecure_loopback=True, native=native)
    assert (refused.value.code, refused.value.field) == ("invalid_redirect_uri", "redirect_uris")


def test_rfc8252_7_1_private_use_scheme_is_for_native_apps() -> None:
    assert redirect("com.example.app:/cb", native=True) == "com.example.app:/cb"
    with pytest.raises(Refusal, match="https"):
        redirect("com.example.app:/cb")


@pytest.mark.parametrize(
    "uri", ["com.example.app://cb", "com.example.app:cb", "com.example.app:////cb", "com.example.app:"]
)
def test_rfc8252_7_1_private_use_scheme_without_exactly_one_slash_is_refused(uri: str) -> None:
    with pytest.raises(Refusal, match="one slash"):
        redirect(uri, native=True)


@pytest.mark.parametrize("uri", ["myapp:/cb", "javascript:/cb", "data:/cb", "file:/cb", "com.:/cb"])
def test_rfc8252_7_1_scheme_without_a_reversed_domain_is_refused(uri: str) -> None:
    with pytest.raises(Refusal):
        redirect(uri, native=True)


def test_web_uri_may_have_a_fragment_unless_it_is_called_by_us() -> None:
    uri = "https://a.example.vn/policy#data"
    assert check_web_uri(uri, "policy_uri", insecure_loopback=False) == uri
    with pytest.raises(Refusal, match=r"Back-Channel Logout 2\.2"):
        check_web_uri(uri, "backchannel_logout_uri", insecure_loopback=False, no_fragment_by="Back-Channel Logout 2.2")


@given(
    st.text(st.characters(), max_size=60) | st.text("htps:/@[]%#?.*a-1\\", max_size=40),
    st.booleans(),
    st.booleans(),
)
def test_any_text_is_a_redirect_uri_or_a_refusal(uri: str, insecure_loopback: bool, native: bool) -> None:
    try:
        registered = redirect(uri, insecure_loopback=insecure_loopback, native=native)
    except Refusal as refusal:
        refused = refusal
    else:
        assert registered == uri
        assert uri.isascii()
        assert "#" not in uri
        return
    assert refused.code == "invalid_redirect_uri"
    assert refused.detail.isascii()


@pytest.mark.parametrize(
    ("changed", "address", "told_apart"),
    [
        ({}, "http://127.0.0.1:51004/cb", False),
        ({}, "http://[::1]:51004/cb", False),
        ({}, "vn.example.app:/cb", False),
        ({}, "https://ung-dung.example/cb", True),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "http://127.0.0.1:51004/cb", True),
        ({"application_type": "web"}, "http://localhost:8080/cb", True),
    ],
)
def test_rfc8252_8_6_whether_any_program_could_take_the_answer(
    changed: dict[str, str], address: str, told_apart: bool
) -> None:
    program = replace(SERVICE, application_type="native", token_endpoint_auth_method="none")
    assert replace(program, **changed).cannot_be_told_apart_at(address) is not told_apart  # type: ignore[arg-type]


def test_rfc8707_2_a_guard_lets_in_itself_and_whom_it_names() -> None:
    guard = replace(SERVICE, machine_scopes=("own",), callers=(Caller("shop", ("read",)), Caller("page")))
    shop, page, stranger = (
        replace(SERVICE, id=UUID(int=place), client_id=name, machine_scopes=("everything",))
        for place, name in enumerate(("shop", "page", "stranger"), start=2)
    )
    assert [guard.lets_in(each) for each in (guard, shop, page, stranger)] == [True, True, True, False]
    assert [guard.scopes_of(each) for each in (guard, shop, page, stranger)] == [("own",), ("read",), (), ()]
