"""The relying service of the demonstration, over real HTTP, against a stand-in for the province."""

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from joserfc.jwk import ECKey, OctKey, RSAKey
from werkzeug.serving import BaseWSGIServer, make_server

from demo.config import KINDS, Neighbour, ServiceConfig, load_service
from demo.facts import person_rows, sign_in_rows
from demo.prepare import prepare
from demo.service import QuietHandler, create_service
from tests.demo.fake_province import EVENT, FakeProvince

NEIGHBOUR = Neighbour("Dịch vụ bên cạnh", "The neighbour", "http://localhost:1/")


@dataclass
class Scene:
    province: FakeProvince
    config: ServiceConfig
    browser: requests.Session

    @property
    def home(self) -> str:
        return self.config.base_url

    def sign_in(self) -> requests.Response:
        return self.browser.get(f"{self.home}/sign-in")

    def is_signed_in(self) -> bool:
        return 'id="sign-out"' in self.browser.get(f"{self.home}/").text

    def tell(self, token: str) -> requests.Response:
        return requests.post(f"{self.home}/backchannel-logout", data={"logout_token": token}, timeout=5)


def _serve(make: Callable[[int], Flask]) -> tuple[BaseWSGIServer, threading.Thread]:
    server = make_server("127.0.0.1", 0, Flask("waiting"), threaded=True, request_handler=QuietHandler)
    server.app = make(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    return server, thread


@pytest.fixture
def scene() -> Iterator[Scene]:
    province = FakeProvince()
    configs: list[ServiceConfig] = []

    def province_app(port: int) -> Flask:
        province.issuer = f"http://localhost:{port}"
        return province.app()

    def service_app(port: int) -> Flask:
        configs.append(a_service(port, province))
        return create_service(configs[0])

    running = [_serve(province_app), _serve(service_app)]
    with requests.Session() as browser:
        browser.trust_env = False
        yield Scene(province, configs[0], browser)
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def a_service(port: int, province: FakeProvince) -> ServiceConfig:
    return ServiceConfig(
        kind="portal",
        name_vi="Cổng thử",
        name_en="Trial portal",
        port=port,
        issuer=province.issuer,
        client_id=province.client_id,
        client_secret=province.client_secret,
        cookie_name="cong_thu",
        accent="jade",
        neighbour=NEIGHBOUR,
    )


# -- signing in ------------------------------------------------------------------------------------------


def test_a_stranger_is_offered_to_sign_in(scene: Scene) -> None:
    page = scene.browser.get(f"{scene.home}/")
    assert page.status_code == 200
    assert 'id="sign-in-with-province"' in page.text
    assert "Cổng thử" in page.text


def test_sign_in_shows_the_person_and_what_was_received(scene: Scene) -> None:
    page = scene.sign_in()
    assert page.url == f"{scene.home}/"  # no code in the address bar
    assert "Xin chào, Nguyễn Thị Mẫu" in page.text
    for text in ("Ngày sinh", "03/02/1990", "Giới tính", "Nữ", "Thôn Đoài, xã Tam Giang", "Mật khẩu"):
        assert text in page.text
    assert 'id="sign-out"' in page.text
    assert NEIGHBOUR.url in page.text


def test_the_request_carries_nonce_state_pkce_and_language(scene: Scene) -> None:
    scene.browser.get(f"{scene.home}/?lang=en")
    scene.sign_in()
    (asked,) = scene.province.asked
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{scene.home}/callback"
    assert asked["scope"] == "openid profile email phone address"
    assert asked["ui_locales"] == "en vi"
    assert len(asked["nonce"]) >= 20
    assert len(asked["state"]) >= 20


def test_english_is_one_tap_away_and_kept(scene: Scene) -> None:
    assert "Sign in with the province" in scene.browser.get(f"{scene.home}/?lang=en").text
    assert "Hello, Nguyễn Thị Mẫu" in scene.sign_in().text


def test_the_neighbour_on_another_port_keeps_its_own_cookie(scene: Scene, tmp_path: Path) -> None:
    prepare(tmp_path, 8000)
    names = {load_service(kind, tmp_path, 8000, "http://localhost:8000").cookie_name for kind in KINDS}
    assert len(names) == len(KINDS) == 2
    scene.sign_in()
    assert {cookie.name for cookie in scene.browser.cookies} == {"cong_thu"}


def test_the_cookie_is_hidden_from_scripts_and_holds_no_token(scene: Scene) -> None:
    scene.browser.get(f"{scene.home}/sign-in", allow_redirects=False)
    answer = scene.browser.get(f"{scene.home}/?lang=vi", allow_redirects=False)
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert "SameSite=Lax" in answer.headers["Set-Cookie"]
    scene.sign_in()
    assert len(scene.browser.cookies.get_dict()["cong_thu"]) < 300


def test_each_sign_in_gets_a_new_key(scene: Scene) -> None:
    scene.sign_in()
    before = scene.browser.cookies.get_dict()
    scene.sign_in()
    assert scene.browser.cookies.get_dict() != before


def test_pages_carry_a_strict_policy_and_are_not_kept(scene: Scene) -> None:
    for path in ("/", "/policy", "/terms", "/signed-out", "/nowhere"):
        page = scene.browser.get(f"{scene.home}{path}")
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["Cache-Control"] == "no-store"
        assert "<script" not in page.text
        assert "style=" not in page.text


def test_another_name_for_this_machine_is_led_to_ours(scene: Scene) -> None:
    numeric = f"http://127.0.0.1:{scene.config.port}/policy"
    answer = requests.get(numeric, allow_redirects=False, timeout=5)
    assert answer.headers["Location"] == f"{scene.home}/policy"
    forged = requests.get(f"{scene.home}/sign-in", headers={"Host": "evil.test"}, allow_redirects=False, timeout=5)
    assert forged.headers["Location"] == f"{scene.home}/sign-in"


# -- answers that must not be believed -------------------------------------------------------------------


def test_denied_consent_is_met_kindly(scene: Scene) -> None:
    scene.province.refusal = {"error": "access_denied", "error_description": "The person said no."}
    page = scene.sign_in()
    assert page.status_code == 200  # a person's no is an answer, not a fault
    assert 'id="error"' in page.text
    assert "không cho gửi thông tin" in page.text
    assert "access_denied: The person said no." in page.text
    assert 'href="/sign-in"' in page.text
    assert not scene.is_signed_in()


def test_another_error_is_shown_as_text_not_as_markup(scene: Scene) -> None:
    scene.province.refusal = {"error": "server_error", "error_description": "<b>call 0900</b>" + "x" * 500}
    page = scene.sign_in()
    assert page.status_code == 502
    assert "<b>call" not in page.text
    assert "x" * 201 not in page.text


def test_an_error_that_answers_no_request_of_ours_shows_none_of_its_text(scene: Scene) -> None:
    page = scene.browser.get(f"{scene.home}/callback?error=access_denied&error_description=call+0900&state=made-up")
    assert page.status_code == 400
    assert "call 0900" not in page.text


def test_an_unknown_state_is_refused(scene: Scene) -> None:
    page = scene.browser.get(f"{scene.home}/callback?code=c&state=made-up&iss={scene.province.issuer}")
    assert page.status_code == 400
    assert 'id="error"' in page.text


def test_reloading_the_callback_does_no_harm_to_who_is_in(scene: Scene) -> None:
    first = scene.browser.get(f"{scene.home}/sign-in", allow_redirects=False)
    callback = scene.browser.get(first.headers["Location"], allow_redirects=False).headers["Location"]
    scene.browser.get(callback)
    assert scene.browser.get(callback).url == f"{scene.home}/"
    assert scene.is_signed_in()


@pytest.mark.parametrize(
    "tampered",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-service", "azp": "a-service"},
        {"aud": "another-service"},
        {"iss": "http://evil.test"},
        {"exp": 1},
        {"sub": None},
    ],
    ids=str,
)
def test_a_wrong_id_token_signs_nobody_in(scene: Scene, tampered: dict[str, Any]) -> None:
    scene.province.tampered = tampered
    assert scene.sign_in().status_code == 502
    assert not scene.is_signed_in()


def test_rfc9207_2_4_an_answer_of_another_issuer_is_refused(scene: Scene) -> None:
    scene.province.answered_issuer = "http://evil.test"
    assert scene.sign_in().status_code == 502
    assert not scene.is_signed_in()


def test_core_5_3_2_userinfo_of_another_person_is_refused(scene: Scene) -> None:
    scene.province.other_person_at_userinfo = True
    assert scene.sign_in().status_code == 502
    assert not scene.is_signed_in()


def test_discovery_4_3_a_document_of_another_issuer_is_refused(scene: Scene) -> None:
    scene.province.issuer = "http://evil.test"
    assert scene.sign_in().status_code == 503
    assert not scene.province.asked


def test_a_province_that_does_not_answer_is_said_so() -> None:
    nobody = FakeProvince(issuer="http://localhost:1")
    app = create_service(a_service(8001, nobody))
    page = app.test_client().get("/sign-in", base_url="http://localhost:8001")
    assert page.status_code == 503
    assert "Chưa liên lạc được" in page.text


# -- asking again ----------------------------------------------------------------------------------------


def _post(scene: Scene, path: str, origin: str | None = None) -> requests.Response:
    return scene.browser.post(f"{scene.home}{path}", headers={"Origin": origin or scene.home})


def test_data_are_asked_again_without_a_refresh_while_access_lasts(scene: Scene) -> None:
    scene.sign_in()
    page = _post(scene, "/refresh-data")
    assert page.status_code == 200
    assert scene.province.refreshes == 0
    assert 'id="renewed-at"' not in page.text


def test_expired_access_is_renewed_when_data_are_asked_again(scene: Scene) -> None:
    scene.province.token_life = 1  # counts as expired at once
    scene.province.access_tokens.clear()
    scene.sign_in()
    before = scene.province.refreshes
    page = _post(scene, "/refresh-data")
    assert scene.province.refreshes == before + 1
    assert 'id="renewed-at"' in page.text


def test_access_withdrawn_early_is_renewed_too(scene: Scene) -> None:
    scene.sign_in()
    scene.province.access_tokens.clear()
    page = _post(scene, "/refresh-data")
    assert scene.province.refreshes == 1
    assert 'id="renewed-at"' in page.text


def test_an_ended_grant_ends_the_visit(scene: Scene) -> None:
    scene.sign_in()
    scene.province.access_tokens.clear()
    scene.province.grant_lives = False
    page = _post(scene, "/refresh-data")
    assert page.status_code == 401
    assert "không còn đăng nhập" in page.text
    assert not scene.is_signed_in()


# -- signing out -----------------------------------------------------------------------------------------


def test_sign_out_goes_to_the_province_and_comes_back(scene: Scene) -> None:
    scene.sign_in()
    page = _post(scene, "/sign-out")
    assert page.url.startswith(f"{scene.home}/signed-out?state=")
    assert "Đã đăng xuất" in page.text
    (asked,) = scene.province.logouts
    assert asked["client_id"] == scene.config.client_id
    assert asked["post_logout_redirect_uri"] == f"{scene.home}/signed-out"
    assert asked["id_token_hint"].count(".") == 2
    assert not scene.is_signed_in()


def test_sign_out_is_no_link_and_no_foreign_form(scene: Scene) -> None:
    scene.sign_in()
    assert scene.browser.get(f"{scene.home}/sign-out").status_code == 405
    assert _post(scene, "/sign-out", origin="http://localhost:8002").status_code == 403
    assert scene.is_signed_in()


# -- back-channel logout ---------------------------------------------------------------------------------


def test_a_logout_token_ends_the_visit_and_the_page_says_so(scene: Scene) -> None:
    scene.sign_in()
    answer = scene.tell(scene.province.logout_token())
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    page = scene.browser.get(f"{scene.home}/")
    assert "đăng xuất ở một nơi khác" in page.text
    assert 'id="sign-in-with-province"' in page.text
    assert "đăng xuất ở một nơi khác" not in scene.browser.get(f"{scene.home}/").text


def test_a_logout_token_by_person_ends_every_visit_of_that_person(scene: Scene) -> None:
    scene.sign_in()
    assert scene.tell(scene.province.logout_token(sid=None)).status_code == 200
    assert not scene.is_signed_in()


@pytest.mark.parametrize("named", [{"sid": "session-2"}, {"sub": "person-2"}, {"sub": "person-2", "sid": None}])
def test_a_logout_token_of_another_session_or_person_ends_nothing(scene: Scene, named: dict[str, Any]) -> None:
    scene.sign_in()
    assert scene.tell(scene.province.logout_token(**named)).status_code == 200
    assert scene.is_signed_in()


def test_a_rotated_key_is_read_again(scene: Scene) -> None:
    scene.sign_in()
    scene.province.key = RSAKey.generate_key(2048, {"kid": "second"}, auto_kid=False)
    assert scene.tell(scene.province.logout_token()).status_code == 200
    assert not scene.is_signed_in()


def test_audience_may_be_a_list_that_names_us(scene: Scene) -> None:
    scene.sign_in()
    assert scene.tell(scene.province.logout_token(aud=["x", scene.config.client_id])).status_code == 200
    assert not scene.is_signed_in()


LATER, EARLIER = time.time() + 3600, time.time() - 3600
BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "2.6 iss of another": {"iss": "http://evil.test"},
    "2.6 iss missing": {"iss": None},
    "2.6 aud of another": {"aud": "another-service"},
    "2.6 aud list without us": {"aud": ["another-service"]},
    "2.6 aud missing": {"aud": None},
    "2.6 iat missing": {"iat": None},
    "2.6 iat in the future": {"iat": LATER, "exp": LATER + 60},
    "2.6 iat not a time": {"iat": "yesterday"},
    "2.6 exp missing": {"exp": None},
    "2.6 exp past": {"iat": EARLIER, "exp": EARLIER + 60},
    "2.6 exp too far": {"exp": LATER * 2},
    "2.6 neither sub nor sid": {"sub": None, "sid": None},
    "2.6 sid not a text": {"sid": ["session-1"]},
    "2.6 events missing": {"events": None},
    "2.6 events of something else": {"events": {"http://schemas.example/other": {}}},
    "2.6 events not an object": {"events": [EVENT]},
    "2.6 events member not an object": {"events": {EVENT: True}},
    "2.6 nonce present": {"nonce": "n"},
    "2.4 jti missing": {"jti": None},
}


@pytest.mark.parametrize("claims", BAD_CLAIMS.values(), ids=BAD_CLAIMS.keys())
def test_backchannel_a_bad_logout_token_is_refused(scene: Scene, claims: dict[str, Any]) -> None:
    scene.sign_in()
    _refused(scene, scene.province.logout_token(**claims))


def test_backchannel_2_6_a_token_of_the_wrong_type_is_refused(scene: Scene) -> None:
    scene.sign_in()
    _refused(scene, scene.province.logout_token(header={"typ": "at+jwt"}))


def test_backchannel_2_6_a_foreign_signature_is_refused(scene: Scene) -> None:
    scene.sign_in()
    thief = ECKey.generate_key("P-256", {"kid": "first"}, auto_kid=False)
    _refused(scene, scene.province.logout_token(key=thief))
    stranger = ECKey.generate_key("P-256", {"kid": "unheard-of"}, auto_kid=False)
    _refused(scene, scene.province.logout_token(key=stranger))


def test_backchannel_2_6_alg_none_and_shared_secrets_are_refused(scene: Scene) -> None:
    scene.sign_in()
    _, payload, _ = scene.province.logout_token().split(".")
    _refused(scene, f"eyJhbGciOiJub25lIiwidHlwIjoibG9nb3V0K2p3dCJ9.{payload}.")
    secret = OctKey.import_key("x" * 32, {"kid": "first"})
    _refused(scene, scene.province.logout_token(key=secret))


def test_backchannel_2_6_a_used_jti_is_answered_alike_and_ends_nothing(scene: Scene) -> None:
    token = scene.province.logout_token()
    assert scene.tell(token).status_code == 200
    scene.sign_in()
    assert scene.tell(token).status_code == 200
    assert scene.is_signed_in()


@pytest.mark.parametrize("body", ["", "logout_token=", "logout_token=a.b.c", "logout_token=x&logout_token=y"])
def test_backchannel_2_5_a_malformed_request_is_refused(scene: Scene, body: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(f"{scene.home}/backchannel-logout", body, headers=form, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


def test_backchannel_an_oversized_request_is_refused(scene: Scene) -> None:
    assert scene.tell("x" * 100_000).status_code == 413


def _refused(scene: Scene, token: str) -> None:
    answer = scene.tell(token)
    assert answer.status_code == 400
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["error"] == "invalid_request"
    assert scene.is_signed_in()


# -- what is written down --------------------------------------------------------------------------------


def test_no_secret_reaches_a_log(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scene.sign_in()
    scene.province.access_tokens.clear()
    _post(scene, "/refresh-data")
    scene.tell(scene.province.logout_token(exp=1))
    _post(scene, "/sign-out")
    # What the test's own browser writes is not the service's.
    written = "\n".join(
        record.getMessage() for record in caplog.records if record.threadName != threading.current_thread().name
    )
    assert "signed in" in written
    for secret in (*scene.province.handed_out, scene.province.client_secret, "Nguyễn Thị Mẫu", "person-1"):
        assert secret not in written
    assert scene.config.client_secret not in repr(scene.config)


# -- the services file -----------------------------------------------------------------------------------


def test_the_services_file_follows_the_port_and_keeps_its_secrets(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "demo"
    first = json.loads(prepare(folder, 8000).read_text(encoding="utf-8"))
    moved_file = prepare(folder, 8001)
    moved = json.loads(moved_file.read_text(encoding="utf-8"))
    assert [one["client_secret"] for one in first] == [one["client_secret"] for one in moved]
    assert first[0]["client_secret"] != first[1]["client_secret"]
    assert [one["redirect_uris"] for one in moved] == [
        ["http://localhost:8002/callback"],
        ["http://localhost:8003/callback"],
    ]
    assert "localhost:8001" not in moved_file.read_text(encoding="utf-8")
    for file in (moved_file, folder / "secrets.json"):
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_portal_asks_for_consent_and_the_one_stop_names_its_law(tmp_path: Path) -> None:
    portal, one_stop = json.loads(prepare(tmp_path, 8000).read_text(encoding="utf-8"))
    assert "legal_basis" not in portal
    assert one_stop["legal_basis"] == "Nghị định 118/2025/NĐ-CP"
    assert portal["sector"] != one_stop["sector"]


def test_registered_policy_and_terms_are_served(scene: Scene, tmp_path: Path) -> None:
    (portal, _) = json.loads(prepare(tmp_path, 8000).read_text(encoding="utf-8"))
    for name in ("policy_uri", "tos_uri", "client_uri"):
        path = re.sub(r"^http://localhost:8001", "", portal[name])
        assert scene.browser.get(f"{scene.home}{path}").status_code == 200


def test_claims_of_odd_shapes_are_still_readable() -> None:
    claims = {
        "birthdate": "1950",
        "address": {"locality": "Bắc Giang"},
        "email_verified": False,
        "x": ["a", 1],
    }
    rows = {row.claim: row.value for row in person_rows(claims, "en")}
    assert rows == {"birthdate": "1950", "address": "Bắc Giang", "email_verified": "Not yet", "x": "a, 1"}


@pytest.mark.parametrize(
    ("claim", "value", "shown"),
    [
        ("phone_number", "+84912000013", "0912 000 013"),
        ("phone_number", "+85620123456", "+85620123456"),
        ("address", {"formatted": "12 Đường Mẫu\nTỉnh Bắc Ninh"}, "12 Đường Mẫu, Tỉnh Bắc Ninh"),
        ("address", {"locality": "Kinh Bắc", "region": "Bắc Ninh"}, "Kinh Bắc, Bắc Ninh"),
        ("email_verified", True, "Rồi"),
    ],
)
def test_a_fact_reads_as_people_write_it(claim: str, value: object, shown: str) -> None:
    (row,) = person_rows({claim: value}, "vi")
    assert row.value == shown


def test_the_level_of_a_sign_in_is_said_in_words() -> None:
    (row,) = sign_in_rows({"acr": "urn:bacninh:xacthuc:1"}, "en")
    assert row.value == "Level 1"
