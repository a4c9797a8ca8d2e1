"""Signing keys that never leave a hardware security module, through PKCS#11 (an option; package python-pkcs11).

What stands in the database instead of a private part refers to it: a mark, the key's id in the token, its public part.
Ed25519 stays with us: modules that have it are few.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from idp.runtime import chance
from idp.runtime.settings import Keys, WrongSetting

ALGORITHMS: Final = frozenset({"ES256", "RS256", "PS256"})
_MARK: Final = b"pkcs11:"
_ID_BYTES: Final = 16


@dataclass
class Token:
    """A token of a module, with its one session; a module takes one call at a time."""

    _session: Any
    _lock: Lock = field(default_factory=Lock)
    _found: dict[bytes, Any] = field(default_factory=dict)

    def generate(self, alg: str) -> bytes:
        """A new key pair in the token, whose private part nobody can read; gives the reference to it."""
        id_ = chance.new_bytes(_ID_BYTES)
        given = {"id": id_, "label": f"idp {alg}", "store": True}
        with self._lock:
            make = self._make_ec if alg == "ES256" else self._make_rsa
            public, self._found[id_] = make(given)
        return _MARK + id_ + public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def _make_ec(self, given: dict[str, Any]) -> tuple[ec.EllipticCurvePublicKey, Any]:
        pkcs11, curves = _package(), import_module("pkcs11.util.ec")
        curve = {pkcs11.Attribute.EC_PARAMS: curves.encode_named_curve_parameters("secp256r1")}
        domain = self._session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
        public, private = domain.generate_keypair(**given)
        found: Any = load_der_public_key(curves.encode_ec_public_key(public))
        return found, private

    def _make_rsa(self, given: dict[str, Any]) -> tuple[rsa.RSAPublicKey, Any]:
        pkcs11 = _package()
        public, private = self._session.generate_keypair(pkcs11.KeyType.RSA, 2048, **given)
        parts = (pkcs11.Attribute.PUBLIC_EXPONENT, pkcs11.Attribute.MODULUS)
        exponent, modulus = (int.from_bytes(public[part], "big") for part in parts)
        return rsa.RSAPublicNumbers(exponent, modulus).public_key(), private

    def sign(self, alg: str, reference: bytes, signed: bytes) -> bytes:
        """The signature as a JWS has it (RFC 7518 3.3 to 3.5)."""
        pkcs11 = _package()
        mechanism = pkcs11.Mechanism
        with self._lock:
            key = self._find(reference)
            match alg:
                case "ES256":
                    signature = key.sign(sha256(signed).digest(), mechanism=mechanism.ECDSA)
                case "PS256":
                    how = (mechanism.SHA256, pkcs11.MGF.SHA256, sha256().digest_size)
                    signature = key.sign(signed, mechanism=mechanism.SHA256_RSA_PKCS_PSS, mechanism_param=how)
                case _:
                    signature = key.sign(signed, mechanism=mechanism.SHA256_RSA_PKCS)
        return bytes(signature)

    def _find(self, reference: bytes) -> Any:
        id_ = reference[len(_MARK) : len(_MARK) + _ID_BYTES]
        if id_ not in self._found:
            self._found[id_] = self._session.get_key(object_class=_package().ObjectClass.PRIVATE_KEY, id=id_)
        return self._found[id_]


def _package() -> Any:
    """Only where a token is used: the package is not there otherwise."""
    return import_module("pkcs11")


def is_reference(private: bytes) -> bool:
    """Whether a stored key is in a token."""
    return private.startswith(_MARK)


def public_key(reference: bytes) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    """The public part of a key in a token, without asking it."""
    found: Any = load_der_public_key(reference[len(_MARK) + _ID_BYTES :])
    return found  # type: ignore[no-any-return]


def open_token(settings: Keys, root: Path) -> Token | None:
    """The token that the settings name, None where they name none; raises WrongSetting."""
    if not settings.pkcs11_module:
        return None
    try:
        pkcs11 = _package()
    except ImportError:
        raise WrongSetting("The setting keys.pkcs11_module needs the package python-pkcs11.") from None
    try:
        pin = (root / settings.pkcs11_pin_file).read_text("utf-8").strip()
        token = pkcs11.lib(settings.pkcs11_module).get_token(token_label=settings.pkcs11_token)
        return Token(token.open(rw=True, user_pin=pin))
    except OSError:
        raise WrongSetting("The setting keys.pkcs11_pin_file names a file that cannot be read.") from None
    except (pkcs11.PKCS11Error, RuntimeError) as fault:
        # The fault's kind, never its words: some modules repeat what they were given.
        raise WrongSetting(f"The token of keys.pkcs11_token cannot be opened: {type(fault).__name__}.") from None
