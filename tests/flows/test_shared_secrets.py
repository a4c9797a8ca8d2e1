"""A secret itself is kept, sealed, only while a service signs with it (client_secret_jwt); else its digest alone."""

from collections.abc import Mapping
from typing import Any

import pytest

from idp import storage
from idp.domain.relying_services import RelyingService
from idp.flows.service_registry import change, import_services, register
from idp.runtime.runtime import Runtime
from tests.rows import rows_of

SECRET = "mat-khau-cua-dich-vu-0123456789-du-dai"
SIGNS: dict[str, Any] = {
    "redirect_uris": ["https://dich-vu.example/cb"],
    "token_endpoint_auth_method": "client_secret_jwt",
    "client_id": "dich-vu",
    "client_secret": SECRET,
}
KEY = {"kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"}
KEY["y"] = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
OTHERS = pytest.mark.parametrize(
    "changed",
    [
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [KEY]}, "client_secret": None},
        {"token_endpoint_auth_method": "none", "client_secret": None},
    ],
    ids=lambda changed: changed["token_endpoint_auth_method"],
)


def load(runtime: Runtime, changed: Mapping[str, object]) -> RelyingService:
    metadata = {name: value for name, value in {**SIGNS, **changed}.items() if value is not None}
    with storage.begin() as tx:
        [done] = import_services(tx, runtime, [metadata], actor="the tests")
    return done.service


def kept(runtime: Runtime, service: RelyingService) -> bytes | None:
    with storage.once() as tx:
        return storage.relying_services.find_shared_secret(tx, runtime.keyring, service.id)


@OTHERS
def test_a_file_that_takes_a_service_to_another_method_takes_the_secret_out(
    runtime: Runtime, changed: dict[str, object]
) -> None:
    service = load(runtime, {})
    assert kept(runtime, service) == SECRET.encode()
    load(runtime, changed)
    assert kept(runtime, service) is None
    assert [row.secret_sealed for row in rows_of("relying_services")] == [None]


@OTHERS
def test_a_service_that_changes_its_method_by_itself_leaves_no_secret_behind(
    runtime: Runtime, changed: dict[str, object]
) -> None:
    metadata: dict[str, object] = {name: SIGNS[name] for name in ("redirect_uris", "token_endpoint_auth_method")}
    with storage.begin() as tx:
        made = register(tx, runtime, metadata)
    assert made.secret is not None
    assert kept(runtime, made.service) == made.secret.encode()
    wished = {**metadata, **changed, "client_id": made.service.client_id}
    with storage.begin() as tx:
        change(tx, runtime, made.service, {name: value for name, value in wished.items() if value is not None})
    assert kept(runtime, made.service) is None


def test_renewed_without_naming_it_a_service_that_signs_keeps_its_secret(runtime: Runtime) -> None:
    service = load(runtime, {})
    load(runtime, {"client_secret": None, "client_name": "Tên mới"})
    assert kept(runtime, service) == SECRET.encode()
