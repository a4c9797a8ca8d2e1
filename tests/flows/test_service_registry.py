"""Registering relying services: from an operator's file, all or nothing, and by themselves (RFC 7591)."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from idp import storage
from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.flows.service_registry import Registered, change, import_services, register, remove, suspend
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from tests.builders import (
    a_citizen,
    a_service,
    ask,
    follow,
    obtain_code,
    obtain_tokens,
    page_of,
    refresh,
    spend,
    userinfo,
)
from tests.doubles import FixedClock
from tests.racing import Waiting
from tests.rows import count_rows, events, rows_of

LAW = "Nghị định 118/2025/NĐ-CP"
SECRET = "mat-khau-cua-dich-vu-0123456789"
PORTAL: dict[str, Any] = {
    "client_id": "cong-dich-vu-cong",
    "client_secret": SECRET,
    "client_name": "Cổng dịch vụ công",
    "redirect_uris": ["https://cong.example/cb"],
    "sector": "cong.example",
    "agency_code": "H05",
}
ONE_STOP = {**PORTAL, "client_id": "mot-cua", "redirect_uris": ["https://mot-cua.example/cb"]}


def load(runtime: Runtime, document: object) -> list[Registered]:
    with storage.begin() as tx:
        return import_services(tx, runtime, document, actor="the tests")


def find(client_id: str) -> RelyingService:
    with storage.once() as tx:
        found = storage.relying_services.find_by_client_id(tx, client_id)
    assert found is not None
    return found


def without(metadata: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name not in names}


@pytest.mark.parametrize("document", [[PORTAL, ONE_STOP], {"clients": [PORTAL, ONE_STOP], "note": "ignored"}])
def test_a_list_and_an_object_with_clients_are_the_same(runtime: Runtime, document: object) -> None:
    done = load(runtime, document)
    assert [each.service.client_id for each in done] == ["cong-dich-vu-cong", "mot-cua"]
    assert all(each.is_new and each.secret is None for each in done), "a secret that was given is not shown again"
    assert find("cong-dich-vu-cong").secret_digests == (runtime.keyring.secret_digest(SECRET),)
    assert find("cong-dich-vu-cong").sector == "cong.example"
    assert events()["service.registered"] == 2


def test_both_services_of_an_agency_belong_to_it(runtime: Runtime) -> None:
    load(runtime, [PORTAL, ONE_STOP])
    assert count_rows()["agencies"] == 1
    assert find("cong-dich-vu-cong").agency_id == find("mot-cua").agency_id is not None


def test_id_secret_and_sector_are_made_where_none_is_given(runtime: Runtime) -> None:
    [made] = load(runtime, [without(PORTAL, "client_id", "client_secret", "sector")])
    assert made.secret is not None
    assert len(made.secret) >= 43
    assert find(made.service.client_id).secret_digests == (runtime.keyring.secret_digest(made.secret),)
    assert made.service.sector == f"service:{made.service.id.hex}"
    assert made.secret not in repr(made)


def test_no_secret_is_stored(runtime: Runtime) -> None:
    load(runtime, [PORTAL])
    assert SECRET not in repr([*rows_of("relying_services"), *rows_of("audit")])


def test_a_public_service_gets_no_secret(runtime: Runtime) -> None:
    [made] = load(runtime, [{**without(PORTAL, "client_secret"), "token_endpoint_auth_method": "none"}])
    assert made.secret is None
    assert find("cong-dich-vu-cong").secret_digests == ()


def test_renewed_in_place_it_keeps_id_sector_secret_and_first_day(runtime: Runtime, clock: FixedClock) -> None:
    load(runtime, [PORTAL])
    before = find("cong-dich-vu-cong")
    clock.advance(days=3)
    changed = {**without(PORTAL, "client_secret"), "sector": "nhom-khac", "client_name": "Tên mới"}
    [renewed] = load(runtime, [changed])
    after = find("cong-dich-vu-cong")
    assert (renewed.is_new, renewed.secret) == (False, None)
    assert after.name("vi") == "Tên mới"
    assert (after.id, after.sector, after.secret_digests) == (before.id, before.sector, before.secret_digests)
    assert (after.created_at, after.updated_at) == (before.created_at, clock.now())
    assert count_rows()["relying_services"] == 1
    assert events()["service.changed"] == 1


def test_a_new_secret_in_the_file_takes_the_old_ones_place(runtime: Runtime) -> None:
    load(runtime, [PORTAL])
    load(runtime, [{**PORTAL, "client_secret": SECRET[::-1]}])
    assert find("cong-dich-vu-cong").secret_digests == (runtime.keyring.secret_digest(SECRET[::-1]),)


def test_a_suspended_service_is_not_woken_by_an_import(runtime: Runtime) -> None:
    load(runtime, [PORTAL])
    with storage.begin() as tx:
        tx.execute(storage.tables.relying_services.update().values(state="suspended"))
    load(runtime, [PORTAL])
    assert find("cong-dich-vu-cong").state == "suspended"


def test_a_named_exception_lifts_its_rule_until_its_last_day(runtime: Runtime) -> None:
    exception = {"rule": "pkce", "reason": "Liferay 6 biết không PKCE", "until": "2027-06-30"}
    load(runtime, [{**PORTAL, "exceptions": [exception]}])
    [kept] = find("cong-dich-vu-cong").exceptions
    assert (kept.rule, kept.reason, kept.until.isoformat()) == tuple(exception.values())
    assert not find("cong-dich-vu-cong").must_use_pkce(kept.until)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({**ONE_STOP, "redirect_uris": ["http://mot-cua.example/cb"]}, "invalid_redirect_uri"),
        ({**ONE_STOP, "exceptions": [{"rule": "pkce"}]}, "invalid_client_metadata"),
        (
            {**ONE_STOP, "exceptions": [{"rule": "tls", "reason": "x", "until": "2027-01-01"}]},
            "invalid_client_metadata",
        ),
        ("not an object", "invalid_client_metadata"),
        (None, "invalid_client_metadata"),
    ],
)
def test_one_wrong_object_undoes_all_and_is_named(runtime: Runtime, bad: object, code: str) -> None:
    before = count_rows()
    with pytest.raises(Refusal) as refused:
        load(runtime, [PORTAL, bad])
    assert refused.value.code == code
    assert refused.value.detail.startswith("object 1: ")
    assert count_rows() == before


@pytest.mark.parametrize("document", [None, "x", 5, {}, {"clients": None}, {"clients": {}}])
def test_a_file_of_another_shape_is_refused(runtime: Runtime, document: object) -> None:
    with pytest.raises(Refusal) as refused:
        load(runtime, document)
    assert refused.value.code == "invalid_file"


def test_a_logo_is_fetched_once_by_the_worker(runtime: Runtime) -> None:
    load(runtime, [{**PORTAL, "logo_uri": "https://cong.example/logo.png"}, ONE_STOP])
    [parcel] = rows_of("outbox")
    assert (parcel.kind, parcel.service_id) == ("fetch_logo", find("cong-dich-vu-cong").id)


# -- by themselves -------------------------------------------------------------------------------------------------


def test_rfc7591_a_service_that_registers_itself_gets_id_secret_and_a_sector_of_its_own(runtime: Runtime) -> None:
    with storage.begin() as tx:
        one, other = (register(tx, runtime, {"redirect_uris": ["https://a.example/cb"]}) for _ in range(2))
    assert one.secret is not None
    assert one.service.client_id != other.service.client_id
    assert one.service.sector != other.service.sector
    assert find(one.service.client_id).secret_digests == (runtime.keyring.secret_digest(one.secret),)


def test_rfc7591_5_nobody_grants_himself_what_only_an_agreement_gives(runtime: Runtime) -> None:
    wished = {
        **PORTAL,
        "legal_basis": "Luật của tôi",
        "personal_number_basis": "Luật của tôi",
        "exceptions": [{"rule": "pkce", "reason": "x", "until": "2099-01-01"}],
    }
    with storage.begin() as tx:
        service = register(tx, runtime, wished).service
    assert service.client_id != "cong-dich-vu-cong"
    assert (service.sector, service.agency_id) == (f"self-registered:{service.id.hex}", None)
    assert (service.legal_basis, service.personal_number_basis, service.exceptions) == (None, None, ())


def test_a_renewal_without_agency_code_keeps_the_agency(runtime: Runtime) -> None:
    load(runtime, [PORTAL])
    agency = find("cong-dich-vu-cong").agency_id
    [renewed] = load(runtime, [{**without(PORTAL, "agency_code"), "client_name": "Cổng mới"}])
    assert not renewed.is_new
    assert find("cong-dich-vu-cong").agency_id == agency is not None
    load(runtime, [{**PORTAL, "agency_code": "H06"}])
    assert find("cong-dich-vu-cong").agency_id != agency


# -- who may change what is registered -----------------------------------------------------------------------------


def register_itself(runtime: Runtime) -> Registered:
    with storage.begin() as tx:
        return register(tx, runtime, {"redirect_uris": ["https://a.example/cb"]})


def find_own(tx: storage.Tx, made: Registered, *, held: bool = False) -> RelyingService | None:
    assert made.registration_token is not None
    digest = chance.digest(made.registration_token)
    return storage.relying_services.find_by_registration_token(tx, made.service.client_id, digest, held=held)


def own_change(made: Registered, address: str = "https://b.example/cb") -> dict[str, Any]:
    return {"client_id": made.service.client_id, "redirect_uris": [address]}


def test_rfc7592_2_what_was_imported_is_the_operators_alone_to_change(runtime: Runtime) -> None:
    made = register_itself(runtime)
    with storage.begin() as tx:
        assert find_own(tx, made) == made.service
    load(runtime, [own_change(made)])
    with storage.begin() as tx:
        assert find_own(tx, made) is None


@pytest.mark.parametrize("deed", ["suspend", "resume", "import"])
def test_a_removed_service_stays_removed(runtime: Runtime, deed: str) -> None:
    made = register_itself(runtime)
    with storage.begin() as tx:
        remove(tx, runtime, made.service, actor="itself")
    deeds: dict[str, Callable[[storage.Tx], object]] = {
        "suspend": lambda tx: suspend(tx, runtime, made.service.client_id, actor="the tests"),
        "resume": lambda tx: suspend(tx, runtime, made.service.client_id, actor="the tests", resume=True),
        "import": lambda tx: import_services(tx, runtime, [own_change(made)], actor="the tests"),
    }
    with pytest.raises(Refusal) as refused, storage.begin() as tx:
        deeds[deed](tx)
    assert refused.value.code == "wrong_state"
    found = find(made.service.client_id)
    assert (found.state, found.is_active, found.redirect_uris) == ("removed", False, made.service.redirect_uris)


@pytest.mark.parametrize(("deed", "status"), [("suspend", 403), ("import", 401)])
def test_rfc7592_2_2_a_services_own_change_waits_for_the_operators_and_comes_too_late(
    app: Flask, runtime: Runtime, deed: str, status: int
) -> None:
    made, answered = register_itself(runtime), []

    def put() -> None:
        response = app.test_client().put(
            f"/oauth2/register/{made.service.client_id}",
            json=own_change(made),
            headers={"Authorization": f"Bearer {made.registration_token}"},
        )
        answered.append(response.status_code)

    later = Waiting(app, put)
    with storage.begin() as tx:
        if deed == "suspend":
            suspend(tx, runtime, made.service.client_id, actor="the tests")
        else:
            agreed = {**own_change(made, "https://c.example/cb"), "legal_basis": LAW, "personal_number_basis": LAW}
            import_services(tx, runtime, [agreed], actor="the tests")
        later.start(tx)
    later.join()
    assert answered == [status]
    found = find(made.service.client_id)
    if deed == "suspend":
        assert (found.state, found.redirect_uris) == ("suspended", ("https://a.example/cb",))
    else:
        assert (found.legal_basis, found.personal_number_basis) == (LAW, LAW)
        assert found.redirect_uris == ("https://c.example/cb",)


@pytest.mark.parametrize("deed", ["suspend", "import"])
def test_the_operators_change_waits_for_a_services_own_and_is_not_undone_by_it(
    app: Flask, runtime: Runtime, deed: str
) -> None:
    made = register_itself(runtime)

    def do() -> None:
        with storage.begin() as tx:
            if deed == "suspend":
                suspend(tx, runtime, made.service.client_id, actor="the tests")
            else:
                agreed = {**own_change(made, "https://c.example/cb"), "legal_basis": LAW}
                import_services(tx, runtime, [agreed], actor="the tests")

    later = Waiting(app, do)
    with storage.begin() as tx:
        own = find_own(tx, made, held=True)
        assert own is not None
        later.start(tx)
        change(tx, runtime, own, own_change(made))
    later.join()
    found = find(made.service.client_id)
    if deed == "suspend":
        assert (found.state, found.redirect_uris) == ("suspended", ("https://b.example/cb",))
    else:
        assert (found.legal_basis, found.redirect_uris) == (LAW, ("https://c.example/cb",))


def test_a_services_own_change_writes_no_state_whatever_it_was_found_with(runtime: Runtime) -> None:
    made = register_itself(runtime)
    with storage.begin() as tx:
        suspend(tx, runtime, made.service.client_id, actor="the tests")
        change(tx, runtime, made.service, own_change(made))
    assert find(made.service.client_id).state == "suspended"


# -- a law that is taken off a service -----------------------------------------------------------------------------


@pytest.mark.parametrize("law", [None, "Luật khác"])
def test_what_a_service_was_let_read_by_a_law_ends_with_the_law_and_what_people_agreed_to_stays(
    app: Flask, runtime: Runtime, clock: FixedClock, law: str | None
) -> None:
    citizen, browser = a_citizen(app), app.test_client()
    service = a_service(app, legal_basis=LAW)
    told = obtain_tokens(browser, service, citizen, scope="openid profile")
    agreed = obtain_tokens(browser, service, scope="openid email offline_access")
    waiting = obtain_code(browser, service, scope="openid profile", prompt="login", citizen=citizen)
    assert {row.basis_kind for row in rows_of("releases")} == {"notice", "consent"}
    a_service(app, client_id=service.client_id, legal_basis=LAW, client_name="Tên mới")
    assert userinfo(browser, told["access_token"]).status_code == 200, "nothing was taken off"
    a_service(app, client_id=service.client_id, legal_basis=law)
    assert userinfo(browser, told["access_token"]).status_code == 401
    assert refresh(browser, service, told["refresh_token"]).status_code == 400
    assert userinfo(browser, agreed["access_token"]).status_code == 200
    assert spend(browser, service, waiting).get_json()["error"] == "invalid_grant"
    assert sorted(str(row.end_reason) for row in rows_of("grants")) == ["None", "withdrawn"]
    assert (events()["grant.withdrawn"], len(rows_of("outbox"))) == (1, 1)
    clock.advance(seconds=6)
    page = follow(browser, ask(browser, service, scope="openid profile"))
    assert page_of(page) == "consent"
    assert LAW not in page.text
