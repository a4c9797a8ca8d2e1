"""Keys are rotated and revoked while services work: nothing fails that should not, and a leaked key is soon nothing.

Services follow docs/integrate/README.md: they read `jwks_uri` again when a `kid` is unknown, and not more often than
every few seconds.
"""

import itertools
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
import requests
from flask import Flask

from tests.builders import NUMBERS, Service, a_citizen, a_service, ask, obtain_tokens, refresh, spend, userinfo
from tests.operations.browsing import Browser
from tests.operations.conftest import MASTER_KEY
from tests.operations.inside import inside
from tests.operations.provider_process import ProviderProcess

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.xdist_group("storms-keys")]

READ_AGAIN_AFTER = 3  # seconds: "every few"
REVOKED_WITHIN = 5  # seconds, as docs/operate/keys.md says
VISITORS = 6
ALGORITHMS = ("ES256", "RS256")


class Failed(Exception):
    """Something that should not have failed; the message says what was asked and what came."""


class KeySet:
    """A service's copy of the public keys, read by the rule; whichever worker answers."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = 0.0

    def verify(self, token: str, audience: str) -> dict[str, Any]:
        """The token's claims; raises Failed where a service that follows the rule would refuse it."""
        header = jwt.get_unverified_header(token)
        if header["kid"] not in self._keys:
            if time.monotonic() - self._read_at < READ_AGAIN_AFTER:
                raise Failed(f"{header['kid']} is not in a key set read a moment ago")
            self._read()
        if header["kid"] not in self._keys:
            raise Failed(f"{header['kid']} is not in a fresh key set")
        return jwt.decode(token, self._keys[header["kid"]], algorithms=[header["alg"]], audience=audience)

    def _read(self) -> None:
        answer = requests.get(f"{self._address}/oauth2/jwks", timeout=60)
        assert answer.status_code == 200
        self._keys = {key["kid"]: jwt.PyJWK(key) for key in answer.json()["keys"]}
        self._read_at = time.monotonic()


@dataclass(frozen=True, slots=True)
class Signed:
    """A token that was handed out: which key signed it, when it was asked for, and whether its service took it."""

    alg: str
    kid: str
    asked_at: float
    failure: str = ""


@dataclass
class Visitor:
    """One person at one service, again and again; only `work` runs in a thread of its own."""

    browser: Browser
    service: Service
    keys: KeySet
    stop: threading.Event
    signed: list[Signed] = field(default_factory=list)
    failures: list[tuple[float, str]] = field(default_factory=list)
    hinted: Counter[str] = field(default_factory=Counter)
    requests: int = 0

    def work(self) -> None:
        hint = ""
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                hint = self._once(hint)
            except Exception as failure:
                self.failures.append((began, f"{type(failure).__name__}: {failure}"))

    def _once(self, hint: str) -> str:
        """A silent sign-in with the last ID token as its hint, the exchange, userinfo, and two refreshes."""
        code = self._sign_in_silently(hint)
        tokens = self._take(lambda: spend(self.browser, self.service, code))  # type: ignore[arg-type]
        for _ in range(2):
            self._expect(200, userinfo(self.browser, tokens["access_token"]))  # type: ignore[arg-type]
            old = tokens["refresh_token"]
            tokens = {**tokens, **self._take(lambda old=old: refresh(self.browser, self.service, old))}  # type: ignore[misc,arg-type]
        return str(tokens["id_token"])

    def _sign_in_silently(self, hint: str) -> str:
        more = {"id_token_hint": hint} if hint else {}
        answer = ask(self.browser, self.service, prompt="none", **more)  # type: ignore[arg-type]
        self.requests += 1
        if hint and "error=invalid_request" in answer.location:
            self.hinted[jwt.get_unverified_header(hint)["kid"]] += 1
            answer = ask(self.browser, self.service, prompt="none")  # type: ignore[arg-type]
        _, _, code = answer.location.partition("code=")
        if answer.status_code != 303 or not code:
            raise Failed(f"authorize: {answer.status} {answer.location}")
        return code.partition("&")[0]

    def _take(self, asked: Callable[[], Any]) -> dict[str, Any]:
        """A token response whose ID token, if it brings one, the service checks."""
        began = time.monotonic()
        tokens: dict[str, Any] = self._expect(200, asked()).get_json()
        if "id_token" in tokens:
            header, failure = jwt.get_unverified_header(tokens["id_token"]), ""
            try:
                self.keys.verify(tokens["id_token"], self.service.client_id)
            except (Failed, jwt.PyJWTError) as fault:
                failure = f"{type(fault).__name__}: {fault}"
            self.signed.append(Signed(header["alg"], header["kid"], began, failure))
        return tokens

    def _expect(self, status: int, answer: Any) -> Any:
        self.requests += 1
        if answer.status_code != status:
            raise Failed(f"{answer.status} {answer.text[:500]}")
        return answer


@dataclass
class Load:
    provider: ProviderProcess
    operator: Flask
    visitors: list[Visitor]
    stop: threading.Event

    def go_on(self, seconds: float) -> None:
        """Let them work on for a while; ends early when something failed, so that the failure is seen at once."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.failures:
            self.stop.wait(0.1)

    @property
    def failures(self) -> list[tuple[float, str]]:
        return [failure for visitor in self.visitors for failure in visitor.failures]

    @property
    def signed(self) -> list[Signed]:
        return [each for visitor in self.visitors for each in visitor.signed]

    def type_in(self, *words: str) -> Any:
        """What an operator types; back as soon as it is done, which a process of its own would not be."""
        self.operator.extensions["idp"].keyring.forget()
        return self.operator.test_cli_runner().invoke(args=list(words))

    def rotate(self) -> int:
        """Rotate, after a wait if the command says so; gives the seconds it said."""
        done = self.type_in("keys", "rotate")
        if done.exit_code == 0:
            return 0
        told = re.search(r"rotate in (\d+) seconds", done.output)
        assert told is not None, done.output
        self.go_on(int(told[1]))
        assert self.type_in("keys", "rotate").exit_code == 0
        return int(told[1])

    def kids(self, state: str) -> dict[str, str]:
        """The key in a state, by algorithm."""
        listed = [line.split() for line in self.type_in("keys", "list").output.splitlines()]
        return {alg: kid for alg, found, kid in listed if found == state}


@pytest.fixture
def load(postgres_url: str, tmp_path: Any) -> Iterator[Load]:
    """Six people at two services, each signing with another algorithm, on two workers; already under way."""
    settings = {"IDP_DATABASE_URL": postgres_url, "IDP_LOGGING_LEVEL": "warning", **MASTER_KEY}
    stop = threading.Event()
    with ProviderProcess(tmp_path, workers=2, **settings) as provider, inside(provider.settings) as app:
        citizens = [a_citizen(app, number) for number in NUMBERS]
        services = [a_service(app, id_token_signed_response_alg=alg) for alg in ALGORITHMS]
        visitors = []
        for _, citizen, service in zip(range(VISITORS), itertools.cycle(citizens), itertools.cycle(services)):
            browser = Browser(provider.address)
            obtain_tokens(browser, service, citizen)  # type: ignore[arg-type]
            visitors.append(Visitor(browser, service, KeySet(provider.address), stop))
        threads = [threading.Thread(target=visitor.work) for visitor in visitors]
        for thread in threads:
            thread.start()
        yield Load(provider, app, visitors, stop)
        stop.set()
        for thread in threads:
            thread.join()
        for visitor in visitors:
            visitor.browser.close()


def test_rotations_fail_nothing_and_a_revoked_key_is_gone_within_five_seconds(load: Load) -> None:
    first, second = load.kids("current"), load.kids("next")
    load.go_on(2)

    load.rotate()
    third = load.kids("next")
    assert load.rotate() > 2 * READ_AGAIN_AFTER, "before that, the next key is not known everywhere"
    load.go_on(REVOKED_WITHIN + 3)
    assert load.failures == []
    assert [each for each in load.signed if each.failure] == []
    for alg in ALGORITHMS:
        assert {each.kid for each in load.signed if each.alg == alg} == {first[alg], second[alg], third[alg]}

    leaked, heir = third["ES256"], load.kids("next")["ES256"]
    assert load.type_in("keys", "revoke", leaked).exit_code == 0
    revoked_at = time.monotonic()
    load.go_on(REVOKED_WITHIN)
    for status, published in load.provider.ask_each("/oauth2/jwks"):
        assert status == 200
        assert leaked not in published
        assert heir in published
    load.go_on(5)
    load.stop.set()

    # Nothing failed but what the leaked key signed, and that soon is nothing anybody asks with.
    assert load.failures == []
    assert {each.kid for each in load.signed if each.failure} <= {leaked}
    assert set().union(*(visitor.hinted for visitor in load.visitors)) <= {leaked}
    late = [each for each in load.signed if each.asked_at > revoked_at + REVOKED_WITHIN]
    assert {(each.alg, each.kid) for each in late} == {("ES256", heir), ("RS256", third["RS256"])}
    assert sum(visitor.requests for visitor in load.visitors) > 500
