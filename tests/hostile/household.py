"""What a person and services really have: real values in wrong places get further than noise."""

from typing import Any
from uuid import UUID

from flask.testing import FlaskClient

from idp.cli.sealing import Sealing
from idp.runtime import mail_tokens
from tests.builders import (
    SECRET,
    VERIFIER,
    Citizen,
    Service,
    basic,
    follow,
    obtain_code,
    obtain_tokens,
    parked_in,
    userinfo,
)
from tests.builders_assertions import OwnKey, a_key, a_keyed_service, proof
from tests.builders_provider import Provider
from tests.hostile.request import Pairs
from tests.rows import rows_of

RESOURCE = "https://giao-dien.example/api"
BACK = "https://dich-vu.example/da-dang-xuat"
# Longer than a throttle's window, shorter than a session is idle.
A_WHILE = 901


class Household:
    """`renew` what it has after a while: hostile requests sign it out, use it up and run into its throttles."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.key: OwnKey = a_key()
        machine = {"grant_types": ["authorization_code", "client_credentials"], "machine_scopes": "doc ghi"}
        self.keyed = a_keyed_service(provider, self.key, **machine)
        self.machine = provider.new_service(token_endpoint_auth_method="client_secret_post", **machine)
        # Without an address: whoever takes the first of a service's redirect URIs meets one that has none.
        self.machine_only = provider.new_service(
            grant_types=["client_credentials"], machine_scopes="doc", redirect_uris=None
        )
        machines = (self.keyed, self.machine, self.machine_only)
        callers = [{"client_id": each.client_id, "scopes": "doc ghi"} for each in machines]
        callers.append({"client_id": provider.service.client_id})
        self.guard = provider.new_service(
            resources=[RESOURCE], resource_token_format="jwt", sector="giao-dien", callers=callers
        )
        self.renew()

    @property
    def service(self) -> Service:
        return self.provider.service

    def sealed_entry(self) -> str:
        """The oldest entry about the citizen, which is in the log by now."""
        runtime = self.provider.app.extensions["idp"]
        with self.provider.app.app_context():
            while Sealing(runtime).go_on():
                pass
            return str(next(row.id.hex for row in rows_of("audit") if row.subject_id == self.provider.citizen.id))

    @property
    def other(self) -> Citizen:
        """Whose password is tried out, so that the tries are not in the citizen's way."""
        return self.provider.other

    def renew(self) -> None:
        self.provider.clock.advance(seconds=A_WHILE)
        self.browser = self.provider.signed_in()
        self.tokens = obtain_tokens(self.browser, self.service, scope="openid email")
        self.signed_token = obtain_tokens(self.browser, self.service, resource=RESOURCE)["access_token"]
        self.registered = self._register()

    def keep_up(self) -> None:
        """Renew what was ended on the way."""
        if userinfo(self.browser, self.tokens["access_token"]).status_code != 200:
            self.renew()

    def _register(self) -> dict[str, Any]:
        """A service that registered itself, with its registration access token."""
        metadata = {"redirect_uris": ["https://tu-dang-ky.example/cb"], "client_name": "Tự đăng ký"}
        return dict(self.provider.browser().post("/oauth2/register", json=metadata).get_json())

    def code(self) -> str:
        return obtain_code(self.browser, self.service)

    def proof(self) -> Pairs:
        """The keyed service's fresh assertion."""
        return list(proof(self.provider, self.keyed, self.key).items())

    def page(self, path: str, **parameters: str) -> tuple[str, Pairs]:
        """A page that waits for the citizen: its parked request, and the cookies it is bound to."""
        page = follow(self.browser, self.browser.get(path, query_string=parameters))
        return parked_in(page), self.cookies()

    def strange_page(self) -> tuple[str, Pairs]:
        """The sign-in page of a browser that nobody is signed in with."""
        stranger = self.provider.browser()
        page = follow(stranger, stranger.get("/sign-in"))
        return parked_in(page), cookies_of(stranger)

    def cookies(self) -> Pairs:
        return cookies_of(self.browser)

    def cancel_token(self) -> str:
        """What a mail about getting the account back carries."""
        return mail_tokens.seal(self.provider.app.extensions["idp"], "cancel", self.provider.citizen.id)

    def not_me_token(self) -> str:
        """What a mail about a new device carries; of nobody, since a post with it locks."""
        return mail_tokens.seal(self.provider.app.extensions["idp"], "not me", UUID(int=7))

    def basic(self) -> str:
        return basic(self.service.client_id, SECRET)

    def spare_token(self) -> str:
        """A refresh token that nothing else needs."""
        return str(obtain_tokens(self.browser, self.service)["refresh_token"])

    def values(self) -> tuple[str, ...]:
        """All of it, to be put where it does not belong."""
        return (
            self.tokens["access_token"],
            self.tokens["refresh_token"],
            self.tokens["id_token"],
            self.signed_token,
            str(self.registered["registration_access_token"]),
            self.code(),
            self.strange_page()[0],
            VERIFIER,
            SECRET,
            RESOURCE,
            self.service.client_id,
            self.machine_only.client_id,
            self.service.redirect_uri,
        )

    def may_go(self) -> tuple[str, ...]:
        """Every address that a service registered."""
        services = (self.service, self.keyed, self.machine, self.guard)
        return (*(service.redirect_uri for service in services), BACK)


def cookies_of(browser: FlaskClient) -> Pairs:
    names = ("idp_session", "idp_page", "idp_device")
    found = ((name, browser.get_cookie(name)) for name in names)
    return [(name, cookie.value) for name, cookie in found if cookie is not None]
