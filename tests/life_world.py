"""A small province for tests/test_life_of_a_grant.py: two people, three browsers, services; driven over HTTP.

Deeds of people and services go through the real pages and endpoints, those of operators through their commands, time
is a FixedClock. What stands in the database is read directly.
"""

from collections import Counter
from dataclasses import dataclass
from threading import Event
from typing import Any
from uuid import UUID

import jwt
from werkzeug.test import TestResponse

from idp.app import create_app
from idp.cli.worker import Worker
from tests import life_model
from tests.builders import (
    NUMBERS,
    Service,
    a_citizen,
    a_service,
    ask,
    claims_in,
    follow,
    page_of,
    parked_in,
    post_token,
    refresh,
    sign_in,
    spend,
    userinfo,
    walk,
)
from tests.builders_settings import testing_settings
from tests.doubles import FixedClock, RecordingOutbound
from tests.rows import rows_of
from tests.stores import Stores, close

PEOPLE = ("An", "Bình")
BROWSERS = (0, 1, 2)
# `lasting` may keep access while the person is away, `bound` may not; the other two guard interfaces.
VISITED = ("lasting", "bound")
GUARDS = {"https://kho.example/api": "store", "https://kho-jwt.example/api": "signing"}
SERVICES = (*VISITED, *GUARDS.values())
RESOURCES = (None, *GUARDS)
SIGNED = "https://kho-jwt.example/api"
# A process looks anew at services and keys after five seconds.
FRESH_FOR = 6
SETTINGS = {
    "IDP_SESSIONS_IDLE_FOR": life_model.IDLE_FOR,
    "IDP_SESSIONS_ABSOLUTE_FOR": life_model.ABSOLUTE_FOR,
    "IDP_SESSIONS_TOUCH_EVERY": life_model.TOUCH_EVERY,
    "IDP_TOKENS_CODE_FOR": life_model.CODE_FOR,
    "IDP_TOKENS_ACCESS_TOKEN_FOR": life_model.ACCESS_FOR,
    "IDP_TOKENS_GRANT_FOR": life_model.GRANT_FOR,
    "IDP_TOKENS_OFFLINE_GRANT_FOR": life_model.OFFLINE_FOR,
    "IDP_TOKENS_REFRESH_GRACE": life_model.GRACE,
}
# What was there before anybody did anything.
OF_THE_START = ("account.created", "service.registered", "key.made", "key.state_changed")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The answer of the token endpoint."""

    access_token: str
    refresh_token: str | None
    id_token: str | None
    expires_in: int


class World:
    """One provider on a database of its own."""

    def __init__(self, stores: Stores, kind: str) -> None:
        self.clock, self.outbound = FixedClock(), RecordingOutbound()
        self._stores, self._url = stores, stores.fresh(kind)
        settings = {name: str(value) for name, value in SETTINGS.items()}
        # Nobody guesses here, and a locked person's tries must not be in the way later.
        settings["IDP_THROTTLE_ENABLED"] = "false"
        self.app = create_app(testing_settings(self._url, **settings), clock=self.clock, outbound=self.outbound)
        self.citizens = {name: a_citizen(self.app, number) for name, number in zip(PEOPLE, NUMBERS, strict=True)}
        self.services: dict[str, Service] = {}
        for name in SERVICES:
            self.services[name] = self._service(name)
        self.browsers = [self.app.test_client() for _ in BROWSERS]
        self.machine = self.app.test_client()
        self._names: dict[UUID | None, str | None] = {None: None}
        self._names |= {citizen.id: name for name, citizen in self.citizens.items()}
        self._names |= {service.id: name for name, service in self.services.items()}

    def close(self) -> None:
        close(self.app)
        self._stores.discard(self._url)

    def _service(self, name: str) -> Service:
        members: dict[str, Any] = {"redirect_uris": [f"https://{name}.example/cb"], "sector": name}
        members["backchannel_logout_uri"] = f"https://{name}.example/backchannel"
        if name == "lasting":
            members["grant_types"] = ["authorization_code", "refresh_token", "client_credentials"]
            members |= {"machine_scopes": "doc", "scope": "openid profile offline_access"}
        elif name == "bound":
            members["scope"] = "openid profile"
        members["resources"] = [resource for resource, guard in GUARDS.items() if guard == name]
        if members["resources"]:
            visited = [self.services[each].client_id for each in VISITED]
            members["callers"] = [{"client_id": client_id, "scopes": "doc"} for client_id in visited]
        members["resource_token_format"] = "jwt" if name == GUARDS[SIGNED] else "opaque"
        return a_service(self.app, **members)

    # -- people ----------------------------------------------------------------------------------------------------

    def sign_in(self, browser: int, person: str) -> None:
        sign_in(self.browsers[browser], self.citizens[person])

    def fail_to_sign_in(self, browser: int, person: str) -> None:
        """The right password of a locked account: nobody is signed in, and its owner is told (decision 0032)."""
        client = self.browsers[browser]
        page = follow(client, client.get("/sign-in"))
        citizen = self.citizens[person]
        typed = {"identifier": citizen.number, "password": citizen.password, "parked": parked_in(page)}
        assert client.post("/sign-in", data=typed).status_code == 403

    def authorize(self, browser: int, person: str, service: str, **parameters: str | None) -> TestResponse:
        """Walk a request to its end; `person` is who answers if the sign-in page comes."""
        client = self.browsers[browser]
        return walk(client, ask(client, self.services[service], **parameters), self.citizens[person])

    def sign_out(self, browser: int, hint: str | None) -> bool:
        """RP-initiated logout to its end; gives whether the person was asked."""
        client = self.browsers[browser]
        parameters = {} if hint is None else {"id_token_hint": hint}
        response = follow(client, client.get("/oauth2/logout", query_string=parameters))
        is_asked = page_of(response) == "sign_out"
        if is_asked:
            response = follow(client, client.post("/sign-out", data={"parked": parked_in(response)}))
        assert response.status_code == 200, response.status
        return is_asked

    def look_at_account(self, browser: int) -> bool:
        """Whether somebody is signed in there to see the page."""
        return self.browsers[browser].get("/account").status_code == 200

    # -- services --------------------------------------------------------------------------------------------------

    def exchange(self, service: str, code: str, **form: str) -> Tokens | str:
        """The tokens, or the error."""
        return _read(spend(self.machine, self.services[service], code, **form))

    def refresh(self, service: str, token: str) -> Tokens | str:
        return _read(refresh(self.machine, self.services[service], token))

    def machine_token(self, service: str, resource: str | None) -> Tokens | str:
        form = {"grant_type": "client_credentials", "resource": resource}
        return _read(post_token(self.machine, self.services[service], **form))

    def revoke(self, service: str, token: str) -> int:
        return self._post("/oauth2/revoke", service, token).status_code

    def introspect(self, service: str, token: str) -> dict[str, Any] | int:
        response = self._post("/oauth2/introspect", service, token)
        return dict(response.get_json()) if response.status_code == 200 else response.status_code

    def userinfo(self, token: str) -> dict[str, Any] | int:
        response = userinfo(self.machine, token)
        return dict(response.get_json()) if response.status_code == 200 else response.status_code

    def read_id_token(self, token: str) -> dict[str, Any]:
        """Its claims; the signature is checked with the published keys."""
        return claims_in(self.machine, token)

    def published_kids(self) -> set[str]:
        return {key["kid"] for key in self.machine.get("/oauth2/jwks").get_json()["keys"]}

    def _post(self, path: str, service: str, token: str) -> TestResponse:
        return self.machine.post(path, data={"token": token}, **self.services[service].credentials())

    # -- operators -------------------------------------------------------------------------------------------------

    def command(self, *words: str) -> str:
        """Type a command; '' when it was done, else why it was refused."""
        result = self.app.test_cli_runner().invoke(args=list(words))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.output if result.exit_code else ""

    def work(self) -> None:
        """`flask worker --once`."""
        Worker(self.app, self.app.extensions["idp"]).run(Event(), once=True)

    def list_keys(self) -> list[tuple[str, str, str]]:
        """Algorithm, state and kid of every signing key."""
        with self.app.app_context():
            keys: list[tuple[str, str, str]] = self.app.extensions["idp"].keyring.list_keys()
        return keys

    # -- what stands there -----------------------------------------------------------------------------------------

    def rows(self, table: str) -> list[Any]:
        with self.app.app_context():
            return rows_of(table)

    def newest(self, table: str, known: set[UUID]) -> UUID:
        """The id of the one row that was not known before; that of one that was, if there is no new one."""
        new = [row.id for row in self.rows(table) if row.id not in known]
        assert len(new) <= 1, f"{len(new)} new rows in {table}"
        return new[0] if new else UUID(int=0)

    def noted(self) -> Counter[life_model.Noted]:
        """The audit since the start."""
        return Counter(
            (row.event, self._names[row.subject_id], self._names[row.service_id], row.session_id)
            for row in self.rows("audit")
            if row.event not in OF_THE_START
        )

    def told(self) -> Counter[tuple[str, UUID]]:
        """The logout tokens that wait or were delivered: (service, session)."""
        rows = [row for row in self.rows("outbox") if row.kind == "backchannel_logout"]
        return Counter((str(self._names[row.service_id]), row.session_id) for row in rows)

    def delivered(self) -> Counter[tuple[str, str]]:
        """The logout tokens that services have been posted: (service, sid)."""
        got: Counter[tuple[str, str]] = Counter()
        for call in self.outbound.calls:
            said = jwt.decode((call.form or {})["logout_token"], options={"verify_signature": False})
            [name] = [name for name in SERVICES if call.url == f"https://{name}.example/backchannel"]
            assert said["aud"] == self.services[name].client_id
            got[name, said["sid"]] += 1
        return got

    def sid(self, service: str, session_id: UUID) -> str:
        """What a session is called at a service."""
        with self.app.app_context():
            return str(self.app.extensions["idp"].keyring.pairwise_sid(service, session_id))


def _read(response: TestResponse) -> Tokens | str:
    said = response.get_json()
    if response.status_code != 200:
        return str(said["error"])
    refresh_token, id_token = said.get("refresh_token"), said.get("id_token")
    return Tokens(said["access_token"], refresh_token, id_token, said["expires_in"])
