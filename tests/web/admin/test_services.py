"""Services at the console: a sandbox at once, production by another officer's yes, secrets, suspending, health."""

import html
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.officers import Role
from idp.domain.relying_services import RelyingService
from idp.web.given import runtime_of
from tests.builders import Citizen, Service, a_citizen, answer_in, ask, lend_keys, obtain_code, spend, walk
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import events, rows_of
from tests.staff import Staff, a_unit, an_officer, enter

UNIT, OTHER = "H05.14", "H05.15"
FORM: dict[str, Any] = {
    "agency": UNIT,
    "name_vi": "Tra cứu hộ tịch",
    "name_en": "Civil records",
    "purpose_vi": "Để tìm hồ sơ của ông bà",
    "system_security_level": "3",
    "agreement_number": "12/2026/TT",
    "contacts": "mot@hotich.example\nhai@hotich.example",
    "redirect_uris": "https://hotich.example/cb\nhttp://localhost:9000/cb",
    "post_logout_redirect_uris": "https://hotich.example/",
    "backchannel_logout_uri": "https://hotich.example/out",
    "scope": ["profile", "email"],
    "minimum_account_level": "0",
    "minimum_auth_level": "1",
}


def post(client: FlaskClient, page: TestResponse, path: str, **form: Any) -> TestResponse:
    """Post a form of a page; the first on it is the console's own, to sign out."""
    parked = html.unescape(re.findall(r'name="parked" value="([^"]*)"', page.text)[-1])
    return client.post(path, data={"parked": parked, **form})


class House:
    """Two agencies with a service manager each, the province's, and a browser for each of them."""

    def __init__(self, app: Flask, clock: FixedClock) -> None:
        lend_keys(app)
        self.app, self.clock = app, clock
        a_unit(app)
        a_unit(app, UNIT, "Sở Tư pháp", parent="H05")
        a_unit(app, OTHER, "Sở Y tế", parent="H05")
        self.manager = self._in(an_officer(app, Role.SERVICE_MANAGER, "an.sv", agency=UNIT))
        self.other = self._in(an_officer(app, Role.SERVICE_MANAGER, "be.sv", agency=OTHER))
        self.of_province = an_officer(app, Role.SERVICE_MANAGER, "tinh.sv")
        self.province = self._in(self.of_province)

    def _in(self, staff: Staff) -> FlaskClient:
        return enter(self.app, staff, self.clock)

    def again(self) -> None:
        """The province's officer proves oneself anew, which decisions need."""
        self.province = enter(self.app, self.of_province, self.clock)

    def create(self, browser: FlaskClient | None = None, **changed: Any) -> TestResponse:
        browser = browser or self.manager
        page = browser.get("/admin/services/new")
        return post(browser, page, "/admin/services/new", **{**FORM, **changed})

    def service(self, suffix: str = "") -> RelyingService:
        with self.app.app_context(), storage.once() as tx:
            found = [each for each in storage.relying_services.list_services(tx) if each.is_sandbox is bool(suffix)]
        return found[-1]

    def deed(self, name: str, browser: FlaskClient | None = None, **form: Any) -> TestResponse:
        browser = browser or self.manager
        page = browser.get(f"/admin/services/{self.service().id}")
        assert page.status_code == 200, page.text
        return post(browser, page, f"/admin/services/{name}", **form)

    def case(self, browser: FlaskClient | None = None) -> TestResponse:
        browser = browser or self.province
        listed = browser.get("/admin/cases").text
        found = re.findall(r'href="(/admin/cases/[0-9a-f-]{36})"', listed)
        assert found, "nothing waits"
        return browser.get(found[-1])

    def approve(self) -> TestResponse:
        return post(self.province, self.case(), "/admin/cases/approve")


@pytest.fixture
def house(app: Flask, clock: FixedClock) -> House:
    return House(app, clock)


def shown(page: TestResponse, handle: str) -> str:
    found = re.search(rf'id="{handle}">([^<]*)<', page.text)
    assert found, handle
    return found[1]


def known_to_its_developer(service: RelyingService, secret: str) -> Service:
    uri = service.redirect_uris[-1]
    return Service(service.id, service.client_id, secret, uri, "client_secret_basic")


def test_a_sandbox_lives_at_once_with_test_people(house: House) -> None:
    page = house.create()
    assert page.status_code == 200, page.text
    sandbox, production = house.service("-thu"), house.service()
    assert (sandbox.state, production.state) == ("active", "pending")
    assert sandbox.client_id == f"{production.client_id}-thu"
    service = known_to_its_developer(sandbox, shown(page, "secret-sandbox"))
    number = shown(page, "test-people").split()[0]
    citizen = Citizen(UUID(int=1), number, shown(page, "test-password"))
    client = house.app.test_client()
    code = obtain_code(client, service, citizen, scope="openid profile")
    assert spend(client, service, code).status_code == 200


def test_a_sandbox_refuses_real_people_and_production_no_test_people(house: House) -> None:
    page = house.create()
    real = a_citizen(house.app, "027190000011", claims={"name": "Lê Thị Thật"})
    sandbox = known_to_its_developer(house.service("-thu"), shown(page, "secret-sandbox"))
    browser = house.app.test_client()
    answer = walk(browser, ask(browser, sandbox), real)
    assert answer_in(answer)["error"] == "access_denied"
    house.deed("ask")
    house.again()
    assert house.approve().status_code == 200
    production = known_to_its_developer(house.service(), shown(page, "secret-production"))
    made_up = Citizen(UUID(int=1), shown(page, "test-people").split()[0], shown(page, "test-password"))
    for citizen in (real, made_up):
        house.clock.advance(seconds=6)
        client = house.app.test_client()
        assert spend(client, production, obtain_code(client, production, citizen)).status_code == 200


def test_production_is_refused_before_its_approval(house: House) -> None:
    page = house.create()
    pending = known_to_its_developer(house.service(), shown(page, "secret-production"))
    answer = house.app.test_client().get(f"/oauth2/authorize?client_id={pending.client_id}")
    assert answer.status_code == 400
    assert "Tra cứu hộ tịch" not in house.app.test_client().get("/services").text
    house.deed("ask")
    house.again()
    case = house.case()
    assert "12/2026/TT" in case.text and "hotich.example/cb" in case.text
    assert "localhost" not in case.text, "addresses of one's own machine stay in the sandbox"
    house.approve()
    service = house.service()
    assert (service.state, service.redirect_uris) == ("active", ("https://hotich.example/cb",))
    register = house.app.test_client().get("/services").text
    assert "Tra cứu hộ tịch" in register and "Để tìm hồ sơ của ông bà" in register
    assert "localhost:9000" not in register


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name_vi": ""}, "name_vi"),
        ({"purpose_vi": " "}, "purpose_vi"),
        ({"system_security_level": ""}, "system_security_level"),
        ({"contacts": "mot@hotich.example"}, "contacts"),
        ({"contacts": "mot@hotich.example\nkhong-phai-thu"}, "contacts"),
        ({"redirect_uris": "http://hotich.example/cb"}, "redirect_uris"),
        ({"post_logout_redirect_uris": "ftp://hotich.example"}, "post_logout_redirect_uris"),
        ({"backchannel_logout_uri": "https://hotich.example/#x"}, "backchannel_logout_uri"),
        ({"jwks_uri": "hotich"}, "jwks_uri"),
        ({"system_security_level": "9"}, "system_security_level"),
        ({"default_max_age": "một giờ"}, "default_max_age"),
        ({"exception_rule": "pkce"}, "exception_until"),
        ({"agency": OTHER}, "agency"),
        ({"agency": "H05"}, "agency"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_the_typed_text_stays(
    house: House, wrong: dict[str, str], field: str
) -> None:
    page = house.create(**wrong)
    assert page.status_code == 400
    assert f'href="#{field}"' in page.text
    assert "Civil records" in page.text
    with house.app.app_context():
        assert rows_of("relying_services") == []


def test_personal_numbers_need_both_laws(house: House) -> None:
    scope = ["profile", "personal_id_number"]
    assert 'href="#scope"' in house.create(scope=scope).text
    basis = {"scope": scope, "personal_number_basis": "Luật Căn cước 2023, Điều 10"}
    assert 'href="#legal_basis"' in house.create(**basis).text
    assert house.create(**basis, legal_basis="NĐ 69/2024").status_code == 200
    assert house.service().state == "pending"


def test_a_change_counts_in_the_sandbox_and_reaches_production_by_a_case(house: House) -> None:
    house.create()
    house.deed("ask")
    house.again()
    house.approve()
    page = house.manager.get(f"/admin/services/{house.service().id}/change")
    form = {**FORM, "name_vi": "Hộ tịch mới"}
    assert post(house.manager, page, "/admin/services/change", **form).status_code == 200
    assert (house.service("-thu").name("vi"), house.service().name("vi")) == ("Hộ tịch mới", "Tra cứu hộ tịch")
    kept = house.service().secret_digests
    house.deed("ask")
    case = house.case()
    assert "<strong>Hộ tịch mới</strong>" in case.text and "Tra cứu hộ tịch" in case.text
    house.approve()
    assert (house.service().name("vi"), house.service().secret_digests) == ("Hộ tịch mới", kept)


def test_who_asked_does_not_decide_and_neither_does_the_same_browser(house: House) -> None:
    asking = house.province
    house.create(asking)
    house.deed("ask", asking)
    house.again()
    assert 'id="approve"' not in house.case().text
    page = house.case()
    assert post(house.province, page, "/admin/cases/approve").status_code == 403
    second = an_officer(house.app, Role.SERVICE_MANAGER, "hai.sv")
    enter(house.app, second, house.clock, asking)
    # The browser in which it was asked, another officer.
    assert post(asking, house.case(asking), "/admin/cases/approve").status_code == 403
    assert house.service().state == "pending"


@pytest.mark.parametrize("role", [Role.APPROVER, Role.SYSTEM_ADMINISTRATOR, Role.REGISTRAR, Role.AUDITOR])
def test_other_roles_neither_see_nor_decide_services(house: House, role: Role) -> None:
    house.create()
    house.deed("ask")
    stranger = enter(house.app, an_officer(house.app, role, "nguoi.khac"), house.clock)
    assert stranger.get("/admin/services").status_code == 403
    assert stranger.get(f"/admin/services/{house.service().id}").status_code == 403
    house.again()
    page = house.case()
    path = page.request.path
    assert stranger.get(path).status_code == 404
    assert post(stranger, page, "/admin/cases/approve").status_code in (400, 403)
    assert house.service().state == "pending"


def test_a_manager_of_an_agency_decides_nothing(house: House) -> None:
    house.create()
    house.deed("ask")
    assert 'id="approve"' not in house.case(house.manager).text
    assert post(house.manager, house.case(house.manager), "/admin/cases/approve").status_code == 403


def test_services_of_other_units_are_not_there(house: House) -> None:
    house.create()
    service = house.service()
    assert house.other.get(f"/admin/services/{service.id}").status_code == 404
    assert house.other.get(f"/admin/services/{service.id}/change").status_code == 404
    assert "Tra cứu" not in house.other.get("/admin/services").text
    foreign = house.manager.get(f"/admin/services/{service.id}")
    deeds = ("change", "ask", "suspend", "resume", "secret/add", "secret/end", "test-people")
    for deed in deeds:
        assert post(house.other, foreign, f"/admin/services/{deed}", **FORM).status_code == 400
    sandbox = house.service("-thu")
    assert house.manager.get(f"/admin/services/{sandbox.id}").status_code == 404
    assert house.province.get(f"/admin/services/{service.id}").status_code == 200


def test_what_changed_after_it_was_asked_is_refused(house: House) -> None:
    house.create()
    house.deed("ask")
    runtime = runtime_of(house.app)
    with house.app.app_context(), storage.begin() as tx:
        document = {"client_id": house.service().client_id, "agency_code": UNIT, "client_name": "Khác"}
        document["redirect_uris"] = ["https://khac.example/cb"]
        flows.service_registry.import_services(tx, runtime, [document], actor="the tests")
    house.again()
    answer = house.approve()
    assert answer.status_code == 409 and 'id="error"' in answer.text
    assert house.service().name("vi") == "Khác"


def test_two_secrets_count_and_an_ended_one_does_not(house: House) -> None:
    page = house.create()
    first = shown(page, "secret-sandbox")
    second = shown(house.deed("secret/add", environment="sandbox"), "secret-sandbox")
    third = house.deed("secret/add", environment="sandbox")
    assert third.status_code == 400 and second not in third.text
    person = Citizen(UUID(int=1), shown(page, "test-people").split()[0], shown(page, "test-password"))
    sandbox = house.service("-thu")

    def status(secret: str) -> int:
        house.clock.advance(seconds=6)
        service, client = known_to_its_developer(sandbox, secret), house.app.test_client()
        return spend(client, service, obtain_code(client, service, person)).status_code

    assert (status(first), status(second)) == (200, 200)
    mark = re.findall(
        r'name="mark" value="([0-9a-f]{12})"', house.manager.get(f"/admin/services/{house.service().id}").text
    )
    sandbox_marks = [each for each in mark if each in {term.mark for term in house.service("-thu").secret_terms}]
    house.deed("secret/end", environment="sandbox", mark=sandbox_marks[0])
    assert (status(first), status(second)) == (401, 200)
    with house.app.app_context():
        assert (events()["service.secret_added"], events()["service.secret_ended"]) == (1, 1)


def test_a_secret_ends_by_itself_and_its_contacts_are_told_thrice(house: House) -> None:
    page = house.create(jwks_uri="")
    runtime, told = runtime_of(house.app), []

    def remind() -> int:
        with house.app.test_request_context("/"), storage.begin() as tx:
            from idp.web import wording

            return flows.service_secrets.remind(tx, runtime, wording.secret_ends)

    for days in (334, 2, 22, 1, 5, 1):
        house.clock.advance(seconds=days * 86400)
        told += [remind(), remind()]
    # Sandbox and production each have one, which ends after 365 days: told at 30, 7 and 1.
    assert told == [0, 0, 2, 0, 2, 0, 0, 0, 2, 0, 0, 0]
    assert len([each for each in messages(house.app) if each.to.endswith("@hotich.example")]) == 2 * 3 * 2
    sandbox = known_to_its_developer(house.service("-thu"), shown(page, "secret-sandbox"))
    code = post_secret(house, sandbox)
    assert code == 401


def post_secret(house: House, service: Service) -> int:
    """What the token endpoint says to a secret, with a code that is none."""
    return spend(house.app.test_client(), service, "khong-co").status_code


def test_suspended_by_the_province_is_resumed_by_the_province_alone(house: House) -> None:
    house.create()
    house.deed("ask")
    house.again()
    house.approve()
    assert house.deed("suspend").status_code == 400, "a reason is needed"
    house.deed("suspend", reason="bảo trì")
    assert house.service().state == "suspended"
    assert "bảo trì" in house.manager.get(f"/admin/services/{house.service().id}").text
    house.deed("resume", reason="xong")
    assert house.service().state == "active"
    house.deed("suspend", house.province, reason="lộ khóa")
    refused = house.deed("resume", reason="xong")
    assert refused.status_code == 400 and 'href="#reason"' in refused.text
    assert house.service().state == "suspended"
    house.deed("resume", house.province, reason="đã đổi khóa")
    assert house.service().state == "active"
    with house.app.app_context():
        assert (events()["service.suspended"], events()["service.resumed"]) == (2, 2)


def test_nobody_resumes_what_was_never_approved(house: House) -> None:
    house.create()
    assert house.deed("resume", house.province, reason="nhanh").status_code == 400
    assert house.service().state == "pending"


def test_health_counts_what_happened(house: House) -> None:
    page = house.create()
    sandbox = house.service("-thu")
    service = known_to_its_developer(sandbox, shown(page, "secret-sandbox"))
    person = Citizen(UUID(int=1), shown(page, "test-people").split()[0], shown(page, "test-password"))
    codes = []
    for _ in range(3):
        client = house.app.test_client()
        codes.append(obtain_code(client, service, person))
        assert spend(client, service, codes[-1]).status_code == 200
    assert spend(house.app.test_client(), service, codes[0]).status_code == 400
    now = house.clock.now()
    with house.app.app_context(), storage.once() as tx:
        found = storage.service_health.find_health(tx, sandbox.id, now - timedelta(days=1))
        other = storage.service_health.find_health(tx, house.service().id, now - timedelta(days=1))
        assert storage.service_health.find_last_contact(tx, sandbox.id) == now
    assert (found.sign_ins, dict(found.failures)) == (3, {"grant.code_replayed": 1})
    assert (other.sign_ins, dict(other.failures), dict(other.logouts)) == (0, {}, {})
    house.clock.advance(seconds=2 * 86400)
    with house.app.app_context(), storage.once() as tx:
        later = storage.service_health.find_health(tx, sandbox.id, house.clock.now() - timedelta(days=1))
    assert later.sign_ins == 0


def invite(house: House) -> str:
    page = post(house.manager, house.manager.get("/admin/services"), "/admin/services/invite")
    return shown(page, "invitation")


def fill_in(house: House, token: str, **changed: Any) -> TestResponse:
    vendor = house.app.test_client()
    page = post(vendor, vendor.get("/vendor"), "/vendor", invitation=token)
    if 'id="name_vi"' not in page.text:
        return page
    return post(vendor, page, "/vendor", **{**FORM, "agency": OTHER, "invitation": token, **changed})


def test_a_vendor_connects_a_service_alone_but_for_one_approval(house: House) -> None:
    page = fill_in(house, invite(house))
    assert page.status_code == 200
    with house.app.app_context(), storage.once() as tx:
        unit = storage.agencies.find_by_code(tx, UNIT)
    assert unit is not None and house.service().agency_id == unit.id, "for the agency that invited, whatever is posted"
    house.again()
    house.approve()
    service = known_to_its_developer(house.service(), shown(page, "secret-production"))
    client = house.app.test_client()
    citizen = a_citizen(house.app, "027190000011", claims={"name": "Lê Thị Thật"})
    assert spend(client, service, obtain_code(client, service, citizen)).status_code == 200


def test_an_invitation_is_good_once_and_for_fourteen_days(house: House) -> None:
    token = invite(house)
    assert fill_in(house, token, name_vi="").status_code == 400
    assert fill_in(house, token, redirect_uris="khong").status_code == 400
    assert fill_in(house, token).status_code == 200
    again = fill_in(house, token)
    assert again.status_code == 400 and 'id="name_vi"' not in again.text
    late = invite(house)
    house.clock.advance(seconds=14 * 86400 + 1)
    assert fill_in(house, late).status_code == 400
    assert fill_in(house, "khong-co-loi-moi").status_code == 400
    with house.app.app_context():
        assert len(rows_of("relying_services")) == 2


def invitations_in(page: TestResponse) -> list[str]:
    return re.findall(r'name="invitation" value="(\w{32})"', page.text)


def test_an_invitation_is_listed_and_taken_back_by_its_agency_alone(house: House) -> None:
    token = invite(house)
    post(house.other, house.other.get("/admin/services"), "/admin/services/invite")
    page, others = (each.get("/admin/services/invitations") for each in (house.manager, house.other))
    [listed] = invitations_in(page)
    assert token not in page.text and listed not in invitations_in(others)
    path = "/admin/services/invitations/withdraw"
    assert post(house.other, others, path, invitation=listed).status_code == 404
    assert house.manager.post(path, data={"invitation": listed}).status_code == 400, "a post from elsewhere"
    done = post(house.manager, page, path, invitation=listed)
    assert done.status_code == 200 and invitations_in(done) == []
    assert fill_in(house, token).status_code == 400
    assert post(house.manager, page, path, invitation=listed).status_code == 404, "once"
    with house.app.app_context():
        assert events()["service.invitation_withdrawn"] == 1
    invite(house)
    assert len(invitations_in(house.province.get("/admin/services/invitations"))) == 2, "the province reaches all"


def test_an_invitation_to_the_form_opens_no_registration(house: House) -> None:
    headers = {"Authorization": f"Bearer {invite(house)}"}
    document = {"redirect_uris": ["https://hotich.example/cb"]}
    house.app.test_client().post("/oauth2/register", json=document, headers=headers)
    with house.app.app_context():
        assert [row.uses_left for row in rows_of("initial_access_tokens")] == [1]


def test_the_forms_take_no_post_from_elsewhere(house: House) -> None:
    assert house.manager.post("/admin/services/new", data=FORM).status_code == 400
    assert house.app.test_client().post("/vendor", data={"invitation": invite(house)}).status_code == 400
    page = house.manager.get("/admin/services/new").text
    parked = html.unescape(re.findall(r'name="parked" value="([^"]*)"', page)[-1])
    assert house.other.post("/admin/services/new", data={**FORM, "parked": parked}).status_code == 400
