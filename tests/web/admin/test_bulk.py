"""Many people at once: handed over, checked without changing anything, decided by another officer, worked off."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.cli.timed_jobs import TimedJobs
from idp.domain.bulk_jobs import KEPT_FOR
from idp.domain.notices import Notice
from idp.domain.officers import Role
from idp.domain.refusals import Refusal
from idp.runtime.runtime import Runtime
from idp.web.given import runtime_of
from tests.builders import a_citizen, a_service, lend_keys, obtain_tokens, sign_in, userinfo
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import count_rows, events, rows_of
from tests.staff import Staff, a_unit, an_officer
from tests.web.officer.test_counter_chip import decide, enter

TOLD = Notice("Locked", "Locked")
HEAD = "so_dinh_danh,ho_ten,ngay_sinh,dien_thoai,email\n"
FILE = (
    HEAD
    + "003199000021,Lê Thị Lụa,02/01/1999,0912000021,lua@nguoi-mau.example\n"
    + "003199000022,Trần Văn Lúa,1998,,\n"
    + "12345,Sai Số,1999,,\n"
    + "003199000021,Lê Thị Lụa,02/01/1999,,\n"
)
LEAK = {"ground": "misuse", "reason": "lộ dữ liệu", "source": "CV 12/2026", "legal_basis": "NĐ 69/2024 Đ15"}


@pytest.fixture
def administrator(app: Flask) -> Staff:
    lend_keys(app)
    return an_officer(app, Role.SYSTEM_ADMINISTRATOR, "quan.tri")


@pytest.fixture
def browser(app: Flask, administrator: Staff, clock: FixedClock) -> FlaskClient:
    return enter(app, administrator, clock)


@pytest.fixture
def desk(app: Flask, clock: FixedClock) -> FlaskClient:
    return enter(app, an_officer(app, Role.APPROVER, "phe.duyet"), clock)


def hand_over(browser: FlaskClient, path: str, text: str | bytes = "", **typed: str) -> TestResponse:
    page = browser.get("/admin/bulk" if path == "/import" else "/admin/bulk/lock")
    found = re.search(r'action="/admin/bulk/(?:import|lock)".*?name="parked" value="([^"]*)"', page.text, re.DOTALL)
    assert found
    raw = text.encode() if isinstance(text, str) else text
    return post_file(browser, f"/admin/bulk{path}", raw, parked=found[1], **typed)


def post_file(client: FlaskClient, path: str, raw: bytes, **typed: str) -> TestResponse:
    """As a browser sends it (RFC 7578); the test client's own way leaves files on the disk."""
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in typed.items()]
    head = '--x\r\nContent-Disposition: form-data; name="file"; filename="nguoi.csv"\r\nContent-Type: text/csv\r\n\r\n'
    body = "".join(parts).encode() + (head.encode() + raw + b"\r\n" if raw else b"") + b"--x--\r\n"
    return client.post(path, data=body, content_type="multipart/form-data; boundary=x")


def import_file(browser: FlaskClient, text: str | bytes = FILE, reason: str = "CV 9/2026") -> TestResponse:
    return hand_over(browser, "/import", text, reason=reason)


def work(app: Flask) -> None:
    jobs = TimedJobs(app, runtime_of(app))
    while jobs.run():
        pass
    jobs.leave()


def job_id(app: Flask) -> str:
    with app.app_context():
        return str(max(row.id for row in rows_of("bulk_jobs")))


def ask(app: Flask, browser: FlaskClient) -> TestResponse:
    page = browser.get(f"/admin/bulk/{job_id(app)}")
    found = re.search(r'action="/admin/bulk/ask".*?name="parked" value="([^"]*)"', page.text, re.DOTALL)
    assert found, page.text
    return browser.post("/admin/bulk/ask", data={"parked": found[1]})


def approve(app: Flask, desk: FlaskClient) -> TestResponse:
    with app.app_context():
        case = max(rows_of("cases"), key=lambda row: row.id)
    return decide(desk, case.id)


def persons(app: Flask) -> int:
    with app.app_context():
        return sum(row.kind == "person" for row in rows_of("subjects"))


# -- taking over ---------------------------------------------------------------------------------------------------


def test_people_are_taken_over_once_two_officers_agree(app: Flask, browser: FlaskClient, desk: FlaskClient) -> None:
    handed = import_file(browser)
    assert handed.location == f"/admin/bulk/{job_id(app)}"
    assert "<progress" in browser.get(handed.location).text
    work(app)
    checked = browser.get(f"/admin/bulk/{job_id(app)}").text
    assert 'id="good-lines">2<' in checked
    assert persons(app) == 0, "checking changes nothing"
    ask(app, browser)
    assert approve(app, desk).status_code == 200
    assert persons(app) == 0, "never in the request"
    work(app)
    assert persons(app) == 2
    with app.app_context():
        assert [row.state for row in rows_of("subjects") if row.kind == "person"] == ["pending", "pending"]
        done = {"account.preloaded": 2, "bulk.handed_over": 1, "bulk.started": 1, "bulk.done": 1}
        assert done.items() <= events().items()
        assert [row.lines_sealed for row in rows_of("bulk_parts")] == [None], "the lines are gone"
        assert {row.space for row in rows_of("sign_in_names")} == {"staff"}, "nobody signs in before it is claimed"


def test_who_was_taken_over_claims_the_account_by_a_contact_of_the_file(
    app: Flask, browser: FlaskClient, desk: FlaskClient
) -> None:
    from tests.web.citizen.test_register import register

    import_file(browser)
    work(app)
    ask(app, browser)
    approve(app, desk)
    work(app)
    who = {"personal_number": "003199000021", "full_name": "Le Thi Lua", "birth_date": "1999"}
    citizen = app.test_client()
    register(citizen, app, who, contact="0912000021")
    assert persons(app) == 2, "the account that was there"
    with app.app_context():
        assert events()["account.claimed"] == 1
    assert "Lê Thị Lụa" in citizen.get("/account").text
    import_file(browser, reason="CV 10/2026")
    work(app)
    assert 'id="good-lines">0<' in browser.get(f"/admin/bulk/{job_id(app)}").text, "nor again, once it is claimed"


def test_who_merely_says_a_number_keeps_nobodys_record_out(app: Flask, browser: FlaskClient) -> None:
    from tests.web.citizen.test_register import register

    stranger = {"personal_number": "003199000021", "full_name": "Kẻ Khác", "birth_date": "1990"}
    register(app.test_client(), app, stranger, contact="0912000099")
    import_file(browser)
    work(app)
    assert 'id="good-lines">2<' in browser.get(f"/admin/bulk/{job_id(app)}").text


def test_the_report_names_lines_and_reasons_and_nobody(app: Flask, browser: FlaskClient) -> None:
    import_file(browser)
    work(app)
    page = browser.get(f"/admin/bulk/{job_id(app)}")
    assert page.text.count("<td>4</td>") == page.text.count("<td>5</td>") == 1
    report = browser.get(f"/admin/bulk/{job_id(app)}/report.csv")
    lines = report.data.decode("utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in lines] == ['"Line"', '"4"', '"5"']
    assert "12345" not in report.text and "Lụa" not in report.text
    assert report.headers["Cache-Control"] == "no-store"


def test_the_same_file_twice_is_one_job_and_does_nothing_twice(
    app: Flask, browser: FlaskClient, desk: FlaskClient
) -> None:
    import_file(browser)
    import_file(browser)
    with app.app_context():
        assert len(rows_of("bulk_jobs")) == 1, "a page that was sent twice"
    work(app)
    ask(app, browser)
    approve(app, desk)
    work(app)
    import_file(browser)
    work(app)
    page = browser.get(f"/admin/bulk/{job_id(app)}").text
    assert 'id="good-lines">0<' in page and 'id="ask"' not in page
    assert persons(app) == 2


def test_who_registers_between_the_check_and_the_work_is_not_made_twice(
    app: Flask, browser: FlaskClient, desk: FlaskClient
) -> None:
    import_file(browser)
    work(app)
    ask(app, browser)
    a_citizen(app, "003199000022", claims={"name": "Trần Văn Lúa"})
    approve(app, desk)
    work(app)
    assert persons(app) == 2
    assert 'id="good-lines">1<' in browser.get(f"/admin/bulk/{job_id(app)}").text


def test_a_worker_that_dies_leaves_whole_parts_and_the_next_goes_on(
    app: Flask, browser: FlaskClient, desk: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.bulk_jobs, "A_PART", 2)
    lines = "".join(f"0031990003{place:02d},Lê Thị Lụa,1999,,\n" for place in range(5))
    import_file(browser, HEAD + lines)
    work(app)
    ask(app, browser)
    approve(app, desk)
    runtime = runtime_of(app)

    with app.app_context():
        with storage.begin() as tx:
            flows.bulk_jobs.work_off(tx, runtime, TOLD)
        with pytest.raises(Died):
            work_and_die(runtime)
    assert persons(app) == 2
    assert "2 of 5 lines" in browser.get(f"/admin/bulk/{job_id(app)}").text
    work(app)
    assert persons(app) == 5


class Died(Exception):
    pass


def work_and_die(runtime: Runtime) -> None:
    with storage.begin() as tx:
        flows.bulk_jobs.work_off(tx, runtime, TOLD)
        raise Died


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "nothing in the file"),
        (FILE.encode("utf-16"), "save it as"),
        (b"PK\x03\x04" + b"0" * 100, "packed file"),
        (b"a,b\n1,2\n", "so_dinh_danh, ho_ten, ngay_sinh"),
        (b"x" * (16 * 1024 * 1024 + 1), "too large"),
    ],
)
def test_a_file_that_is_refused_leaves_nothing(app: Flask, browser: FlaskClient, raw: bytes, said: str) -> None:
    refused = import_file(browser, raw)
    assert refused.status_code == 400
    assert said in refused.text
    with app.app_context():
        assert rows_of("bulk_jobs") == rows_of("bulk_parts") == []


def test_a_larger_file_than_any_is_not_even_read(app: Flask, browser: FlaskClient) -> None:
    refused = import_file(browser, b"x" * (17 * 1024 * 1024))
    assert refused.status_code == 413


def test_no_other_door_takes_a_large_body(app: Flask, browser: FlaskClient) -> None:
    stranger, large = app.test_client(), b"x" * 200_000
    for client, path in ((browser, "/admin/recall"), (stranger, "/sign-in"), (stranger, "/register")):
        assert post_file(client, path, large).status_code == 413
    assert post_file(stranger, "/admin/bulk/import", large).location.startswith("/admin/sign-in?")


def test_a_post_from_elsewhere_hands_nothing_over(app: Flask, browser: FlaskClient) -> None:
    assert post_file(browser, "/admin/bulk/import", FILE.encode(), parked="", reason="x").status_code == 400
    with app.app_context():
        assert rows_of("bulk_jobs") == []


def test_without_a_reason_nothing_is_handed_over(app: Flask, browser: FlaskClient) -> None:
    refused = import_file(browser, reason=" ")
    assert refused.status_code == 400 and "document" in refused.text
    with app.app_context():
        assert rows_of("bulk_jobs") == []


def test_nothing_of_the_file_is_readable_in_the_tables(app: Flask, browser: FlaskClient) -> None:
    import_file(browser)
    with app.app_context():
        [part] = rows_of("bulk_parts")
    assert b"003199000021" not in part.lines_sealed and "Lụa".encode() not in part.lines_sealed


def test_who_asked_does_not_approve_and_a_changed_job_is_refused(
    app: Flask, browser: FlaskClient, desk: FlaskClient
) -> None:
    import_file(browser)
    work(app)
    ask(app, browser)
    with app.app_context():
        [case] = rows_of("cases")
    assert decide(browser, case.id).status_code in (403, 404, 400)
    with app.app_context(), storage.begin() as tx:
        tx.execute(storage.tables.bulk_jobs.update().values(digest="0" * 64))
    refused = decide(desk, case.id)
    assert refused.status_code >= 400
    work(app)
    assert persons(app) == 0


def test_what_is_approved_twice_runs_once(app: Flask, browser: FlaskClient, desk: FlaskClient) -> None:
    import_file(browser)
    work(app)
    ask(app, browser)
    ask(app, browser)
    with app.app_context():
        first, second = sorted(row.id for row in rows_of("cases"))
    assert decide(desk, first).status_code == 200
    assert decide(desk, second).status_code >= 400
    work(app)
    assert persons(app) == 2


def test_what_nobody_approves_is_thrown_away(app: Flask, browser: FlaskClient, clock: FixedClock) -> None:
    import_file(browser)
    work(app)
    clock.advance(seconds=KEPT_FOR.total_seconds() + 60)
    work(app)
    with app.app_context():
        assert [(row.state) for row in rows_of("bulk_jobs")] == ["dropped"]
        assert [row.lines_sealed for row in rows_of("bulk_parts")] == [None]
        assert events()["bulk.dropped"] == 1


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SYSTEM_ADMINISTRATOR])
def test_no_other_role_comes_near_it(app: Flask, clock: FixedClock, role: Role) -> None:
    browser = enter(app, an_officer(app, role, "nguoi.khac"), clock)
    assert browser.get("/admin/bulk").status_code == 403


def test_nor_does_an_administrator_of_one_commune(app: Flask, clock: FixedClock) -> None:
    a_unit(app)
    a_unit(app, "H05.01", "Phường Kinh Bắc", parent="H05")
    officer = an_officer(app, Role.SYSTEM_ADMINISTRATOR, "quan.xa", agency="H05.01")
    assert enter(app, officer, clock).get("/admin/bulk").status_code == 403


# -- locking out ---------------------------------------------------------------------------------------------------


def test_everybody_of_a_leak_is_locked_out_told_and_signed_out(
    app: Flask, browser: FlaskClient, desk: FlaskClient
) -> None:
    citizen, other, person = a_citizen(app), a_citizen(app, "003085000021"), app.test_client()
    service = a_service(app, backchannel_logout_uri="https://dich-vu.example/ra")
    tokens = obtain_tokens(person, service, citizen, scope="openid offline_access")
    hand_over(browser, "/lock", numbers=f"{citizen.number}\n003199009999\nabc\n", **LEAK)
    work(app)
    page = browser.get(f"/admin/bulk/{job_id(app)}").text
    assert 'id="good-lines">1<' in page and "Nobody signs in with this number" in page
    assert person.get("/account").status_code == 200, "checking changes nothing"
    ask(app, browser)
    assert approve(app, desk).status_code == 200
    work(app)
    assert person.get("/account").status_code == 303
    assert userinfo(person, tokens["access_token"]).status_code == 401
    sign_in(app.test_client(), other)
    with app.app_context():
        [row] = [row for row in rows_of("subjects") if row.id == citizen.id]
        assert (row.state, row.state_reason, row.state_source, row.state_legal_basis) == (
            *("locked", "misuse", "CV 12/2026", "NĐ 69/2024 Đ15"),
        )
        assert count_rows()["outbox"] >= 1
        assert events()["account.locked"] == 1
    assert sorted(message.to for message in messages(app))[-1:] == ["nguyen.thi.mau@nguoi-mau.example"]
    hand_over(browser, "/lock", numbers=f"{citizen.number}\n", **LEAK)
    work(app)
    assert "The account is locked already" in browser.get(f"/admin/bulk/{job_id(app)}").text


def test_a_lock_does_not_wait_for_an_import_that_runs(app: Flask, browser: FlaskClient) -> None:
    import_file(browser)
    hand_over(browser, "/lock", numbers="003199000021\n", **LEAK)
    with app.app_context(), storage.begin() as tx:
        first = storage.bulk_jobs.lock_next(tx)
    assert first is not None and first.kind == "lock"


@pytest.mark.parametrize("missing", ["ground", "reason", "source"])
def test_a_lock_names_ground_reason_and_document(app: Flask, browser: FlaskClient, missing: str) -> None:
    refused = hand_over(browser, "/lock", numbers="003199000021\n", **{**LEAK, missing: ""})
    assert refused.status_code == 400
    assert f'href="#{missing}"' in refused.text
    assert "003199000021" in refused.text, "what was typed is not lost"


def test_a_job_that_is_not_there_is_not_found(browser: FlaskClient) -> None:
    nobody = "01939f3e-0000-7000-8000-000000000000"
    assert browser.get(f"/admin/bulk/{nobody}").status_code == 404
    assert browser.get(f"/admin/bulk/{nobody}/report.csv").status_code == 404


def test_start_refuses_what_is_no_job(app: Flask) -> None:
    lend_keys(app)
    body = {"job": "01939f3e000070008000000000000000"}
    with app.app_context(), storage.begin() as tx, pytest.raises(Refusal, match="not_found"):
        flows.bulk_jobs.start(tx, runtime_of(app), body, asked_as="a", approved_as="b")
