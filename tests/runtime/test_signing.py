"""Signatures (RFC 7515, 7517, 7518, 7519, 7638; RFC 8725): only our keys, our algorithms, our types."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from joserfc.jwk import JWKRegistry

from idp.runtime import signing
from idp.runtime.data_keys import Unsealable
from idp.runtime.keyring import Keyring
from tests.runtime.keyrings import Shelf, key, ring

ALGORITHMS = ("ES256", "RS256")
CLAIMS = {"iss": "https://id.example", "sub": "abc", "exp": 1}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def ours() -> Keyring:
    return ring(shelf=Shelf([key("ES256"), key("RS256"), key("ES256", "next", 1), key("ES256", "retired", 2)]))


def header_of(token: str) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_what_is_signed_is_verified_by_the_published_key_alone(ours: Keyring, alg: str) -> None:
    token = ours.sign(alg, CLAIMS)
    header = header_of(token)
    assert header == {"alg": alg, "kid": key(alg).kid, "typ": "JWT"}
    published = next(each for each in ours.public_key_set()["keys"] if each["kid"] == header["kid"])
    decoded = jwt.decode(token, jwt.PyJWK(published), algorithms=[alg], options={"verify_exp": False})
    assert decoded == CLAIMS


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_an_own_token_is_read_though_it_expired(ours: Keyring, alg: str) -> None:
    assert ours.read_own(ours.sign(alg, CLAIMS)) == CLAIMS


def test_it_signs_with_the_current_key_and_reads_what_next_and_retired_signed(ours: Keyring) -> None:
    assert header_of(ours.sign("ES256", CLAIMS))["kid"] == key("ES256").kid
    for state, place in (("next", 1), ("retired", 2)):
        assert ours.read_own(key("ES256", state, place).sign(CLAIMS, "JWT")) == CLAIMS


def test_without_a_current_key_nothing_is_signed() -> None:
    with pytest.raises(LookupError):
        ring(shelf=Shelf([key("ES256", "retired")])).sign("ES256", CLAIMS)


def test_a_key_that_left_the_set_verifies_nothing(ours: Keyring) -> None:
    with pytest.raises(Unsealable):
        ours.read_own(key("ES256", "current", 3).sign(CLAIMS, "JWT"))


def test_rfc7517_9_2_the_public_set_holds_no_private_part(ours: Keyring) -> None:
    published = ours.public_key_set()["keys"]
    assert len(published) == 4
    for each in published:
        members = {"kid", "use", "alg", "kty", *(("crv", "x", "y") if each["alg"] == "ES256" else ("n", "e"))}
        assert set(each) == members
        assert each["use"] == "sig"
    for made in (key("ES256"), key("RS256")):
        private: Any = load_der_private_key(made.private, None)
        numbers = private.private_numbers()
        for secret in [numbers.private_value] if made.alg == "ES256" else [numbers.d, numbers.p, numbers.q]:
            raw = secret.to_bytes((secret.bit_length() + 7) // 8, "big")
            assert b64(raw) not in json.dumps(published)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_rfc7638_the_kid_is_the_thumbprint_of_the_key(ours: Keyring, alg: str) -> None:
    published = next(each for each in ours.public_key_set()["keys"] if each["kid"] == key(alg).kid)
    assert JWKRegistry.import_key(dict(published)).thumbprint() == published["kid"]


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_rfc7518_3_the_keys_are_of_the_size_that_the_algorithm_wants(alg: str) -> None:
    private = load_der_private_key(key(alg).private, None)
    if alg == "ES256":
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        assert isinstance(private.curve, ec.SECP256R1)
    else:
        assert isinstance(private, rsa.RSAPrivateKey)
        assert private.key_size >= 2048


def test_no_other_algorithm_gets_a_key() -> None:
    for alg in ("HS256", "none", "PS384", "ES384", ""):
        with pytest.raises(ValueError, match=f"^{alg}$"):
            signing.generate(alg)


def forged(header: dict[str, object], signature: bytes | None = None, secret: bytes | None = None) -> str:
    head, body = b64(json.dumps(header).encode()), b64(json.dumps(CLAIMS).encode())
    if secret is not None:
        signature = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{b64(signature or b'')}"


def public_pem(alg: str) -> bytes:
    private: Any = load_der_private_key(key(alg).private, None)
    return bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def confused() -> list[str]:
    es256, rs256 = key("ES256"), key("RS256")
    signed_es256, signed_rs256 = es256.sign(CLAIMS, "JWT"), rs256.sign(CLAIMS, "JWT")
    signature = base64.urlsafe_b64decode(signed_es256.split(".")[2] + "==")
    header = {"typ": "JWT", "kid": es256.kid}
    return [
        forged({**header, "alg": "none"}),
        forged({**header, "alg": "None"}),
        forged({**header, "alg": "HS256"}, secret=public_pem("ES256")),
        forged({**header, "alg": "HS256", "kid": rs256.kid}, secret=public_pem("RS256")),
        forged({**header, "alg": "ES256"}, secret=public_pem("ES256")),
        forged({**header, "alg": "ES256"}),
        forged({**header, "alg": "ES256"}, signature=bytes(64)),  # CVE-2022-21449: r = s = 0
        forged({**header, "alg": "ES256"}, signature=signature),
        forged({**header, "alg": "RS256"}, signature=signature),
        forged({"typ": "JWT", "alg": "ES256"}, signature=signature),  # no kid
        forged({**header, "alg": "ES256", "kid": rs256.kid}, signature=signature),
        ".".join([*signed_rs256.split(".")[:2], signed_es256.split(".")[2]]),
        signed_es256[:-2] + ("A" if signed_es256[-2] != "A" else "B") + signed_es256[-1],
    ]


@pytest.mark.parametrize("place", range(len(confused())))
def test_rfc8725_3_1_no_confusion_of_algorithms_and_keys_gets_through(ours: Keyring, place: int) -> None:
    with pytest.raises(Unsealable):
        ours.read_own(confused()[place])


def test_rfc8725_3_12_a_key_in_the_header_is_not_trusted(ours: Keyring) -> None:
    strange = key("ES256", "current", 3)
    for header in (
        {"jwk": strange.public_jwk()},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example"},
    ):
        head = {"alg": "ES256", "typ": "JWT", "kid": strange.kid, **header}
        private: Any = load_der_private_key(strange.private, None)
        token = jwt.encode(CLAIMS, private, algorithm="ES256", headers=head)
        with pytest.raises(Unsealable):
            ours.read_own(token)


@pytest.mark.parametrize("typ", ["logout+jwt", "at+jwt", "jwt"])
def test_rfc8725_3_11_a_token_of_another_type_is_not_read_as_ours(ours: Keyring, typ: str) -> None:
    token = ours.sign("ES256", CLAIMS, typ=typ)
    with pytest.raises(Unsealable):
        ours.read_own(token)
    assert ours.read_own(token, typ=typ) == CLAIMS


DEEP = b64(b"[" * 6000)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a",
        "a.b.c",
        "....",
        "eyJ.eyJ.eyJ",
        f"{b64(b'null')}.{b64(b'{}')}.",
        f"{b64(b'[]')}.{b64(b'{}')}.",
        f"{b64(b'{}')}.{b64(b'{}')}.",
        f"{DEEP}.{b64(b'{}')}.",
        f"{b64(b'[1' + b'1' * 6000)}.{b64(b'{}')}.",
        "ệ.ệ.ệ",
        "\ud800.a.b",
        "a.b.c.d.e",
        forged({"alg": "ES256", "typ": "JWT", "kid": ["a"]}),
        forged({"alg": "ES256", "typ": "JWT", "kid": 5}),
        forged({"alg": 5, "typ": "JWT", "kid": "a"}),
        forged({"alg": "ES256", "typ": "JWT", "kid": "a", "crit": ["b64"], "b64": False}),
    ],
)
def test_what_is_no_token_is_refused_without_a_fault(ours: Keyring, token: str) -> None:
    with pytest.raises(Unsealable):
        ours.read_own(token)


def test_both_algorithms_are_offered(ours: Keyring) -> None:
    assert sorted({alg for alg, _, _ in ours.list_keys()}) == ["ES256", "RS256"]
