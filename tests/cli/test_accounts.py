"""`flask accounts create`: the password by standard input, one sentence when something is wrong."""

from datetime import UTC, datetime

import pytest
from flask import Flask

from tests.builders import Citizen, a_citizen, a_service, obtain_tokens, sign_in
from tests.cli.conftest import Type
from tests.rows import count_rows, rows_of

NUMBER, PASSWORD = "003190000099", "Mat-khau-rieng-2026!"
NEW = ("accounts", "create", "--number", NUMBER, "--name", "Lê Thị Mẫu", "--password-stdin")


def test_an_account_is_made_and_signs_in(sqlite_app: Flask, type_in: Type) -> None:
    more = ("--birth-date", "02/01/1990", "--phone", "0912 000 099", "--email", "Le.Mau@nguoi-mau.example")
    done = type_in(*NEW, *more, input=f"{PASSWORD}\nnot read\n")
    assert (done.exit_code, done.output.startswith("Made the account ")) == (0, True), done.output
    client = sqlite_app.test_client()
    sign_in(client, Citizen(id=None, number=NUMBER, password=PASSWORD))  # type: ignore[arg-type]
    page = client.get("/account").text
    for part in ("Lê Thị Mẫu", "02/01/1990", "0912 000 099"):
        assert part in page


def test_without_the_flag_the_password_is_asked_twice_and_never_shown(type_in: Type) -> None:
    done = type_in(*NEW[:-1], input=f"{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 0
    assert PASSWORD not in done.output


@pytest.mark.parametrize(
    ("words", "password", "sentence"),
    [
        ((), "ngan", "a password needs at least 10 characters"),
        ((), NUMBER, "the password is too easy to guess"),
        ((), "", "a password needs at least 10 characters"),
        (("--number", "12345"), PASSWORD, "a personal number has 12 digits"),
        (("--name", ""), PASSWORD, None),
        (("--phone", "123"), PASSWORD, None),
        (("--email", "khong-phai-thu"), PASSWORD, "not an e-mail address (RFC 5321 4.1.2)"),
        (("--birth-date", "31/02/1990"), PASSWORD, None),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_and_nothing_is_kept(
    sqlite_app: Flask, type_in: Type, words: tuple[str, ...], password: str, sentence: str | None
) -> None:
    with sqlite_app.app_context():
        before = count_rows()
    done = type_in(*NEW, *words, input=f"{password}\n")
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert done.output.count("\n") == 1
    assert sentence is None or sentence in done.output
    assert "Traceback" not in done.output
    assert not password or password not in done.output
    with sqlite_app.app_context():
        assert count_rows() == before


def test_a_number_that_has_an_account_is_refused_without_being_repeated(type_in: Type) -> None:
    assert type_in(*NEW, input=f"{PASSWORD}\n").exit_code == 0
    again = type_in(*NEW, input=f"{PASSWORD}\n")
    assert again.exit_code == 1
    assert again.output == "Error: an account with this personal number exists\n"


def test_a_missing_option_is_explained(type_in: Type) -> None:
    done = type_in("accounts", "create")
    assert done.exit_code == 2
    assert "--number" in done.output


def test_an_account_is_locked_and_unlocked_by_its_number(sqlite_app: Flask, type_in: Type) -> None:
    type_in(*NEW, input=f"{PASSWORD}\n")
    person = Citizen(id=None, number=NUMBER, password=PASSWORD)  # type: ignore[arg-type]
    locked = type_in(
        "accounts",
        "lock",
        "--number",
        NUMBER,
        "--ground",
        "misuse",
        "--reason",
        "reported stolen",
        "--legal-basis",
        "QĐ 1",
    )
    assert (locked.exit_code, locked.output.startswith("Locked ")) == (0, True), locked.output
    with pytest.raises(AssertionError):
        sign_in(sqlite_app.test_client(), person)
    again = type_in("accounts", "lock", "--number", NUMBER, "--ground", "misuse", "--reason", "again")
    assert (again.exit_code, "the account is locked already: misuse" in again.output) == (1, True)
    assert type_in("accounts", "unlock", "--number", NUMBER, "--reason", "found").exit_code == 0
    sign_in(sqlite_app.test_client(), person)


def test_an_automatic_lock_names_the_day_it_ends_and_a_decision_has_none(sqlite_app: Flask, type_in: Type) -> None:
    type_in(*NEW, input=f"{PASSWORD}\n")
    words = ("accounts", "lock", "--number", NUMBER, "--reason", "the card ran out", "--until", "01/02/2099")
    decided = type_in(*words, "--ground", "authority")
    assert (decided.exit_code, "only an automatic ground ends by itself" in decided.output) == (1, True)
    assert type_in(*words, "--ground", "card_expired").exit_code == 0
    with sqlite_app.app_context():
        [row] = rows_of("subjects")
        assert row.state_until == datetime(2099, 1, 31, 17, 0, tzinfo=UTC), "midnight in the province"


def test_an_account_is_closed_for_good(sqlite_app: Flask, type_in: Type) -> None:
    type_in(*NEW, input=f"{PASSWORD}\n")
    assert type_in("accounts", "close", "--number", NUMBER, "--because", "died", "--reason", "QĐ 3").exit_code == 0
    again = type_in("accounts", "unlock", "--number", NUMBER, "--reason", "a mistake")
    assert again.exit_code == 1
    with sqlite_app.app_context():
        [row] = rows_of("subjects")
        assert (row.state, row.state_reason) == ("closed", "died")


def test_what_is_open_is_not_erased_and_what_is_closed_is_found_no_more(sqlite_app: Flask, type_in: Type) -> None:
    type_in(*NEW, input=f"{PASSWORD}\n")
    erase = ("accounts", "erase", "--number", NUMBER, "--officer", "Bà Bình")
    assert type_in(*erase).exit_code == 1
    type_in("accounts", "close", "--number", NUMBER, "--because", "withdrawn", "--reason", "asked")
    with sqlite_app.app_context():
        [row] = rows_of("subjects")
    done = type_in(*erase)
    assert done.exit_code == 0
    assert f"Erased {row.id}." in done.output
    assert type_in(*erase).exit_code == 1, "nobody is found any more"


def test_consent_is_withdrawn_for_the_person_who_asks(sqlite_app: Flask, type_in: Type) -> None:
    citizen, service = a_citizen(sqlite_app), a_service(sqlite_app)
    obtain_tokens(sqlite_app.test_client(), service, citizen, scope="openid email")
    words = ("accounts", "withdraw", "--number", citizen.number, "--service", service.client_id)
    done = type_in(*words)
    assert (done.exit_code, done.output) == (0, f"Withdrawn; 1 grants at {service.client_id} have ended.\n")
    assert "has agreed to nothing" in type_in(*words).output


def test_a_record_is_shown_masked_and_the_look_is_noted(sqlite_app: Flask, type_in: Type) -> None:
    type_in(*NEW, "--phone", "0912 000 099", input=f"{PASSWORD}\n")
    show = ("accounts", "show", "--number", NUMBER, "--officer", "Bà Bình")
    assert type_in(*show).exit_code == 2, "a purpose is needed"
    shown = type_in(*show, "--purpose", "lost phone")
    assert shown.exit_code == 0, shown.output
    assert "Lê Thị Mẫu" in shown.output
    assert "912000099" not in shown.output
    assert NUMBER not in shown.output
    with sqlite_app.app_context():
        [entry] = [row for row in rows_of("audit") if row.event == "record.read"]
        assert entry.actor == "Bà Bình"
        assert b"lost phone" not in entry.details_sealed
