"""Requests about my data: asked on a page, seen with their days, taken back; by the person alone."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.rights import RightKind, RightsRequest
from idp.web import rights_texts
from tests.builders import Citizen, a_citizen, parked_in, sign_in
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import events, rows_of

SAID = "Tên đệm của tôi bị sai <b>"


def ask(browser: FlaskClient, kind: str = "correct", words: str = SAID, **more: str) -> TestResponse:
    form = {"parked": parked_in(browser.get("/account/rights")), "kind": kind, "words": words, **more}
    return browser.post("/account/rights", data=form)


def take_back(browser: FlaskClient, page: TestResponse, request: str) -> TestResponse:
    return browser.post("/account/rights/withdraw", data={"parked": parked_in(page), "request": request})


def ids_in(page: TestResponse) -> list[str]:
    return re.findall(r'name="request" value="(\w+)"', page.text)


def act(app: Flask, deed: Any, request: str, words: str, **more: Any) -> RightsRequest:
    with app.app_context(), storage.begin() as tx:
        [row] = [row for row in rows_of("rights_requests") if row.id.hex == request]
        done: RightsRequest = deed(
            tx, app.extensions["idp"], row.id, words, rights_texts.notice, actor="Bà Bình", **more
        )
        return done


def test_a_request_is_seen_with_its_days_and_every_contact_is_told(app: Flask, browser: FlaskClient) -> None:
    page = ask(browser)
    assert "03/12/2026" in page.text
    listed = page.text[: page.text.index('id="new"')]
    for part in ("Tên đệm của tôi bị sai &lt;b&gt;", "01/12/2026", "03/12/2026", "11/12/2026"):
        assert part in listed
    for message in messages(app):
        assert "03/12/2026" in message.text
        assert "11/12/2026" in message.text
        assert "http" not in message.text
        assert "Tên đệm" not in message.text
    assert [message.channel for message in messages(app)] == ["sms", "mail"]
    with app.app_context():
        assert events()["rights.asked"] == 1
        [row] = rows_of("rights_requests")
    assert (row.kind, row.received_by) == ("correct", "the person")


@pytest.mark.parametrize("kind", RightKind)
def test_each_kind_can_be_asked_for_and_tells_how_it_goes(browser: FlaskClient, kind: RightKind) -> None:
    assert f'value="{kind}"' in browser.get("/account/rights").text
    assert len(ids_in(ask(browser, kind, ""))) == 1


def test_what_an_officer_says_is_read_on_the_page(app: Flask, browser: FlaskClient, clock: FixedClock) -> None:
    [request] = ids_in(ask(browser, "object"))
    clock.advance(minutes=5)
    act(app, flows.rights.answer, request, "Đang hỏi Cổng dịch vụ", through_others=True)
    page = browser.get("/account/rights")
    assert "Đang hỏi Cổng dịch vụ" in page.text
    assert "21/12/2026" in page.text
    act(app, flows.rights.refuse, request, "Luật buộc phải giữ", legal_ground="Luật 91/2025/QH15, Điều 19")
    page = browser.get("/account/rights")
    assert "Luật buộc phải giữ" in page.text
    assert "Luật 91/2025/QH15, Điều 19" in page.text
    assert ids_in(page) == []


def test_what_is_late_is_said_to_be(app: Flask, citizen: Citizen, browser: FlaskClient, clock: FixedClock) -> None:
    ask(browser)
    late = "<strong>"
    assert late not in browser.get("/account/rights").text.split('id="requests"')[1].split('id="new"')[0]
    clock.advance(days=3)
    sign_in(browser, citizen)
    assert late in browser.get("/account/rights").text.split('id="requests"')[1].split('id="new"')[0]


def test_one_s_own_request_is_taken_back_once(app: Flask, browser: FlaskClient) -> None:
    page = ask(browser)
    [request] = ids_in(page)
    done = take_back(browser, page, request)
    assert ids_in(done) == []
    assert take_back(browser, done, request).status_code == 200
    with app.app_context():
        assert events()["rights.withdrawn"] == 1


def test_another_person_s_request_is_not_there(app: Flask, browser: FlaskClient) -> None:
    [request] = ids_in(ask(browser))
    stranger = app.test_client()
    sign_in(stranger, a_citizen(app, "003085000021"))
    own = stranger.get("/account/rights")
    assert "Tên đệm" not in own.text
    answers = [take_back(stranger, own, wanted) for wanted in (request, "0" * 32, "x", "")]
    assert [answer.status_code for answer in answers] == [404] * 4
    shown = {re.sub(r"<b data-reference.*", "", answer.text.split("<main")[1]) for answer in answers}
    assert len(shown) == 1, "the same page, but for its reference"
    assert ids_in(browser.get("/account/rights")) == [request]


def test_nothing_is_done_by_a_post_from_elsewhere(app: Flask, browser: FlaskClient) -> None:
    page = ask(browser)
    [request] = ids_in(page)
    stranger = app.test_client()
    sign_in(stranger, a_citizen(app, "003085000021"))
    theirs = parked_in(stranger.get("/account/rights"))
    elsewhere = parked_in(browser.get("/account/contacts"))
    for parked in ("", "x", theirs, elsewhere):
        browser.post("/account/rights", data={"parked": parked, "kind": "erase"})
        browser.post("/account/rights/withdraw", data={"parked": parked, "request": request})
    assert ids_in(browser.get("/account/rights")) == [request]


@pytest.mark.parametrize(
    ("kind", "words", "field"), [("", SAID, "kind-access"), ("x", SAID, "kind-access"), ("erase", "ă" * 2001, "words")]
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    app: Flask, browser: FlaskClient, kind: str, words: str, field: str
) -> None:
    page = ask(browser, kind, words)
    assert page.status_code == 400
    assert f'href="#{field}"' in page.text
    assert words.partition(" <")[0] in page.text
    assert (kind == "erase") is bool(re.search(r'value="erase"[^>]* checked', page.text))
    with app.app_context():
        assert rows_of("rights_requests") == []


def test_the_sixth_is_too_many(browser: FlaskClient) -> None:
    assert [ask(browser).status_code for _ in range(6)] == [200] * 5 + [429]


def test_what_was_asked_is_part_of_what_is_taken_away(browser: FlaskClient) -> None:
    ask(browser)
    [said] = browser.get("/account/download").get_json()["requests"]
    assert (said["kind"], said["received"], said["done_by"]) == ("correct", SAID, "2026-12-11")


def test_the_pages_lead_there(browser: FlaskClient) -> None:
    for path in ("/account", "/account/activity", "/privacy"):
        assert 'href="/account/rights"' in browser.get(path).text
