"""openid-client in hybrid, implicit, request-object and encrypted variants, and out again, under the interop profile.

OIDC Core 3.2, 3.3, 6.1, 10.2, RP-Initiated Logout 1.0. The library checks signatures, hashes, nonce, state and iss.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey, Key, RSAKey

from idp.app import create_app
from tests.builders import NUMBERS, Citizen, a_citizen
from tests.builders_settings import testing_settings
from tests.clients.running import NODE_MODULES
from tests.journeys.plain_service import AFTER_LOGOUT, REDIRECT_URI, PlainService, register
from tests.journeys.visitor import Person
from tests.operations.conftest import MASTER_KEY
from tests.operations.provider_process import ProviderProcess
from tests.stores import Stores, close

pytestmark = [pytest.mark.journey, pytest.mark.postgres]
PEOPLE: list[Citizen] = []
PROGRAM = Path(__file__).with_name("variants.mjs")


@pytest.fixture(scope="module")
def provider(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    url = stores.fresh("postgresql")
    app = create_app(testing_settings(url))
    PEOPLE.append(a_citizen(app, NUMBERS[0]))
    close(app)
    settings = {"IDP_DATABASE_URL": url, "IDP_PROFILE": "interop", **MASTER_KEY}
    with ProviderProcess(tmp_path_factory.mktemp("provider"), workers=1, **settings) as running:
        yield running
    stores.discard(url)


def published(key: Key, **members: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A key pair as the service publishes it, and as it keeps it."""
    named = {"kid": "k1", **members}
    return {**key.as_dict(private=False), **named}, {**key.as_dict(private=True), **named}


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "hybrid": {"response_types": ["code id_token"], "grant_types": ["authorization_code", "implicit"]},
    "implicit": {"response_types": ["id_token"], "grant_types": ["implicit"]},
    "hybrid ES256": {
        "response_types": ["code id_token"],
        "grant_types": ["authorization_code", "implicit"],
        "id_token_signed_response_alg": "ES256",
    },
}


def run(provider: ProviderProcess, members: dict[str, Any], **asked: Any) -> tuple[dict[str, Any], PlainService]:
    """Register, sign the citizen in through the library, and give what it learnt, with the browser that it was in."""
    issuer = f"http://localhost:{provider.port}"
    registered = register(issuer, **{"grant_types": ["authorization_code"], "scope": "openid profile email", **members})
    service = PlainService(issuer, registered)
    said = json.dumps({"issuer": issuer, "client": registered, **asked})
    process = subprocess.Popen(
        ["node", str(PROGRAM), said],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=NODE_MODULES.parent,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    if not address:
        raise AssertionError(process.communicate(timeout=60)[1])
    back = service.follow(address, Person(PEOPLE[0].number, "", PEOPLE[0].password))
    out, errors = process.communicate(back + "\n", timeout=60)
    assert process.returncode == 0, f"{back}\n{errors}"
    return json.loads(out.strip().splitlines()[-1]), service


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_oidc_core_3_3_openid_client_signs_in_by_each_flow(provider: ProviderProcess, variant: str) -> None:
    learnt, _ = run(provider, VARIANTS[variant], variant=variant.split()[0])
    assert learnt["claims"]["sub"]
    if variant == "implicit":
        assert learnt["claims"]["name"]
    else:
        assert learnt["userinfo"]["name"]


@pytest.mark.parametrize("alg", ["ES256", "PS256"])
def test_oidc_core_6_1_openid_client_asks_by_a_signed_object(provider: ProviderProcess, alg: str) -> None:
    key = ECKey.generate_key("P-256") if alg == "ES256" else RSAKey.generate_key(2048)
    public, private = published(key, use="sig", alg=alg)
    members = {"jwks": {"keys": [public]}, "request_object_signing_alg": alg}
    learnt, _ = run(provider, members, variant="plain", sign={"jwk": private, "alg": alg})
    assert learnt["userinfo"]["name"]


@pytest.mark.parametrize(
    ("alg", "enc", "usages"),
    [("RSA-OAEP-256", "A256GCM", ["decrypt"]), ("ECDH-ES+A256KW", "A128CBC-HS256", ["deriveBits"])],
)
def test_oidc_core_10_2_openid_client_reads_what_is_encrypted_to_it(
    provider: ProviderProcess, alg: str, enc: str, usages: list[str]
) -> None:
    key = RSAKey.generate_key(2048) if alg.startswith("RSA") else ECKey.generate_key("P-256")
    public, private = published(key, use="enc", alg=alg)
    members = {
        "jwks": {"keys": [public]},
        "id_token_encrypted_response_alg": alg,
        "id_token_encrypted_response_enc": enc,
        "userinfo_signed_response_alg": "RS256",
        "userinfo_encrypted_response_alg": alg,
        "userinfo_encrypted_response_enc": enc,
    }
    learnt, _ = run(
        provider, members, variant="plain", decrypt={"jwk": private, "alg": alg, "enc": enc, "usages": usages}
    )
    assert learnt["id_token"].count(".") == 4
    assert learnt["userinfo"]["name"]


def test_rp_logout_2_openid_client_leads_out(provider: ProviderProcess) -> None:
    learnt, service = run(provider, VARIANTS["hybrid"], variant="hybrid")
    left = service.follow(learnt["logout"], Person("", "", ""))
    assert left.startswith(AFTER_LOGOUT)
    assert parse_qs(urlsplit(left).query)["state"] == ["out"]
    assert REDIRECT_URI not in left
