"""docs/integrate/native-app.md: a program on the person's own machine, with Authlib.

RFC 8252 7.3 and 8, OIDC Core 3.1, RFC 9207, RFC 7636, OIDC Core 12 (refresh), RFC 7009, RP-Initiated Logout 1.0. The
program listens at a port of its own choice and prints the address that it opens in the browser.
"""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from flask import Flask, request
from joserfc.jwk import ECKey
from playwright.sync_api import expect
from werkzeug.serving import make_server

from demo.service import QuietHandler
from tests.clients.pages import read_page
from tests.clients.running import OPENED, Client
from tests.clients.test_false_provinces import FalseProvince
from tests.clients.walks import answer_falsely, assert_asks_safely, assert_province_forgot
from tests.demo.fake_province import PERSON
from tests.journeys.demo_process import DemoProcess
from tests.journeys.visitor import TOLD_WITHIN, Person, Visitor, until

pytestmark = [pytest.mark.journey, pytest.mark.postgres]

PROGRAM, LOG = "so_hoa.py", "so_hoa.log"
FAILED = "Chưa đăng nhập được. Xin mở lại chương trình để thử lại."
UNREGISTERED = "redirect_uri is missing or not one of the registered ones"


@pytest.fixture(scope="module")
def installed(install_client: Callable[[str], Client]) -> Client:
    return install_client("native-app")


@pytest.fixture
def program(installed: Client) -> Iterator[Client]:
    """The program, just started: it waits for somebody to sign in."""
    (installed.folder / LOG).unlink(missing_ok=True)
    installed.launch()
    yield installed
    installed.stop()


def opened(program: Client, path: str = "/authorize") -> str:
    """The address that the program opens in the browser."""
    return program.hear(rf"{OPENED} (\S+{re.escape(path)}\?\S+)\n")[1]


def asked_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def sign_in(visitor: Visitor, program: Client, person: Person, decision: str = "allow") -> dict[str, str]:
    """From the address that the program opens over sign-in and consent to its page; what it asked for."""
    address = opened(program)
    visitor.page.goto(address)
    visitor.sign_in(person)
    expect(visitor.page.locator("main")).to_contain_text(program.registered["client_name"])
    visitor.answer(decision)
    expect(visitor.page).to_have_url(re.compile(re.escape(asked_of(address)["redirect_uri"])))
    return asked_of(address)


def amend(program: Client, line: str, other: str) -> None:
    """Change a line of the program, as its reader may."""
    file = program.folder / PROGRAM
    text = file.read_text("utf-8")
    assert text.count(f"\n{line}") == 1
    file.write_text(text.replace(f"\n{line}", f"\n{other}"), "utf-8")


def assert_failed(program: Client, said: str, reason: str) -> None:
    """It ended with one sentence for the person and not with 0; the reason is in its log."""
    assert program.wait() == 1
    assert program.output.splitlines()[-1] == said
    assert "Traceback" not in program.output
    assert reason in (program.folder / LOG).read_text("utf-8").splitlines()[-1]


# -- who signs in --------------------------------------------------------------------------------------------------


def test_a_person_signs_in_asks_again_and_signs_out(visitor: Visitor, program: Client, person: Person) -> None:
    asked = sign_in(visitor, program, person)
    assert_asks_safely(asked)
    expect(visitor.page.locator("h1")).to_have_text("Xin trở lại chương trình Số hóa hồ sơ")
    expect(visitor.page.locator("p")).to_have_text("Ông/Bà có thể đóng cửa sổ này.")
    program.hear(f"Xin chào, {person.name}\n")
    program.type_in("")
    program.hear(rf"Lấy lại lúc [\d:]+: {person.name}\n")
    program.type_in("")  # the refresh token of the first refresh
    program.hear(rf"(?s)(Lấy lại lúc [\d:]+: {person.name}\n.*){{2}}")
    program.type_in("x")
    visitor.page.goto(opened(program, "/oauth2/logout"))
    expect(visitor.page.locator("h1")).to_have_text("Đã đăng xuất")
    assert visitor.is_at(visitor.demo.provider, "/signed-out")
    assert program.wait() == 0
    assert_province_forgot(visitor)


def test_the_address_is_printed_for_whom_no_browser_opens(program: Client) -> None:
    address = opened(program)
    assert address in program.output.replace(f"{OPENED} {address}", "").splitlines()


def test_who_signs_out_elsewhere_is_out_at_the_next_refresh(
    visitor: Visitor, program: Client, demo: DemoProcess, person: Person
) -> None:
    sign_in(visitor, program, person)
    program.hear(f"Xin chào, {person.name}\n")
    visitor.enter(demo.portal, person)
    visitor.sign_out_at(demo.portal)
    program.type_in("")
    assert_failed(program, "Phiên đăng nhập đã hết. Xin mở lại chương trình để đăng nhập.", "invalid_grant")


def test_signing_out_ends_the_access_before_any_page_is_opened(
    visitor: Visitor, program: Client, demo: DemoProcess, person: Person
) -> None:
    """RFC 7009; the session in the browser is another half."""
    sign_in(visitor, program, person)
    program.hear(f"Xin chào, {person.name}\n")
    revoked = demo.logs.count("/oauth2/revoke")
    program.type_in("x")
    opened(program, "/oauth2/logout")
    until(lambda: demo.logs.count("/oauth2/revoke") > revoked, TOLD_WITHIN)


def test_rfc8252_8_4_the_program_has_no_secret_and_keeps_nothing(
    visitor: Visitor, program: Client, person: Person
) -> None:
    """RFC 8252 8.4 and 8.5: a public client; its tokens are in its memory alone."""
    assert "client_secret" not in program.registered
    assert program.registered["token_endpoint_auth_method"] == "none"
    sign_in(visitor, program, person)
    program.hear(f"Xin chào, {person.name}\n")
    program.type_in("")
    program.hear("Lấy lại lúc")
    files = {path.name: path for path in program.folder.rglob("*") if path.is_file()}
    assert set(files) == {*program.page.files, LOG, "client.log"}
    assert files[LOG].read_text("utf-8") == ""
    assert re.findall(r"\S{40,}", program.output.replace(opened(program), "")) == []  # no token, no verifier


# -- who does not --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lies", "reason"),
    [
        ({"state": "of-somebody-else"}, "state of the answer"),
        ({"iss": "https://other.example"}, "iss of the answer"),
        ({"error": "server_error", "code": ""}, "the province answers 'server_error'"),
        ({}, "code is not one that was given to this service"),
    ],
    ids=["state", "iss", "error", "code"],
)
def test_a_false_answer_signs_nobody_in(visitor: Visitor, program: Client, lies: dict[str, str], reason: str) -> None:
    answer_falsely(visitor, program, asked_of(opened(program)), **lies)
    expect(visitor.page.locator("p")).to_contain_text("đóng cửa sổ")
    assert_failed(program, FAILED, reason)


@pytest.mark.parametrize("missing", ["state", "iss"])
def test_an_answer_without_state_or_iss_signs_nobody_in(program: Client, missing: str) -> None:
    asked = asked_of(opened(program))
    answer = {"code": "x", "state": asked["state"], "iss": program.province}
    del answer[missing]
    requests.get(f"{asked['redirect_uri']}?{urlencode(answer)}", timeout=20)
    assert_failed(program, FAILED, f"{missing} of the answer")


def test_who_does_not_agree_reads_why_nothing_happened(visitor: Visitor, program: Client, person: Person) -> None:
    sign_in(visitor, program, person, "deny")
    assert_failed(program, "Ông/Bà chưa đồng ý cho xem thông tin.", "access_denied")


def test_who_never_comes_back_is_not_waited_for_for_ever(install_client: Callable[[str], Client]) -> None:
    program = install_client("native-app")
    amend(program, "WAIT_FOR = 300", "WAIT_FOR = 1")
    program.launch()
    assert_failed(program, "Hết thời gian chờ đăng nhập. Xin mở lại chương trình.", "nobody came back")


def test_a_province_that_does_not_answer_is_told_in_one_sentence(install_client: Callable[[str], Client]) -> None:
    program = install_client("native-app")
    amend(program, f'PROVINCE = "{program.province}"', 'PROVINCE = "http://localhost:1"')
    program.launch()
    assert_failed(program, FAILED, "ConnectionError")


# -- the loopback interface ----------------------------------------------------------------------------------------


def test_rfc8252_7_3_two_programs_of_one_machine_listen_at_ports_of_their_own(
    visitor: Visitor, program: Client, install_client: Callable[[str], Client], person: Person
) -> None:
    other = install_client("native-app")
    other.launch()
    addresses = [urlsplit(asked_of(opened(each))["redirect_uri"]) for each in (program, other)]
    assert addresses[0].port != addresses[1].port
    assert [each.hostname for each in addresses] == ["127.0.0.1", "127.0.0.1"]
    assert program.registered["redirect_uris"][0] == "http://127.0.0.1/callback"  # no port is registered
    sign_in(visitor, program, person)
    program.hear(f"Xin chào, {person.name}\n")
    visitor.page.goto(opened(other))
    visitor.answer()
    other.hear(f"Xin chào, {person.name}\n")


def test_rfc8252_7_3_the_same_at_the_loopback_address_of_ipv6(
    visitor: Visitor, install_client: Callable[[str], Client], person: Person
) -> None:
    program = install_client("native-app")
    amend(program, 'LOOPBACK = ("127.0.0.1", "::1")', 'LOOPBACK = ("192.0.2.1", "::1")')  # the first cannot be had
    program.launch()
    asked = sign_in(visitor, program, person)
    assert re.fullmatch(r"http://\[::1\]:\d+/callback", asked["redirect_uri"])
    program.hear(f"Xin chào, {person.name}\n")


def test_rfc8252_7_3_an_address_that_differs_beyond_its_port_is_refused(visitor: Visitor, program: Client) -> None:
    address = opened(program)
    registered = asked_of(address)["redirect_uri"]
    for other in (
        registered.replace("/callback", "/other"),
        f"{registered}/",
        f"{registered}?x=1",
        registered.replace("127.0.0.1", "localhost"),
        registered.replace("127.0.0.1", "127.0.0.2"),
        registered.replace("http:", "https:"),
        registered.replace("127.0.0.1", "127.0.0.1.evil.example"),
    ):
        asked = {**asked_of(address), "redirect_uri": other}
        said = visitor.page.goto(f"{program.province}/oauth2/authorize?{urlencode(asked)}")
        assert said is not None
        assert said.status == 400, other
        expect(visitor.page.locator("body")).to_contain_text(UNREGISTERED)
        assert visitor.page.url.startswith(program.province)


def test_rp_logout_3_a_port_that_varies_is_no_registered_address(
    visitor: Visitor, program: Client, person: Person
) -> None:
    """What the page says of `post_logout_redirect_uri`: when this fails, the page may say better things."""
    sign_in(visitor, program, person)
    program.hear(f"Xin chào, {person.name}\n")
    program.type_in("x")
    leaving = {"post_logout_redirect_uri": "http://127.0.0.1:50999/callback"}
    visitor.page.goto(f"{opened(program, '/oauth2/logout')}&{urlencode(leaving)}")
    assert visitor.is_at(visitor.demo.provider, "/signed-out")


def test_rfc8252_8_3_only_this_machine_is_heard_and_only_one_answer_is_taken(program: Client) -> None:
    asked = asked_of(opened(program))
    redirect_uri = urlsplit(asked["redirect_uri"])
    assert redirect_uri.port is not None
    with socket.socket() as elsewhere:
        assert elsewhere.connect_ex(("127.0.0.2", redirect_uri.port)) != 0
    with socket.create_connection(("127.0.0.1", redirect_uri.port)):  # as browsers do before they have a question
        icon = requests.get(f"http://{redirect_uri.netloc}/favicon.ico", timeout=20)
        assert icon.status_code == 404
        answer = {"error": "access_denied", "state": asked["state"], "iss": program.province}
        page = requests.get(f"{asked['redirect_uri']}?{urlencode(answer)}", timeout=20)
        assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
        assert program.wait() == 1
    with socket.socket() as afterwards:
        assert afterwards.connect_ex(("127.0.0.1", redirect_uri.port)) != 0


def test_rfc8252_8_6_who_agreed_before_is_asked_again(visitor: Visitor, program: Client, person: Person) -> None:
    """Another program of the same machine may have taken its client_id."""
    sign_in(visitor, program, person)
    program.hear(f"Xin chào, {person.name}\n")
    program.launch()
    visitor.page.goto(opened(program))
    assert visitor.path == "/consent"
    visitor.answer()
    program.hear(f"Xin chào, {person.name}\n")


# -- a province that lies ------------------------------------------------------------------------------------------


class PublicProvince(FalseProvince):
    """A false province for a service without a secret."""

    def is_proved(self) -> bool:
        return request.authorization is None and request.form["client_id"] == self.client_id


@pytest.fixture(scope="module")
def lied_to(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PublicProvince, Client]]:
    """The program, installed, and the false province that it believes in."""
    province = PublicProvince(client_id="somebody")
    server = make_server("127.0.0.1", 0, Flask("waiting"), threaded=True, request_handler=QuietHandler)
    province.issuer = f"http://localhost:{server.server_port}"
    server.app = province.app()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    folder: Path = tmp_path_factory.mktemp("native-app")
    client = Client(read_page("native-app"), province.issuer, "http://127.0.0.1", folder)
    client.install()
    yield province, client
    client.stop()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def false_province(lied_to: tuple[PublicProvince, Client]) -> PublicProvince:
    """It says the truth, until a test has it lie."""
    province = lied_to[0]
    province.thief = None
    province.tampered, province.other_person_at_userinfo = {}, False
    return province


def come_back(program: Client) -> None:
    """Sign in as somebody at the false province, which asks nobody anything."""
    program.launch()
    requests.get(opened(program), timeout=20)


def test_the_stand_in_signs_in_who_is_not_lied_to(
    false_province: PublicProvince, lied_to: tuple[PublicProvince, Client]
) -> None:
    come_back(lied_to[1])
    lied_to[1].hear(f"Xin chào, {PERSON['name']}\n")
    assert false_province.asked


@pytest.mark.parametrize(
    ("tampered", "reason"),
    [
        ({"iss": "https://other.example"}, "'iss'"),
        ({"aud": "another-service"}, "'aud'"),
        ({"aud": "another-service", "azp": "somebody"}, "'aud'"),
        ({"aud": None}, "'aud'"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "'exp'"),
        ({"nonce": "another"}, "'nonce'"),
        ({"nonce": None}, "'nonce'"),
        ({"sub": None}, "'sub'"),
        ({"at_hash": "another"}, "'at_hash'"),
    ],
    ids=str,
)
def test_oidc_core_3_1_3_7_a_wrong_id_token_signs_nobody_in(
    false_province: PublicProvince, lied_to: tuple[PublicProvince, Client], tampered: dict[str, Any], reason: str
) -> None:
    false_province.tampered = tampered
    come_back(lied_to[1])
    assert_failed(lied_to[1], FAILED, reason)


def test_oidc_core_3_1_3_7_a_foreign_signature_signs_nobody_in(
    false_province: PublicProvince, lied_to: tuple[PublicProvince, Client]
) -> None:
    false_province.thief = ECKey.generate_key("P-256", {"kid": false_province.key.kid}, auto_kid=False)
    come_back(lied_to[1])
    assert_failed(lied_to[1], FAILED, "BadSignatureError")


def test_oidc_core_5_3_2_userinfo_of_another_person_signs_nobody_in(
    false_province: PublicProvince, lied_to: tuple[PublicProvince, Client]
) -> None:
    false_province.other_person_at_userinfo = True
    come_back(lied_to[1])
    assert_failed(lied_to[1], FAILED, "userinfo tells of another person")
