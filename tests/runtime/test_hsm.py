"""Signing keys in a hardware security module: SoftHSM2 stands for one (PKCS#11; RFC 7518 3.3 to 3.5)."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest

from idp.runtime import hsm, signing
from idp.runtime.hsm import Token, open_token
from idp.runtime.keyring import Keyring, Master, StoredKeys
from idp.runtime.settings import Keys, WrongSetting
from idp.runtime.signing import SigningKey
from tests.doubles import FixedClock

MODULES = [Path("/usr/lib/softhsm/libsofthsm2.so"), *sorted(Path("/usr/lib").glob("*/softhsm/libsofthsm2.so"))]
PIN = "4821"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    """A token of its own, on disk; the module reads where it is once a process."""
    module = next((path for path in MODULES if path.exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.fail("SoftHSM2 is not installed: apt-get install softhsm2")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    (folder / "pin").write_text(f"{PIN}\n")
    patched = pytest.MonkeyPatch()
    patched.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
    command = ["softhsm2-util", "--init-token", "--free", "--label", "idp", "--pin", PIN, "--so-pin", "9" * 8]
    subprocess.run(command, check=True, capture_output=True)
    yield Keys("", (), str(module), "idp", str(folder / "pin"))
    patched.undo()


@pytest.fixture(scope="module")
def token(settings: Keys) -> Token:
    opened = open_token(settings, Path("/"))
    assert opened is not None
    return opened


def a_keyring(token: Token, clock: FixedClock, alg: str) -> Keyring:
    ring = Keyring([Master.of(b"m" * 32)], clock, lambda _ring: stored[0], token)
    kid, reference = ring.new_key(alg)
    stored = [StoredKeys((SigningKey(kid, alg, "current", reference),), b"p" * 32, ())]
    return ring


@pytest.mark.parametrize("alg", sorted(hsm.ALGORITHMS))
def test_what_the_token_signs_others_verify_with_the_published_key(token: Token, clock: FixedClock, alg: str) -> None:
    ring = a_keyring(token, clock, alg)
    signed = ring.sign(alg, {"sub": "x"})
    [jwk] = ring.public_key_set()["keys"]
    assert jwt.decode(signed, jwt.PyJWK(jwk).key, algorithms=[alg]) == {"sub": "x"}
    assert ring.read_own(signed) == {"sub": "x"}
    assert set(jwk) <= {"kty", "n", "e", "crv", "x", "y", "kid", "use", "alg"}


@pytest.mark.parametrize("alg", sorted(hsm.ALGORITHMS))
def test_no_private_part_is_stored_or_can_be_read(token: Token, alg: str) -> None:
    reference = token.generate(alg)
    assert hsm.is_reference(reference)
    assert len(reference) < 400, "a mark, an id and a public key"
    pkcs11: Any = pytest.importorskip("pkcs11")
    private = token._find(reference)
    attribute = pkcs11.Attribute.VALUE if alg == "ES256" else pkcs11.Attribute.PRIVATE_EXPONENT
    with pytest.raises(pkcs11.AttributeSensitive):
        private[attribute]


def test_a_process_that_starts_later_finds_the_key(token: Token) -> None:
    reference = token.generate("ES256")
    later = Token(token._session)
    assert len(later.sign("ES256", reference, b"x")) == 64


def test_many_threads_sign_at_once(token: Token, clock: FixedClock) -> None:
    ring = a_keyring(token, clock, "ES256")
    said: list[object] = []

    def sign() -> None:
        for number in range(10):
            said.append(ring.read_own(ring.sign("ES256", {"n": number})))

    threads = [threading.Thread(target=sign) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 80


def test_ed25519_and_keys_to_encrypt_to_stay_with_us(token: Token, clock: FixedClock) -> None:
    ring = a_keyring(token, clock, "ES256")
    for alg in ("EdDSA", "RSA-OAEP", "ECDH-ES"):
        assert not hsm.is_reference(ring.new_key(alg)[1])


def test_without_the_token_its_keys_sign_nothing(token: Token) -> None:
    key = SigningKey("k", "ES256", "current", token.generate("ES256"))
    with pytest.raises(LookupError, match="PKCS#11"):
        key.sign({}, "JWT")
    assert key.public_jwk()["kty"] == "EC"
    assert signing.thumbprint(key.private)


def test_settings_that_name_no_token_mean_none(settings: Keys) -> None:
    assert open_token(Keys("", (), "", "", ""), Path("/")) is None


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"pkcs11_token": "another"}, "keys.pkcs11_token"),
        ({"pkcs11_pin_file": "/nowhere"}, "keys.pkcs11_pin_file"),
        ({"pkcs11_module": "/nowhere.so"}, "keys.pkcs11_token"),
    ],
)
def test_a_wrong_setting_is_named_and_the_pin_is_not(settings: Keys, changed: dict[str, str], named: str) -> None:
    with pytest.raises(WrongSetting) as wrong:
        open_token(replace(settings, **changed), Path("/"))
    assert named in str(wrong.value)
    assert PIN not in str(wrong.value)
