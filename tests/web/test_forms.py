"""A request that waits behind a page: sealed, bound to one browser, for a while, and of bounded size."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.refusals import Refusal
from idp.runtime import chance
from idp.web import forms
from idp.web.forms import LARGEST, Parked
from tests.builders import a_citizen, a_service, ask, follow, page_of, parked_in, request_of
from tests.doubles import START, FixedClock
from tests.web.policy import error_of

SESSION = chance.new_id(START).hex


def sealed(app: Flask, parked: Parked) -> str:
    with app.test_request_context("/"):
        return forms.seal(parked)


def test_what_was_parked_comes_back(sqlite_app: Flask) -> None:
    parked = Parked(
        door="authorize.authorize",
        pairs=(("state", "a&b=c 'é' 🦆"), ("resource", "1"), ("resource", "2"), ("ui_locales", "en vi")),
        at=START + timedelta(microseconds=123_457),
        binding="b" * 32,
        chosen=SESSION,
        session=SESSION,
    )
    with sqlite_app.test_request_context("/"):
        assert forms.unseal(forms.seal(parked)) == parked
        assert forms.unseal(forms.seal(Parked("home.home"))) == Parked("home.home")
    assert parked.language_wanted == "en vi"


@given(st.datetimes(START.replace(tzinfo=None), timezones=st.just(START.tzinfo)))
def test_the_moment_is_kept_to_the_microsecond(at: Any) -> None:
    """A sign-in in the same moment counts as one since the request (OIDC Core 3.1.2.1, prompt=login)."""
    assert type(at).fromtimestamp(float(f"{at.timestamp():.6f}"), START.tzinfo) == at or at.year > 2100


def test_it_says_nothing_to_who_reads_it(sqlite_app: Flask) -> None:
    text = sealed(sqlite_app, Parked("home.home", (("login_hint", "003190000013"),)))
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert b"003190000013" not in raw
    assert b"home" not in raw


def test_a_request_that_fits_behind_its_first_page_fits_behind_every_later_one(sqlite_app: Flask) -> None:
    first = Parked("authorize.authorize", (("pad", "x" * 5000),), START, binding="b" * 32)
    last = Parked("authorize.authorize", first.pairs, START + timedelta(microseconds=1), "b" * 32, SESSION, SESSION)
    assert len(sealed(sqlite_app, first)) == len(sealed(sqlite_app, last))


def test_beyond_8_kb_it_is_refused_and_never_cut(sqlite_app: Flask) -> None:
    with pytest.raises(Refusal) as refused:
        sealed(sqlite_app, Parked("home.home", (("pad", "x" * LARGEST),)))
    assert refused.value.code == "request_too_large"


def test_an_authorization_request_beyond_8_kb_is_answered_by_a_page(sqlite_app: Flask) -> None:
    service = a_service(sqlite_app)
    for method in ("GET", "POST"):
        form = request_of(service, pad="x" * 9000)
        client = sqlite_app.test_client()
        options: dict[str, Any] = {"query_string": form} if method == "GET" else {"data": form}
        answer = client.open("/oauth2/authorize", method=method, **options)
        assert answer.status_code == 413
        assert error_of(answer)


@pytest.mark.parametrize("damage", ["first", "middle", "last", "longer", "shorter", "padded", "empty", "endless"])
def test_a_damaged_text_is_not_ours(sqlite_app: Flask, damage: str) -> None:
    text = sealed(sqlite_app, Parked("home.home"))

    def flip(place: int) -> str:
        return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]

    damaged = {
        "first": flip(0),
        "middle": flip(len(text) // 2),
        "last": flip(len(text) - 1),
        "longer": text + "A",
        "shorter": text[:-1],
        "padded": text + "=",
        "empty": "",
        "endless": "A" * (LARGEST + 1),
    }[damage]
    with sqlite_app.test_request_context("/"):
        assert forms.unseal(text) is not None
        assert forms.unseal(damaged) is None


@pytest.mark.parametrize("text", ["x", "đ", "a b", "\x00", "A" * 100, "../..", "%41"])
def test_a_foreign_text_is_not_ours(sqlite_app: Flask, text: str) -> None:
    with sqlite_app.test_request_context("/"):
        assert forms.unseal(text) is None


@pytest.mark.parametrize("purpose", ["code", "token", "wrap"])
def test_what_was_sealed_for_another_purpose_is_not_ours(sqlite_app: Flask, purpose: str) -> None:
    keyring = sqlite_app.extensions["idp"].keyring
    with sqlite_app.test_request_context("/"):
        text = forms.seal(Parked("home.home"))
        other = keyring.seal_text(purpose, keyring.open_text("page", text))
        assert forms.unseal(other) is None


@pytest.mark.parametrize(
    ("age", "ours"), [(0, True), (3600, True), (3601, False), (-1, False)], ids=["new", "an hour", "older", "future"]
)
def test_a_page_is_good_for_an_hour(sqlite_app: Flask, clock: FixedClock, age: int, ours: bool) -> None:
    secret = chance.new_secret()
    with sqlite_app.test_request_context("/", headers={"Cookie": f"idp_page={secret}"}):
        bound = forms.here(Parked("home.home", at=clock.now() - timedelta(seconds=age)), forms.seal).get_data(
            as_text=True
        )
        parked = forms.unseal(bound)
        assert parked is not None
        assert forms.is_ours(parked) is ours
    with sqlite_app.test_request_context("/", headers={"Cookie": f"idp_page={chance.new_secret()}"}):
        assert not forms.is_ours(parked), "another browser's"
    with sqlite_app.test_request_context("/"):
        assert not forms.is_ours(parked), "a browser without cookies"


def test_an_unbound_request_is_nobodys(sqlite_app: Flask, clock: FixedClock) -> None:
    with sqlite_app.test_request_context("/"):
        assert not forms.is_ours(Parked("home.home", at=clock.now()))


# -- at the door ---------------------------------------------------------------------------------------------------


def open_page(client: FlaskClient, app: Flask, **parameters: str) -> tuple[Any, str]:
    service = a_service(app)
    page = follow(client, ask(client, service, **parameters))
    assert page_of(page) == "sign_in"
    return service, parked_in(page)


def test_login_csrf_a_page_of_another_browser_signs_nobody_in(sqlite_app: Flask) -> None:
    """The attacker's own page and password, posted by the victim's browser: nothing is checked."""
    attacker, victim = sqlite_app.test_client(), sqlite_app.test_client()
    citizen = a_citizen(sqlite_app)
    _, parked = open_page(attacker, sqlite_app)
    victim.get("/sign-in", follow_redirects=True)
    form = {"parked": parked, "identifier": citizen.number, "password": citizen.password}
    for browser in (victim, sqlite_app.test_client()):
        answer = browser.post("/sign-in", data=form)
        assert answer.status_code == 400
        assert page_of(answer) == "sign_in"
        assert browser.get_cookie("idp_session") is None


def test_a_page_opened_in_another_browser_restarts_there(sqlite_app: Flask) -> None:
    """A link that was passed on: the other browser gets a page of its own, for the same service."""
    _, parked = open_page(sqlite_app.test_client(), sqlite_app)
    other = sqlite_app.test_client()
    other.get("/sign-in")
    page = follow(other, other.get("/sign-in", query_string={"parked": parked}))
    assert page_of(page) == "sign_in"
    assert "Dịch vụ thử" in page.text


@pytest.mark.parametrize("path", ["/sign-in", "/consent", "/choose-account", "/sign-out"])
@pytest.mark.parametrize("parked", ["", "rac", "A" * 9000])
def test_a_post_with_a_foreign_text_is_answered_and_changes_nothing(sqlite_app: Flask, path: str, parked: str) -> None:
    client = sqlite_app.test_client()
    answer = client.post(path, data={"parked": parked, "identifier": "x", "password": "y", "decision": "allow"})
    assert answer.status_code in (303, 400)
    assert client.get_cookie("idp_session") is None


def test_a_parked_request_of_one_door_is_not_taken_at_another(sqlite_app: Flask, clock: FixedClock) -> None:
    text = sealed(sqlite_app, Parked("home.home", at=clock.now()))
    client = sqlite_app.test_client()
    answer = client.get("/oauth2/authorize", query_string={"parked": text})
    assert answer.status_code == 400
    assert error_of(answer)
    assert client.get("/consent", query_string={"parked": text}).location == "/"
    assert client.get("/choose-account", query_string={"parked": text}).location == "/"
