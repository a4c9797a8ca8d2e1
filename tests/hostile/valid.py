"""The good request of each endpoint: where a mutation begins.

An address that is not named here gets one made from its rule, so that a new route is attacked from its first day on.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import Flask
from werkzeug.routing import Rule

from idp.domain import other_screens as rules
from idp.runtime import other_screens
from tests.builders import SECRET, VERIFIER, follow, parked_in, request_of
from tests.hostile.household import BACK, RESOURCE, Household, cookies_of
from tests.hostile.request import Hostile, Pairs, cookie_header, encode
from tests.hostile.words import FORM

JSON = "application/json"
MACHINE = (("grant_type", "client_credentials"), ("scope", "doc"), ("resource", RESOURCE))
WHO = {"personal_number": "003199000013", "full_name": "Lê Thị Lụa", "birth_date": "02/01/1999"}
NOBODY = {"identifier": "003199000099", "contact": "ai-{serial}@khong.example"}
_SERIALS = itertools.count(1)
FILLED = {"code": "vi", "size": "large", "digest": "00", "name": "khong-co.css", "client_id": "khong-co"}


@dataclass
class Draft:
    """A request in parts that can be changed one by one; a form or a document, never both."""

    method: str
    path: str
    query: Pairs = field(default_factory=list)
    form: Pairs | None = None
    document: Any = None
    headers: Pairs = field(default_factory=list)
    cookies: Pairs = field(default_factory=list)

    def finish(self) -> Hostile:
        body, content_type = b"", ""
        if self.form is not None:
            body, content_type = encode(self.form).encode(), FORM
        elif self.document is not None:
            body, content_type = json.dumps(self.document).encode(), JSON
        headers = [*self.headers, ("Cookie", cookie_header(self.cookies))] if self.cookies else list(self.headers)
        address = f"{self.path}?{encode(self.query)}" if self.query else self.path
        return Hostile(self.method, address, headers, body, content_type)


Maker = Callable[[], Draft]


class ValidRequests:
    """One maker or more for each address of the application."""

    def __init__(self, app: Flask, household: Household) -> None:
        self._its = household
        named: dict[str, list[Maker]] = {
            "/oauth2/authorize": [self._authorize, self._authorize_fully, self._authorize_by_post],
            "/oauth2/token": [self._exchange, self._refresh, self._machine, self._machine_by_assertion],
            "/oauth2/introspect": [self._introspect, self._introspect_signed],
            "/oauth2/revoke": [self._revoke],
            "/oauth2/userinfo": [self._userinfo, self._userinfo_by_post],
            "/oauth2/register": [self._register],
            "/oauth2/register/<client_id>": [self._read_registration, self._change_registration],
            "/oauth2/logout": [self._logout, self._logout_by_post],
            "/sign-in": [self._sign_in_page, self._sign_in],
            "/consent": [self._consent_page, self._consent],
            "/choose-account": [self._choose_page, self._choose],
            "/sign-out": [self._sign_out_page, self._sign_out],
            "/register": [lambda: Draft("GET", "/register"), lambda: self._by_stranger("/register", **WHO)],
            "/lock": [lambda: Draft("GET", "/lock"), lambda: self._by_stranger("/lock", **NOBODY)],
            "/recover": [lambda: Draft("GET", "/recover"), lambda: self._by_stranger("/recover", **NOBODY)],
            "/recover/cancel": [self._cancel_page, self._cancel],
            "/lock/not-me": [lambda: Draft("GET", "/lock/not-me", [("token", self._its.not_me_token())])],
            "/account/rights": [self._rights_page, self._ask_for_a_right],
            "/account/rights/withdraw": [self._take_back],
            "/second-step": [self._second_step_page],
            "/sign-in/passkey": [self._passkey],
            "/sign-in/screen": [lambda: self._screen("GET"), self._ask_screen],
            "/sign-in/screen/continue": [lambda: self._screen("POST", "/continue")],
            "/phone": [self._phone],
            "/language/<code>": [lambda: Draft("GET", "/language/en", [("to", "/help")])],
            "/text/<size>": [lambda: Draft("GET", "/text/large", [("to", "/help")])],
            "/static/<name>": [lambda: Draft("GET", app.extensions["idp.assets"].url("site.css"))],
        }
        self._makers: list[tuple[str, Maker]] = []
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
            self._makers += [(rule.endpoint, maker) for maker in named.get(rule.rule, [self._plain(rule)])]

    def __iter__(self) -> Iterator[tuple[str, Maker]]:
        """(endpoint, maker), every endpoint at least once."""
        return iter(self._makers)

    def _plain(self, rule: Rule) -> Maker:
        path = rule.rule
        for name in rule.arguments:
            path = path.replace(f"<{name}>", FILLED.get(name, "x")).replace(f"<uuid:{name}>", str(UUID(int=0)))
        method = "GET" if "GET" in (rule.methods or set()) else sorted(rule.methods or {"GET"})[0]
        return lambda: Draft(method, path, cookies=self._its.cookies())

    # -- the protocol ----------------------------------------------------------------------------------------------

    def _authorize(self) -> Draft:
        asked = list(request_of(self._its.service).items())
        return Draft("GET", "/oauth2/authorize", asked, cookies=self._its.cookies())

    def _authorize_fully(self) -> Draft:
        said = {
            "claims": json.dumps({"id_token": {"email": {"essential": True}, "acr": {"values": ["x"]}}}),
            "response_mode": "form_post",
            "prompt": "consent",
            "max_age": "3600",
            "ui_locales": "en vi",
            "acr_values": "urn:x",
            "display": "page",
            "login_hint": "ai-do",
            "id_token_hint": self._its.tokens["id_token"],
            "resource": RESOURCE,
            "scope": "openid profile email",
        }
        asked = list(request_of(self._its.service, **said).items())
        return Draft("GET", "/oauth2/authorize", asked, cookies=self._its.cookies())

    def _authorize_by_post(self) -> Draft:
        return Draft("POST", "/oauth2/authorize", form=list(request_of(self._its.service).items()))

    def _token(self, *form: tuple[str, str]) -> Draft:
        return Draft("POST", "/oauth2/token", form=list(form), headers=[("Authorization", self._its.basic())])

    def _exchange(self) -> Draft:
        its = self._its
        return self._token(
            ("grant_type", "authorization_code"),
            ("code", its.code()),
            ("redirect_uri", its.service.redirect_uri),
            ("code_verifier", VERIFIER),
        )

    def _refresh(self) -> Draft:
        spent = ("refresh_token", self._its.tokens["refresh_token"])
        return self._token(("grant_type", "refresh_token"), spent, ("scope", "openid"))

    def _machine(self) -> Draft:
        own = [("client_id", self._its.machine.client_id), ("client_secret", SECRET)]
        return Draft("POST", "/oauth2/token", form=[*MACHINE, *own])

    def _machine_by_assertion(self) -> Draft:
        return Draft("POST", "/oauth2/token", form=[*MACHINE, *self._its.proof()])

    def _introspect(self) -> Draft:
        form = [("token", self._its.tokens["access_token"]), ("token_type_hint", "access_token")]
        return Draft("POST", "/oauth2/introspect", form=form, headers=[("Authorization", self._its.basic())])

    def _introspect_signed(self) -> Draft:
        accept = ("Accept", "application/token-introspection+jwt")
        headers = [("Authorization", self._its.basic()), accept]
        return Draft("POST", "/oauth2/introspect", form=[("token", self._its.signed_token)], headers=headers)

    def _revoke(self) -> Draft:
        form = [("token", self._its.spare_token()), ("token_type_hint", "refresh_token")]
        return Draft("POST", "/oauth2/revoke", form=form, headers=[("Authorization", self._its.basic())])

    def _userinfo(self) -> Draft:
        bearer = ("Authorization", f"Bearer {self._its.tokens['access_token']}")
        return Draft("GET", "/oauth2/userinfo", headers=[bearer])

    def _userinfo_by_post(self) -> Draft:
        return Draft("POST", "/oauth2/userinfo", form=[("access_token", self._its.tokens["access_token"])])

    def _register(self) -> Draft:
        return Draft("POST", "/oauth2/register", document=self._metadata())

    def _read_registration(self) -> Draft:
        return self._manage("GET")

    def _change_registration(self) -> Draft:
        its = self._its.registered
        kept = {name: its[name] for name in ("client_id", "client_secret")}
        return self._manage("PUT", {**self._metadata(), **kept})

    def _manage(self, method: str, document: Any = None) -> Draft:
        its = self._its.registered
        bearer = ("Authorization", f"Bearer {its['registration_access_token']}")
        return Draft(method, f"/oauth2/register/{its['client_id']}", document=document, headers=[bearer])

    def _metadata(self) -> dict[str, Any]:
        return {
            "redirect_uris": ["https://tu-dang-ky.example/cb", "https://tu-dang-ky.example/khac"],
            "post_logout_redirect_uris": ["https://tu-dang-ky.example/"],
            "client_name": "Tự đăng ký",
            "client_name#en": "Self-registered",
            "client_uri": "https://tu-dang-ky.example/",
            "contacts": ["ai-do@tu-dang-ky.example"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_basic",
            "scope": "openid profile",
            "default_max_age": 3600,
            "backchannel_logout_uri": "https://tu-dang-ky.example/out",
            "jwks": self._its.key.jwks,
        }

    def _logout(self) -> Draft:
        return Draft("GET", "/oauth2/logout", self._logout_pairs(), cookies=self._its.cookies())

    def _logout_by_post(self) -> Draft:
        return Draft("POST", "/oauth2/logout", form=self._logout_pairs())

    def _logout_pairs(self) -> Pairs:
        its = self._its
        hint = [("id_token_hint", its.tokens["id_token"]), ("client_id", its.service.client_id)]
        return [*hint, ("post_logout_redirect_uri", BACK), ("state", "trang-thai"), ("ui_locales", "en")]

    # -- pages -----------------------------------------------------------------------------------------------------

    def _sign_in_page(self) -> Draft:
        parked, cookies = self._its.strange_page()
        return Draft("GET", "/sign-in", [("parked", parked)], cookies=cookies)

    def _sign_in(self) -> Draft:
        parked, cookies = self._its.strange_page()
        typed = [("identifier", self._its.other.number), ("password", self._its.other.password)]
        return Draft("POST", "/sign-in", form=[("parked", parked), *typed], cookies=cookies)

    def _consent_page(self) -> Draft:
        parked, cookies = self._ask(prompt="consent", scope="openid email")
        return Draft("GET", "/consent", [("parked", parked)], cookies=cookies)

    def _consent(self) -> Draft:
        parked, cookies = self._ask(prompt="consent", scope="openid email")
        return Draft("POST", "/consent", form=[("parked", parked), ("decision", "allow")], cookies=cookies)

    def _choose_page(self) -> Draft:
        parked, cookies = self._ask(prompt="select_account")
        return Draft("GET", "/choose-account", [("parked", parked)], cookies=cookies)

    def _choose(self) -> Draft:
        parked, cookies = self._ask(prompt="select_account")
        return Draft("POST", "/choose-account", form=[("parked", parked), ("choice", "continue")], cookies=cookies)

    def _sign_out_page(self) -> Draft:
        parked, cookies = self._its.page("/sign-out")
        return Draft("GET", "/sign-out", [("parked", parked)], cookies=cookies)

    def _sign_out(self) -> Draft:
        parked, cookies = self._its.page("/sign-out")
        return Draft("POST", "/sign-out", form=[("parked", parked)], cookies=cookies)

    def _by_stranger(self, path: str, **typed: str) -> Draft:
        """A form of a browser that nobody is signed in with, from a network and to a mailbox that are new each time."""
        stranger, serial = self._its.provider.browser(), next(_SERIALS)
        stranger.environ_base["REMOTE_ADDR"] = f"198.18.{serial // 250 % 250}.{serial % 250}"
        parked = parked_in(stranger.get(path))
        fresh = {name: value.format(serial=serial) for name, value in typed.items()}
        return Draft("POST", path, form=[("parked", parked), *fresh.items()], cookies=cookies_of(stranger))

    def _cancel_page(self) -> Draft:
        return Draft("GET", "/recover/cancel", [("token", self._its.cancel_token())])

    def _cancel(self) -> Draft:
        return Draft("POST", "/recover/cancel", form=[("token", self._its.cancel_token())])

    def _rights_page(self) -> Draft:
        return Draft("GET", "/account/rights", cookies=self._its.cookies())

    def _ask_for_a_right(self) -> Draft:
        parked, cookies = self._its.page("/account/rights")
        typed = [("kind", "object"), ("words", "Đừng gửi tin cho tôi nữa")]
        return Draft("POST", "/account/rights", form=[("parked", parked), *typed], cookies=cookies)

    def _take_back(self) -> Draft:
        """Of a request that is nobody's."""
        parked, cookies = self._its.page("/account/rights")
        form = [("parked", parked), ("request", UUID(int=7).hex)]
        return Draft("POST", "/account/rights/withdraw", form=form, cookies=cookies)

    def _second_step_page(self) -> Draft:
        parked, cookies = self._ask(acr_values="urn:bacninh:xacthuc:2")
        return Draft("GET", "/second-step", [("parked", parked), ("way", "email")], cookies=cookies)

    def _passkey(self) -> Draft:
        """Signed by nobody's: what is refused politely is as far as a stranger gets."""
        parked, cookies = self._its.strange_page()
        answer = json.dumps({"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {}})
        return Draft("POST", "/sign-in/passkey", form=[("parked", parked), ("answer", answer)], cookies=cookies)

    def _ask_screen(self) -> Draft:
        parked, cookies = self._its.strange_page()
        return Draft("POST", "/sign-in/screen", form=[("parked", parked)], cookies=cookies)

    def _screen(self, method: str, more: str = "") -> Draft:
        """The page that waits, of a network that is new each time."""
        stranger, serial = self._its.provider.browser(), next(_SERIALS)
        stranger.environ_base["REMOTE_ADDR"] = f"198.19.{serial // 250 % 250}.{serial % 250}"
        asked = {"parked": parked_in(follow(stranger, stranger.get("/sign-in")))}
        page = follow(stranger, stranger.post("/sign-in/screen", data=asked))
        own = [("parked", parked_in(page))]
        path, cookies = f"/sign-in/screen{more}", cookies_of(stranger)
        return Draft(method, path, own if method == "GET" else [], None if method == "GET" else own, cookies=cookies)

    def _phone(self) -> Draft:
        screen_id = UUID(int=next(_SERIALS))
        keyring, now = self._its.provider.app.extensions["idp"].keyring, self._its.provider.clock.now()
        code = other_screens.seal(keyring, screen_id, rules.slot_of(now))
        return Draft("GET", "/phone", [("code", code)])

    def _ask(self, **parameters: str) -> tuple[str, Pairs]:
        """Keeps the request new: a moment later the sign-in of this session was not for it."""
        self._its.provider.clock.advance(seconds=1)
        return self._its.page("/oauth2/authorize", **request_of(self._its.service, **parameters))
