"""What the services of the pages do when the province lies, or somebody pretends to be it.

OIDC Core 3.1.3.7 (ID token) and 5.3.2 (userinfo), RFC 9207, Back-Channel Logout 1.0 2.4 to 2.6, by a stand-in that says
what a test wants it to say. No browser: the stand-in asks nobody anything.
"""

import re
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, Response, jsonify, request
from joserfc.jwk import ECKey, OctKey, RSAKey
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from demo.service import QuietHandler
from tests.clients.pages import read_page
from tests.clients.running import Client
from tests.demo.fake_province import PERSON, FakeProvince
from tests.demo.test_service import BAD_CLAIMS
from tests.demo.test_supervisor import a_free_port

pytestmark = pytest.mark.journey

PAGES = ("authlib-flask", "django", "apache", "openid-client")
# What a client's makers left unchecked in a logout token; only who signs as the province does could make use of it.
UNCHECKED = {
    "apache": {
        "2.4 jti missing",
        "2.4 typ of another",
        "2.6 exp missing",
        "2.6 iat missing",
        "2.6 iat not a time",
        "2.6 sid not a text",
    },
    "openid-client": {"2.6 iat in the future", "2.6 sid not a text"},
}
BAD_TOKENS = {**BAD_CLAIMS, "2.4 typ of another": {"header": {"typ": "at+jwt"}}}
del BAD_TOKENS["2.6 exp too far"]  # a rule of the demonstration's own
_KEYS = {
    "ES256": lambda kid: ECKey.generate_key("P-256", {"kid": kid}, auto_kid=False),
    "RS256": lambda kid: RSAKey.generate_key(2048, {"kid": kid}, auto_kid=False),
}


class FalseProvince(FakeProvince):
    """Registers whoever asks, and signs with `thief` where a test has set it."""

    thief: Any = None

    def app(self) -> Flask:
        app = super().app()
        app.add_url_rule("/register", view_func=self.register, methods=["POST"])
        # For clients that read no metadata the addresses are those of the real one.
        app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/oauth2": app.wsgi_app})  # type: ignore[method-assign]
        return app

    def discovery(self) -> Response:
        return jsonify(super().discovery().get_json() | {"registration_endpoint": f"{self.issuer}/register"})

    def register(self) -> tuple[Response, int]:
        given = {"client_id": self.client_id, "client_secret": self.client_secret}
        return jsonify((request.get_json() or {}) | given), 201

    def sign(self, claims: dict[str, Any], header: dict[str, Any] | None = None, key: Any = None) -> str:
        return super().sign(claims, header, key or self.thief)


@dataclass
class Scene:
    """One running client and the false province that it believes in."""

    client: Client
    province: FalseProvince
    browser: requests.Session = field(default_factory=requests.Session)

    @property
    def algorithm(self) -> str:
        return self.client.registered.get("id_token_signed_response_alg", "RS256")

    def sign_in(self) -> None:
        """From the client's first page over its sign-in link to wherever that leads; always in a new browser."""
        self.browser.close()
        self.browser = requests.Session()
        self.browser.trust_env = False
        first = self.browser.get(self.client.base, timeout=20)
        found = re.search(r'id="sign-in" href="([^"]+)"', first.text)
        assert found is not None
        self.browser.get(f"{self.client.base}{found[1]}", timeout=20)

    def is_in(self) -> bool:
        home = "/account/" if self.client.page.name == "apache" else "/"
        page = self.browser.get(f"{self.client.base}{home}", timeout=20, allow_redirects=False)
        return f"Xin chào, {PERSON['name']}".encode() in page.content

    def tell(self, logout_token: str) -> int:
        address = self.client.registered["backchannel_logout_uri"]
        return requests.post(address, data={"logout_token": logout_token}, timeout=20).status_code


@contextmanager
def play(name: str) -> Iterator[Scene]:
    """The client of the page `name`, running, with a false province of its own."""
    province = FalseProvince(client_id="somebody", client_secret=secrets.token_hex(16))  # the same, form-encoded or not
    server = make_server("127.0.0.1", 0, Flask("waiting"), threaded=True, request_handler=QuietHandler)
    province.issuer = f"http://localhost:{server.server_port}"
    server.app = province.app()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    with tempfile.TemporaryDirectory(prefix="client-") as folder:
        Path(folder).chmod(0o755)
        client = Client(read_page(name), province.issuer, f"http://localhost:{a_free_port()}", Path(folder))
        try:
            client.install()
            client.start()
            scene = Scene(client, province)
            province.key = _KEYS[scene.algorithm]("first")
            yield scene
        finally:
            client.stop()
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture(scope="module")
def scene_of() -> Iterator[Callable[[str], Scene]]:
    """`scene_of("django")`: begun when first asked for, ended with the module."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(play(name)))


@pytest.fixture(params=PAGES)
def scene(request: pytest.FixtureRequest, scene_of: Callable[[str], Scene]) -> Iterator[Scene]:
    """The province says the truth again, of a new session; afterwards its first key is back."""
    scene = scene_of(request.param)
    province, key = scene.province, scene.province.key
    province.thief = province.answered_issuer = None
    province.tampered, province.other_person_at_userinfo = {}, False
    province.sid = secrets.token_hex(8)
    yield scene
    province.key = key


@pytest.mark.parametrize("scene", ["authlib-flask", "django", "apache"], indirect=True)
def test_oidc_core_10_1_1_a_new_key_is_read_by_itself(scene: Scene) -> None:
    scene.sign_in()
    assert scene.is_in()
    scene.province.key = _KEYS[scene.algorithm]("another")
    scene.sign_in()
    assert scene.is_in()


@pytest.mark.parametrize(
    "tampered",
    [
        {"iss": "https://other.example"},
        {"aud": "another-service"},
        {"aud": "another-service", "azp": "somebody"},
        {"aud": None},
        {"exp": 1},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": None},
    ],
    ids=str,
)
def test_oidc_core_3_1_3_7_a_wrong_id_token_signs_nobody_in(scene: Scene, tampered: dict[str, Any]) -> None:
    scene.province.tampered = tampered
    scene.sign_in()
    assert not scene.is_in()


def test_oidc_core_3_1_3_7_a_foreign_signature_signs_nobody_in(scene: Scene) -> None:
    scene.province.thief = _KEYS[scene.algorithm]("first")
    scene.sign_in()
    assert not scene.is_in()
    scene.province.thief = OctKey.import_key(scene.province.client_secret, {"kid": scene.province.key.kid})
    scene.sign_in()
    assert not scene.is_in()


def test_oidc_core_5_3_2_userinfo_of_another_person_signs_nobody_in(scene: Scene) -> None:
    scene.province.other_person_at_userinfo = True
    scene.sign_in()
    assert not scene.is_in()


def test_rfc9207_2_4_an_answer_of_another_issuer_signs_nobody_in(scene: Scene) -> None:
    scene.province.answered_issuer = "https://other.example"
    scene.sign_in()
    assert not scene.is_in()


@pytest.mark.parametrize(
    ("scene", "bad"),
    [
        pytest.param(page, bad, id=f"{page}-{name}")
        for page in PAGES
        for name, bad in BAD_TOKENS.items()
        if name not in UNCHECKED.get(page, ())
    ],
    indirect=["scene"],
)
def test_backchannel_a_bad_logout_token_ends_nothing(scene: Scene, bad: dict[str, Any]) -> None:
    scene.sign_in()
    assert scene.tell(scene.province.logout_token(**bad)) == 400
    assert scene.is_in()


def test_backchannel_2_6_a_logout_token_of_nobody_ends_nothing(scene: Scene) -> None:
    scene.sign_in()
    good = scene.province.logout_token()
    _, payload, _ = good.split(".")
    thief = _KEYS[scene.algorithm]("first")
    secret = OctKey.import_key(scene.province.client_secret, {"kid": scene.province.key.kid})
    for token in (
        "",
        "x",
        "a.b.c",
        f"eyJhbGciOiJub25lIiwidHlwIjoibG9nb3V0K2p3dCJ9.{payload}.",
        scene.province.logout_token(key=thief),
        scene.province.logout_token(key=secret),
    ):
        assert scene.tell(token) == 400, token
    assert scene.is_in()
    assert scene.tell(good) in (200, 204)
    assert not scene.is_in()


def test_backchannel_2_7_a_second_token_for_a_session_is_answered_like_the_first(scene: Scene) -> None:
    """So a delivery whose answer was lost can be repeated. It is another token: some refuse a `jti` that they know."""
    scene.sign_in()
    assert {scene.tell(scene.province.logout_token()) for _ in range(2)} <= {200, 204}
    assert not scene.is_in()
