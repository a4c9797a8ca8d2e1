"""`flask services`: import from a file, all or nothing; a made secret is printed once; the list."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.builders import a_citizen, a_service, ask, lend_keys, obtain_tokens, refresh, userinfo
from tests.cli.conftest import Type
from tests.doubles import FixedClock
from tests.rows import count_rows, events, rows_of

SECRET = "mat-khau-cua-dich-vu-0123456789"
PORTAL: dict[str, Any] = {
    "client_id": "cong",
    "client_secret": SECRET,
    "client_name": "Cổng dịch vụ công",
    "redirect_uris": ["https://cong.example/cb"],
}


def file_of(folder: Path, document: object) -> str:
    file = folder / "services.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return str(file)


def test_services_are_registered_then_renewed(type_in: Type, tmp_path: Path) -> None:
    file = file_of(tmp_path, {"clients": [PORTAL]})
    assert type_in("services", "import", file).output == "registered cong\n"
    assert type_in("services", "import", file).output == "renewed cong\n"


def test_a_secret_that_was_made_here_is_printed_this_once(type_in: Type, tmp_path: Path) -> None:
    file = file_of(tmp_path, [{name: value for name, value in PORTAL.items() if name != "client_secret"}])
    first = type_in("services", "import", file)
    [secret] = [line.rpartition(" ")[2] for line in first.output.splitlines() if "client_secret" in line]
    assert len(secret) >= 43
    for again in (type_in("services", "import", file), type_in("services", "list")):
        assert again.exit_code == 0
        assert secret not in again.output


def test_a_secret_that_was_given_is_not_printed(type_in: Type, tmp_path: Path) -> None:
    assert SECRET not in type_in("services", "import", file_of(tmp_path, [PORTAL])).output


def test_a_named_exception_is_taken(type_in: Type, tmp_path: Path) -> None:
    exception = {"rule": "pkce", "reason": "Liferay 6 không biết PKCE", "until": "2027-06-30"}
    assert type_in("services", "import", file_of(tmp_path, [{**PORTAL, "exceptions": [exception]}])).exit_code == 0


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("{", "the file is not JSON"),
        ("", "the file is not JSON"),
        ("\ufeff[]", "the file is not JSON"),
        ({}, "the file must hold a list of objects"),
        (
            [PORTAL, {**PORTAL, "client_id": "khac", "redirect_uris": ["http://khac.example"]}],
            "object 1: redirect_uris[0]",
        ),
        (
            [{**PORTAL, "exceptions": [{"rule": "tls", "reason": "x", "until": "2027-06-30"}]}],
            "object 0: exceptions[0]",
        ),
        ([5], "object 0: the metadata must be a JSON object"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_and_nothing_is_kept(
    sqlite_app: Flask, type_in: Type, tmp_path: Path, document: object, sentence: str
) -> None:
    with sqlite_app.app_context():
        before = count_rows()
    done = type_in("services", "import", file_of(tmp_path, document))
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: {sentence}")
    assert done.output.count("\n") == 1
    assert SECRET not in done.output
    with sqlite_app.app_context():
        assert count_rows() == before


def test_a_file_that_is_not_there_is_named(type_in: Type) -> None:
    done = type_in("services", "import", "/khong/co.json")
    assert done.exit_code == 2
    assert "/khong/co.json" in done.output


def test_a_file_that_is_not_text_is_refused(type_in: Type, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(b"\xff\xfe\x00")
    done = type_in("services", "import", str(file))
    assert (done.exit_code, done.output[:28]) == (1, "Error: the file is not JSON:")


def test_the_list_shows_every_service_without_its_secret(type_in: Type, tmp_path: Path) -> None:
    assert type_in("services", "list").output == "No service is registered.\n"
    file = file_of(tmp_path, [PORTAL, {**PORTAL, "client_id": "mot-cua", "legal_basis": "Luật A", "sector": "nhom"}])
    type_in("services", "import", file)
    shown = type_in("services", "list").output
    for part in ("cong", "mot-cua", "active", "nhom", "Luật A", "https://cong.example/cb"):
        assert part in shown
    assert SECRET not in shown


def test_a_suspended_service_gets_nothing_until_it_is_resumed(
    sqlite_app: Flask, type_in: Type, clock: FixedClock
) -> None:
    citizen, service, browser = a_citizen(sqlite_app), a_service(sqlite_app), sqlite_app.test_client()
    tokens = obtain_tokens(browser, service, citizen)
    assert type_in("services", "suspend", service.client_id).output == f"{service.client_id} is suspended\n"
    clock.advance(seconds=5)
    assert userinfo(browser, tokens["access_token"]).status_code == 401
    assert refresh(browser, service, tokens["refresh_token"]).status_code == 401
    assert ask(browser, service).status_code == 400
    assert type_in("services", "resume", service.client_id).output == f"{service.client_id} is active\n"
    clock.advance(seconds=5)
    assert userinfo(browser, tokens["access_token"]).status_code == 200
    assert refresh(browser, service, tokens["refresh_token"]).status_code == 200
    with sqlite_app.app_context():
        assert (events()["service.suspended"], events()["service.resumed"]) == (1, 1)


@pytest.mark.parametrize("command", ["suspend", "resume"])
def test_an_unknown_service_is_named(type_in: Type, command: str) -> None:
    done = type_in("services", command, "khong-co")
    assert done.exit_code == 1
    assert "no service has the client_id khong-co" in done.output


def test_an_invitation_is_shown_once_and_lets_in(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url, IDP_REGISTRATION_OPEN="false")
    done = app.test_cli_runner().invoke(args=["services", "invite", "--uses", "1", "--days", "1"])
    assert done.exit_code == 0, done.output
    headers = {"Authorization": f"Bearer {done.output.strip()}"}
    document = {"redirect_uris": ["https://moi.example/cb"]}
    assert app.test_client().post("/oauth2/register", json=document, headers=headers).status_code == 201
    assert app.test_client().post("/oauth2/register", json=document, headers=headers).status_code == 401


@pytest.mark.parametrize("words", [("--uses", "0"), ("--days", "91"), ("--uses", "x")])
def test_an_invitation_has_its_bounds(type_in: Type, words: tuple[str, str]) -> None:
    assert type_in("services", "invite", *words).exit_code == 2


def test_an_invitation_says_what_may_be_registered(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url, IDP_REGISTRATION_OPEN="false")
    words = ["--scopes", "openid phone", "--hosts", "MOI.example", "--hosts", "thu.moi.example", "--uses", "9"]
    done = app.test_cli_runner().invoke(args=["services", "invite", *words])
    assert done.exit_code == 0, done.output
    headers = {"Authorization": f"Bearer {done.output.strip()}"}

    def register(address: str, **members: object) -> int:
        document = {"redirect_uris": [address], **members}
        return app.test_client().post("/oauth2/register", json=document, headers=headers).status_code

    assert register("https://moi.example/cb", scope="openid phone") == 201
    assert register("https://thu.moi.example/cb") == 201
    assert register("https://khac.example/cb") == 400
    assert register("https://moi.example/cb", scope="openid email") == 400


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--scopes", "profile"), "scopes must hold openid"),
        (("--scopes", ""), "scopes must hold openid"),
        (("--scopes", "openid khac"), "scopes must hold openid"),
        (("--scopes", "openid personal_id_number"), "scopes must hold openid"),
        (("--scopes", "openid dvcqg"), "scopes must hold openid"),
        (("--hosts", "https://moi.example"), "hosts must be host names"),
        (("--hosts", "moi.example:8443"), "hosts must be host names"),
        (("--hosts", ""), "hosts must be host names"),
    ],
)
def test_an_invitation_that_cannot_be_is_refused_in_one_sentence(
    sqlite_app: Flask, type_in: Type, words: tuple[str, str], sentence: str
) -> None:
    done = type_in("services", "invite", *words)
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: {sentence}")
    assert done.output.count("\n") == 1
    with sqlite_app.app_context():
        assert rows_of("initial_access_tokens") == []


def test_outside_development_an_invitation_names_the_agency(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url, IDP_ISSUER="https://xacthuc.example")
    lend_keys(app)
    runner = app.test_cli_runner()
    refused = runner.invoke(args=["services", "invite"])
    assert (refused.exit_code, "--agency is missing" in refused.output) == (2, True)
    assert runner.invoke(args=["services", "invite", "--agency", "H05.01"]).exit_code == 0
