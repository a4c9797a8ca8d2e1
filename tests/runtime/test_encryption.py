"""What is encrypted to us and to others (RFC 7516; RFC 7518 4, 5): joserfc and cryptography stand at the other end."""

import base64
import json
import warnings
import zlib
from collections.abc import Sequence
from typing import Any, get_args

import pytest
from joserfc import jwe
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from idp.domain.relying_services import ContentEncryption, EncryptionAlgorithm
from idp.runtime import encryption, signing
from idp.runtime.data_keys import Unsealable
from idp.runtime.encryption import ALGORITHMS, CONTENT, DecryptionKey, Unencryptable, decrypt, encrypt_to


def a_key(alg: str) -> DecryptionKey:
    kid, private = signing.generate(alg)
    return DecryptionKey(kid, alg, "current", private)


OURS = tuple(a_key(alg) for alg in encryption.OWN_KINDS)


def public_of(alg: str, keys: Sequence[DecryptionKey] = OURS) -> dict[str, Any]:
    found = next(key for key in keys if key.alg == encryption.kind_of(alg))
    return dict(found.public_jwk())


def imported(jwk: dict[str, Any]) -> Key:
    kind: Any = RSAKey if jwk["kty"] == "RSA" else ECKey
    key: Key = kind.import_key(jwk)
    return key


def to_us(alg: str, enc: str, plain: bytes = b"plain", registry: Any = None, **header: Any) -> str:
    jwk = public_of(alg)
    said = {"alg": alg, "enc": enc, "kid": jwk["kid"], **header}
    algorithms = [alg, enc, "DEF"]
    return jwe.encrypt_compact(said, plain, imported(jwk), algorithms=algorithms, registry=registry)


def test_what_metadata_lists_is_what_may_be_registered() -> None:
    assert get_args(EncryptionAlgorithm) == ALGORITHMS
    assert get_args(ContentEncryption) == CONTENT


@pytest.mark.parametrize("enc", CONTENT)
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_rfc7518_4_5_what_is_encrypted_to_us_is_opened(alg: str, enc: str) -> None:
    assert decrypt(OURS, to_us(alg, enc)) == b"plain"


@pytest.mark.parametrize("enc", CONTENT)
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_rfc7518_4_5_what_we_encrypt_its_owner_opens(alg: str, enc: str) -> None:
    curves: list[Key] = [ECKey.generate_key(curve) for curve in ("P-256", "P-384", "P-521")]
    owners = [RSAKey.generate_key(2048)] if alg.startswith("RSA") else [*curves, OKPKey.generate_key("X25519")]
    for owner in owners:
        jwk = {**owner.as_dict(private=False), "kid": "theirs", "use": "enc"}
        token = encrypt_to(jwk, alg, enc, "a.b.c", is_jwt=True)
        header = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
        assert (header["kid"], header["cty"], header["alg"], header["enc"]) == ("theirs", "JWT", alg, enc)
        assert jwe.decrypt_compact(token, owner, algorithms=[alg, enc]).plaintext == b"a.b.c"


def test_a_key_that_cannot_be_used_is_said_so() -> None:
    for jwk in ({}, {"kty": "RSA"}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": "oct", "k": "AA"}):
        with pytest.raises(Unencryptable):
            encrypt_to(jwk, "RSA-OAEP", "A128GCM", "x", is_jwt=False)


def test_a_retired_key_still_opens_and_a_stranger_s_never() -> None:
    token = to_us("RSA-OAEP", "A128GCM")
    old = tuple(DecryptionKey(key.kid, key.alg, "retired", key.private) for key in OURS)
    new = a_key("RSA-OAEP")
    assert decrypt((new, *old), token) == b"plain"
    with pytest.raises(Unsealable):
        decrypt((new,), token)
    with pytest.raises(Unsealable):
        decrypt((), token)


def test_a_token_that_names_another_key_is_opened_by_whichever_fits() -> None:
    assert decrypt(OURS, to_us("ECDH-ES", "A128GCM", kid="unknown")) == b"plain"


def test_rfc8725_3_6_nothing_is_decompressed() -> None:
    """A bomb: sixteen megabytes in a few thousand characters."""
    bomb = to_us("RSA-OAEP", "A128GCM", b"\0" * 8_000_000, zip="DEF")
    assert len(bomb) < encryption.LONGEST
    with pytest.raises(Unsealable):
        decrypt(OURS, bomb)
    with pytest.raises(Unsealable):
        decrypt(OURS, to_us("RSA-OAEP", "A128GCM", zlib.compress(b"x"), zip="DEF"))


def test_rfc7518_4_other_algorithms_open_nothing() -> None:
    rsa, secret = imported(public_of("RSA-OAEP")), OctKey.generate_key(256)
    small = OctKey.generate_key(128)
    for alg, enc, key in (
        ("RSA1_5", "A128CBC-HS256", rsa),
        ("dir", "A256GCM", secret),
        ("A128KW", "A128GCM", small),
        ("PBES2-HS256+A128KW", "A128GCM", secret),
        ("RSA-OAEP", "A192GCM", rsa),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            token = jwe.encrypt_compact({"alg": alg, "enc": enc}, b"x", key, algorithms=[alg, enc])
        with pytest.raises(Unsealable):
            decrypt(OURS, token)


def test_what_was_changed_or_is_none_is_refused_alike() -> None:
    good = to_us("RSA-OAEP-256", "A128CBC-HS256")
    parts = good.split(".")
    changed = []
    for place, part in enumerate(parts):
        other = part[:-2] + ("AA" if part[-2:] != "AA" else "BB")
        changed.append(".".join([*parts[:place], other, *parts[place + 1 :]]))
    header = base64.urlsafe_b64encode(b'{"alg":"RSA-OAEP","alg":"RSA-OAEP","enc":"A128GCM"}').rstrip(b"=").decode()
    twice = header + good[good.index(".") :]
    for token in (*changed, "", "....", "a.b.c", "a.b.c.d.e", good + ".x", twice, "x" * 20_000):
        with pytest.raises(Unsealable):
            decrypt(OURS, token)


def test_rfc7517_4_2_the_public_part_alone_is_published_for_encryption() -> None:
    for key in OURS:
        jwk = key.public_jwk()
        assert jwk["use"] == "enc"
        assert set(jwk) <= {"kty", "n", "e", "crv", "x", "y", "kid", "use"}
