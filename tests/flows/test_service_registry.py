"""Registering relying services: from an operator's file, all or nothing, and by themselves (RFC 7591)."""

from typing import Any

import pytest

from idp import storage
from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.flows.service_registry import Registered, import_services, register
from idp.runtime.runtime import Runtime
from tests.doubles import FixedClock
from tests.rows import count_rows, events, rows_of

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
