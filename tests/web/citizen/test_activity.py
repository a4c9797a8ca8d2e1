"""Where I am signed in, what was done, what I agreed to: seen, ended, withdrawn, taken away; by the person alone."""

import argparse
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from idp import flows, storage
from idp.cli.timed_jobs import TimedJobs
from idp.domain.accounts import Ground, Lock
from idp.domain.audit import Entry, Event
from idp.domain.factors import Way
from idp.domain.refusals import Refusal
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.web import texts
from tests.builders import Citizen, a_citizen, a_service, obtain_tokens, parked_in, refresh, sign_in, userinfo
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import events, rows_of
from tools import verify_log

PHONE_BROWSER = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"


def elsewhere(app: Flask, citizen: Citizen) -> FlaskClient:
    client = app.test_client()
    client.environ_base |= {"HTTP_USER_AGENT": PHONE_BROWSER, "REMOTE_ADDR": "198.51.100.7"}
    sign_in(client, citizen)
    return client


def sessions_in(text: str) -> list[str]:
    return re.findall(r'name="session" value="(\w+)"', text)


def test_each_place_is_named_and_ended_with_all_that_was_given_there(
    app: Flask, browser: FlaskClient, citizen: Citizen
) -> None:
    phone, service = elsewhere(app, citizen), a_service(app)
    tokens = obtain_tokens(phone, service, scope="openid offline_access")
    page = browser.get("/account/activity")
    assert "Chrome, Android" in page.text
    assert "198.51.100.7" in page.text
    [session] = sessions_in(page.text)
    done = browser.post("/account/activity/end", data={"parked": parked_in(page), "session": session})
    assert sessions_in(done.text) == []
    assert phone.get("/account").status_code == 303
    assert refresh(phone, service, tokens["refresh_token"]).status_code == 400
    assert browser.get("/account").status_code == 200


def test_all_other_places_are_ended_at_once(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    others = [elsewhere(app, citizen) for _ in range(3)]
    page = browser.get("/account/activity")
    browser.post("/account/activity/end", data={"parked": parked_in(page)})
    assert [other.get("/account").status_code for other in others] == [303] * 3
    assert browser.get("/account").status_code == 200


def test_nobody_ends_another_person_s_session_nor_posts_from_elsewhere(
    app: Flask, browser: FlaskClient, citizen: Citizen
) -> None:
    stranger, other = app.test_client(), a_citizen(app, "003085000021")
    for client in (stranger, app.test_client()):
        sign_in(client, other)
    elsewhere(app, citizen)
    [session] = sessions_in(browser.get("/account/activity").text)
    page = stranger.get("/account/activity")
    stranger.post("/account/activity/end", data={"parked": parked_in(page), "session": session})
    browser.post("/account/activity/end", data={"parked": parked_in(page)})
    browser.post("/account/activity/end")
    assert sessions_in(browser.get("/account/activity").text) == [session]


def test_the_history_tells_what_was_done_and_no_code_name(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    obtain_tokens(browser, a_service(app))
    text = browser.get("/account/activity").text
    for part in ("Tài khoản được tạo", "Đăng nhập", "Đồng ý để dịch vụ nhận thông tin", "Dịch vụ thử"):
        assert part in text
    assert not re.search(r"sign_in\.|consent\.|account\.", text)


def test_the_history_tells_why_the_account_was_locked(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    """Decree 69/2024 Art 30: who, why, by which document."""
    runtime: Runtime = app.extensions["idp"]
    with app.app_context(), storage.begin() as tx:
        person = flows.account_care.find_person(tx, runtime, citizen.number)
        asked = Lock(Ground.AUTHORITY, "điều tra", source="CV 7/2026", legal_basis="Luật 26/2023, Điều 34")
        flows.account_care.lock(tx, runtime, person, asked, actor="Công an tỉnh")
        flows.account_care.unlock(tx, runtime, person, reason="xong", actor="Công an tỉnh")
    sign_in(browser, citizen)
    page = browser.get("/account/activity").text
    assert "theo yêu cầu của cơ quan có thẩm quyền · điều tra · CV 7/2026 · Luật 26/2023, Điều 34" in page
    assert "authority" not in page


def test_the_history_names_the_way_that_was_added_and_who_did_the_rest(
    app: Flask, browser: FlaskClient, citizen: Citizen
) -> None:
    runtime: Runtime = app.extensions["idp"]
    with app.app_context(), storage.begin() as tx:
        key = storage.data_keys.find_data_key(tx, runtime.keyring, citizen.id)
        assert key is not None
        now = runtime.clock.now()
        for event, actor, details in (
            (Event.FACTOR_ADDED, "the person", str(Way.PASSKEY)),
            (Event.ACCOUNT_UNLOCKED, "the command line", ""),
        ):
            entry = Entry(chance.new_id(now), now, event, subject_id=citizen.id, actor=actor, details=details)
            storage.audit.insert_entry(tx, entry, key)
    text = browser.get("/account/activity").text
    assert "Khóa truy cập" in text
    assert "the command line" not in text


def test_who_does_something_to_an_account_has_a_name_in_the_page_s_language() -> None:
    """Each name that the code writes into a person's history."""
    written = {
        found
        for path in Path(flows.__file__).parents[1].rglob("*.py")
        for found in re.findall(r'actor="([^"]+)"', path.read_text("utf-8"))
    }
    assert "the worker" in written
    assert written - {"the person", "itself"} == set(texts._ACTORS)


def test_no_phone_gets_more_notices_in_a_day_than_warn_somebody(
    app: Flask, browser: FlaskClient, citizen: Citizen, clock: FixedClock
) -> None:
    """An account with a number that is paid for each message, signed in anew again and again (SMS pumping)."""
    for _ in range(25):
        sign_in(app.test_client(), citizen)
    told = [message.channel for message in messages(app, of_devices=True)]
    assert (told.count("sms"), told.count("mail")) == (20, 26)
    clock.advance(hours=24)
    sign_in(app.test_client(), citizen)
    assert messages(app, of_devices=True)[-2].channel == "sms"


def test_an_agreement_is_withdrawn_and_the_service_told(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    service = a_service(app)
    tokens = obtain_tokens(browser, service, scope="openid email")
    page = browser.get("/account")
    assert "Thư điện tử" in page.text
    assert page.text.count("Nhận: Thư điện tử (email)<") == 1, "each thing once"
    form = {"parked": parked_in(page), "service": service.client_id}
    done = browser.post("/account/withdraw", data=form)
    assert 'name="service"' not in done.text
    assert userinfo(browser, tokens["access_token"]).status_code == 401
    assert "đang được báo" in browser.get("/account").text
    with app.app_context():
        assert events()["consent.withdrawn"] == 1
        now = app.extensions["idp"].clock.now()
        with storage.begin() as tx:
            tx.execute(update(storage.tables.outbox).values(state="delivered", delivered_at=now))
    assert "Dịch vụ đã được báo lúc" in browser.get("/account").text
    assert browser.post("/account/withdraw", data=form).status_code == 200
    stranger = app.test_client()
    sign_in(stranger, a_citizen(app, "003085000021"))
    obtain_tokens(stranger, service)
    browser.post(
        "/account/withdraw", data={"parked": parked_in(stranger.get("/account")), "service": service.client_id}
    )
    with app.app_context():
        assert events()["consent.withdrawn"] == 1


def test_a_sign_in_on_a_new_device_is_told_to_every_contact_once(
    app: Flask, browser: FlaskClient, citizen: Citizen
) -> None:
    told = messages(app, of_devices=True)
    assert [(message.channel, message.to) for message in told] == [
        ("sms", "+84912000013"),
        ("mail", "nguyen.thi.mau@nguoi-mau.example"),
    ]
    assert "http" not in told[0].text
    assert "/lock/not-me?token=" in told[1].text
    browser.delete_cookie("idp_session")
    sign_in(browser, citizen)
    assert len(messages(app, of_devices=True)) == 2
    elsewhere(app, citizen)
    assert len(messages(app, of_devices=True)) == 4


def test_this_was_not_me_locks_by_a_button_and_looking_changes_nothing(
    app: Flask, browser: FlaskClient, citizen: Citizen, clock: FixedClock
) -> None:
    mail = messages(app, of_devices=True)[1]
    found = re.search(r"/lock/not-me\?token=(\S+)", mail.text)
    assert found
    reader, asked = app.test_client(), {"token": found[1]}
    assert reader.get("/lock/not-me", query_string=asked).status_code == 200
    assert browser.get("/account").status_code == 200
    for wrong in ("", "x", found[1][:-2] + "AA", "9" * 500):
        assert reader.post("/lock/not-me", data={"token": wrong}).status_code == 400
    assert 'id="locked"' in reader.post("/lock/not-me", data=asked).text
    assert browser.get("/account").status_code == 303
    with app.app_context():
        assert events()["account.locked"] == 1
    clock.advance(days=9)
    too_old = reader.get("/lock/not-me", query_string=asked)
    assert too_old.status_code == 400
    assert "Khóa tài khoản" in too_old.text or "Lock your account" in too_old.text  # still a way to do it


def test_a_link_of_one_deed_does_no_other(app: Flask, browser: FlaskClient) -> None:
    mail = messages(app, of_devices=True)[1]
    found = re.search(r"/lock/not-me\?token=(\S+)", mail.text)
    assert found
    assert browser.get("/recover/cancel", query_string={"token": found[1]}).status_code == 400


def test_who_looked_and_who_received_is_seen_at_once(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    service = a_service(app, client_name="Cổng hồ sơ")
    obtain_tokens(browser, service, scope="openid email")
    runtime = app.extensions["idp"]
    assert "Bà Bình, quầy 3" not in browser.get("/account/activity").text
    with app.app_context(), storage.begin() as tx:
        person = flows.account_care.find_person(tx, runtime, citizen.number)
        flows.people.look(tx, runtime, person, purpose="hồ sơ 12/2026", actor="Bà Bình, quầy 3")
    page = browser.get("/account/activity").text
    looked, received = page[page.index('id="looks"') : page.index('id="received"')], page[page.index('id="received"') :]
    for told in ("Bà Bình, quầy 3", "hồ sơ 12/2026"):
        assert told in looked
    for told in ("Cổng hồ sơ", "Thư điện tử"):
        assert told in received


def test_nobody_looks_without_saying_why(app: Flask, citizen: Citizen) -> None:
    runtime = app.extensions["idp"]
    with app.app_context(), storage.begin() as tx:
        person = flows.account_care.find_person(tx, runtime, citizen.number)
        with pytest.raises(Refusal, match="reason_missing"):
            flows.people.look(tx, runtime, person, purpose=" ", actor="an officer")


# -- proofs ------------------------------------------------------------------------------------------------------------


def seal_all(app: Flask) -> None:
    jobs = TimedJobs(app, app.extensions["idp"])
    while jobs.run():
        pass


def proofs_in(text: str) -> list[str]:
    return re.findall(r'href="(/account/activity/proof\?entry=\w+)"', text)


def test_each_own_entry_that_is_sealed_is_proved_without_anybody_else(
    app: Flask, browser: FlaskClient, citizen: Citizen, tmp_path: Path
) -> None:
    obtain_tokens(browser, a_service(app))
    assert proofs_in(browser.get("/account/activity").text) == []
    seal_all(app)
    addresses = proofs_in(browser.get("/account/activity").text)
    kinds: set[str] = set()
    with app.app_context():
        before = events()
        own = [row.id.hex for name in ("audit", "releases") for row in rows_of(name) if row.subject_id == citizen.id]
    assert sorted(address.partition("=")[2] for address in addresses) == sorted(own)
    (tmp_path / "keys.json").write_bytes(browser.get("/log/keys").data)
    (tmp_path / "heads.txt").write_bytes(browser.get("/log/heads").data)
    for address in addresses:
        answer = browser.get(address)
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["Cache-Control"] == "no-store"
        kinds.add(answer.json["kind"])
        file = tmp_path / "proof.json"
        file.write_bytes(answer.data)
        arguments = argparse.Namespace(file=file, keys=tmp_path / "keys.json", heads=tmp_path / "heads.txt")
        assert "is in the log" in verify_log.check(arguments)[0]
    assert kinds == {"audit", "release"}
    with app.app_context():
        assert events() == before, "nobody looked at anybody"


def test_nobody_takes_the_proof_of_another_persons_entry(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    obtain_tokens(browser, a_service(app))
    seal_all(app)
    stranger = app.test_client()
    sign_in(stranger, a_citizen(app, "003085000021"))
    addresses = proofs_in(browser.get("/account/activity").text)
    with app.app_context():
        nobodys = next(row.id.hex for row in rows_of("audit") if row.subject_id is None)
    assert addresses
    wrong = [f"/account/activity/proof{query}" for query in ("", "?entry=x", f"?entry={nobodys}", f"?entry={'0' * 32}")]
    assert {stranger.get(address).status_code for address in [*addresses, *wrong]} == {404}
    assert {app.test_client().get(address).status_code for address in addresses} == {303}


def test_long_lists_are_read_page_by_page(
    app: Flask, browser: FlaskClient, citizen: Citizen, clock: FixedClock
) -> None:
    runtime = app.extensions["idp"]
    for number in range(60):
        clock.advance(seconds=1)
        with app.app_context(), storage.begin() as tx:
            person = flows.account_care.find_person(tx, runtime, citizen.number)
            flows.people.look(tx, runtime, person, purpose=f"Lý do thứ {number}.", actor="quan.tri@H05")
    newest = browser.get("/account/activity")
    assert "Lý do thứ 59." in newest.text and "Lý do thứ 9." not in newest.text
    older = re.search(r'id="older-looks" href="/account/activity\?(looks=\w+)#looks"', newest.text)
    assert older
    page = browser.get(f"/account/activity?{older[1]}")
    assert "Lý do thứ 9." in page.text and "Lý do thứ 59." not in page.text
    assert 'id="older-looks"' not in page.text
    assert browser.get("/account/activity?looks=x&history=&received=%00").status_code == 200
