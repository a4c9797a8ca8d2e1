"""Services that share a sector by a document of redirect URIs (OpenID Connect Registration 5)."""

from typing import Any

import pytest

from idp import storage
from idp.domain.refusals import Refusal
from idp.flows.service_registry import Registered, change, register
from idp.runtime.outbound import Answer, OutboundFailure
from idp.runtime.runtime import Runtime
from tests.doubles import RecordingOutbound
from tests.flows.test_service_registry import without

SECTOR = "https://chung.example/redirects.json"


def enrol(runtime: Runtime, metadata: dict[str, Any]) -> Registered:
    with storage.begin() as tx:
        return register(tx, runtime, metadata)


def publish(outbound: RecordingOutbound, body: bytes, status: int = 200) -> None:
    outbound.answer(SECTOR, Answer(status, {}, body))


@pytest.fixture
def shared(outbound: RecordingOutbound) -> dict[str, Any]:
    publish(outbound, b'["https://mot.example/cb", "https://hai.example/cb"]')
    return {"redirect_uris": ["https://mot.example/cb"], "sector_identifier_uri": SECTOR}


def test_oidc_registration_5_services_of_one_document_share_a_sector(runtime: Runtime, shared: dict[str, Any]) -> None:
    one = enrol(runtime, shared).service
    other = enrol(runtime, {**shared, "redirect_uris": ["https://hai.example/cb"]}).service
    assert one.sector == other.sector == "sector-identifier:chung.example"
    assert one.registered_itself


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'["https://hai.example/cb"]'),
        (200, b'{"https://mot.example/cb": 1}'),
        (200, b'"https://mot.example/cb"'),
        (200, b"[[]]"),
        (200, b"<html>"),
        (200, b""),
        (404, b'["https://mot.example/cb"]'),
        (302, b'["https://mot.example/cb"]'),
    ],
)
def test_oidc_registration_5_a_document_that_does_not_list_the_redirect_uris_is_refused(
    runtime: Runtime, outbound: RecordingOutbound, status: int, body: bytes
) -> None:
    publish(outbound, body, status)
    with pytest.raises(Refusal) as refused:
        enrol(runtime, {"redirect_uris": ["https://mot.example/cb"], "sector_identifier_uri": SECTOR})
    assert refused.value.field == "sector_identifier_uri"


def test_oidc_registration_5_an_address_that_does_not_answer_is_refused(
    runtime: Runtime, outbound: RecordingOutbound
) -> None:
    outbound.answer(SECTOR, OutboundFailure("no"))
    with pytest.raises(Refusal):
        enrol(runtime, {"redirect_uris": ["https://mot.example/cb"], "sector_identifier_uri": SECTOR})


def test_oidc_core_8_1_a_service_keeps_its_sector_whatever_it_says_later(
    runtime: Runtime, shared: dict[str, Any]
) -> None:
    made = enrol(runtime, shared).service
    for changed in (
        without(shared, "sector_identifier_uri"),
        {**shared, "sector_identifier_uri": "https://khac.example/redirects.json"},
        {**shared, "redirect_uris": ["https://ba.example/cb"]},
    ):
        with pytest.raises(Refusal), storage.begin() as tx:
            change(tx, runtime, made, {**changed, "client_id": made.client_id})
    with storage.begin() as tx:
        more = {
            **shared,
            "client_id": made.client_id,
            "redirect_uris": ["https://mot.example/cb", "https://hai.example/cb"],
        }
        assert change(tx, runtime, made, more).service.sector == made.sector
