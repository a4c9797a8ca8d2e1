"""Signing keys: private keys, parsed once, and the JWTs they sign (RFC 7515, 7517, 7519; RFC 7518 3, RFC 8037 3)."""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.utils import der_to_raw_signature

from idp.runtime import hsm
from idp.runtime.data_keys import Unsealable
from idp.runtime.hsm import Token

# Every provider has keys for the first; for the others they are made when the first service registers for them.
ALWAYS: Final = ("ES256", "RS256")
ON_DEMAND: Final = ("PS256", "EdDSA")
ALGORITHMS: Final = (*ALWAYS, *ON_DEMAND)
STATES: Final = ("next", "current", "retired")
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
_PKCS1: Final = padding.PKCS1v15()
_PSS: Final = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=SHA256.digest_size)
# The members that RFC 7638 3.2 and RFC 8037 2 name, of all kinds of keys.
_OF_THUMBPRINTS: Final = ("crv", "e", "kty", "n", "x", "y")
_decoder = jwt.PyJWT({"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False})


@dataclass(frozen=True)
class SigningKey:
    """A key pair: published from `next` on, signs while `current`, still verifies when `retired`."""

    kid: str
    alg: str
    state: str
    private: bytes = field(repr=False)

    def sign(self, claims: dict[str, Any], typ: str, token: Token | None = None) -> str:
        """A JWT in compact form (RFC 7515 7.1); by hand, because PyJWT makes header and key checks anew each time.

        A key that is in a `token` signs there.
        """
        signed = _head(self.alg, self.kid, typ) + _base64url(orjson.dumps(claims))
        if not hsm.is_reference(self.private):
            signature = _signature(self.alg, _parse(self.private), signed)
        elif token is not None:
            signature = token.sign(self.alg, self.private, signed)
        else:
            raise LookupError("the signing key is in a PKCS#11 token, and keys.pkcs11_module names none")
        return (signed + b"." + _base64url(signature)).decode()

    def verify(self, token: str) -> dict[str, Any]:
        """The claims, if the signature is this key's; times and audience are for the caller to judge."""
        try:
            claims: dict[str, Any] = _decoder.decode(token, _public(self.private), algorithms=[self.alg])
        except jwt.PyJWTError:
            raise Unsealable from None
        return claims

    def public_jwk(self) -> dict[str, str]:
        return _public_jwk(self.private) | {"kid": self.kid, "use": "sig", "alg": self.alg}


@lru_cache(maxsize=256)
def _head(alg: str, kid: str, typ: str) -> bytes:
    return _base64url(orjson.dumps({"alg": alg, "kid": kid, "typ": typ})) + b"."


def _signature(alg: str, key: PrivateKey, signed: bytes) -> bytes:
    """RFC 7518 3.3 to 3.5, RFC 8037 3.1."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, _PSS if alg == "PS256" else _PKCS1, SHA256())
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(signed)
    return der_to_raw_signature(key.sign(signed, ec.ECDSA(SHA256())), key.curve)


def _base64url(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def generate(alg: str) -> tuple[str, bytes]:
    """A new key pair for `alg`: its kid (the JWK thumbprint, RFC 7638) and its private part in PKCS#8 DER."""
    key: PrivateKey
    if alg in ("ES256", "ECDH-ES"):
        key = ec.generate_private_key(ec.SECP256R1())
    elif alg in ("RS256", "PS256", "RSA-OAEP"):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    elif alg == "EdDSA":
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        raise ValueError(alg)
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return thumbprint(private), private


def thumbprint(private: bytes) -> str:
    """The kid of a key: the thumbprint of its public part (RFC 7638)."""
    members = json.dumps(_public_jwk(private), sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(sha256(members.encode()).digest()).rstrip(b"=").decode()


def read_unverified_header(token: str) -> dict[str, Any]:
    """The header of a JWT, unchecked: only for finding the key. Raises Unsealable when it is no JWT."""
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        # A header of a thousand opening brackets is a text of some hundred bytes more.
        raise Unsealable from None


@lru_cache(maxsize=64)
def _parse(private: bytes) -> Any:
    # Parsing costs 50 ms of checks for RSA; a key is parsed once a process.
    return load_der_private_key(private, password=None)


def _public(private: bytes) -> Any:
    return hsm.public_key(private) if hsm.is_reference(private) else _parse(private).public_key()


def _public_jwk(private: bytes) -> dict[str, str]:
    public = _public(private)
    jwk: dict[str, Any]
    match public:
        case rsa.RSAPublicKey():
            jwk = RSAAlgorithm.to_jwk(public, as_dict=True)
        case ec.EllipticCurvePublicKey():
            jwk = ECAlgorithm.to_jwk(public, as_dict=True)
        case _:
            jwk = OKPAlgorithm.to_jwk(public, as_dict=True)
    return {name: jwk[name] for name in _OF_THUMBPRINTS if name in jwk}
