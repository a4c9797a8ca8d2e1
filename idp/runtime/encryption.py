"""Encryption to other parties, and opening what is encrypted to us (RFC 7516, RFC 7518 4 and 5, in compact form).

Only key transport by RSA-OAEP and agreement by ECDH-ES. Nothing is ever decompressed: few bytes could become gigabytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, RSAKey

from idp.runtime import strict_json
from idp.runtime.data_keys import Unsealable

ALGORITHMS: Final = ("RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW")
CONTENT: Final = ("A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM")
LONGEST: Final = 16_384
# Our own keys by the name they are stored under: what a service that encrypts to us may name.
OWN_KINDS: Final = ("RSA-OAEP", "ECDH-ES")
# Members that make a token something else: compressed, critical, or opened by a password.
_REFUSED_MEMBERS: Final = frozenset({"zip", "crit", "p2s", "p2c"})


class Unencryptable(Exception):
    """The key is none that this can be encrypted to."""


@dataclass(frozen=True)
class DecryptionKey:
    """A key pair of ours that others encrypt to: published while `current`, still opens when `retired`."""

    kid: str
    alg: str
    state: str
    private: bytes = field(repr=False)

    def public_jwk(self) -> dict[str, str]:
        public: dict[str, Any] = _import_own(self.private).as_dict(private=False)
        return {**public, "kid": self.kid, "use": "enc"}


def kind_of(alg: str) -> str:
    """Which of our kinds of key an algorithm needs."""
    return OWN_KINDS[0] if alg.startswith("RSA") else OWN_KINDS[1]


def encrypt_to(jwk: Mapping[str, Any], alg: str, enc: str, content: str, *, is_jwt: bool) -> str:
    """`content` so that only the holder of this public key reads it; a JWT is marked as one (RFC 7519 5.2)."""
    header: dict[str, Any] = {"alg": alg, "enc": enc}
    if isinstance(jwk.get("kid"), str):
        header["kid"] = jwk["kid"]
    if is_jwt:
        header["cty"] = "JWT"
    try:
        return jwe.encrypt_compact(header, content, _import_public(jwk), algorithms=[alg, enc])
    except (JoseError, ValueError, TypeError, KeyError):
        raise Unencryptable from None


def is_sound(jwk: Mapping[str, Any]) -> bool:
    """Whether this is a public key at all: all its members there, and its point on its curve."""
    try:
        _import_public(jwk)
    except (JoseError, ValueError, TypeError, KeyError):
        return False
    return True


def _import_public(jwk: Mapping[str, Any]) -> Any:
    return JWKRegistry.import_key({name: jwk[name] for name in _MEMBERS if name in jwk})


_MEMBERS: Final = ("kty", "n", "e", "crv", "x", "y")


def decrypt(keys: Sequence[DecryptionKey], token: str) -> bytes:
    """What is in a token that was encrypted to one of these keys; raises Unsealable, the same for every fault."""
    if len(token) > LONGEST or token.count(".") != 4:
        raise Unsealable
    header = strict_json.read_part(token.partition(".")[0])
    alg, enc = header.get("alg"), header.get("enc")
    if alg not in ALGORITHMS or enc not in CONTENT or _REFUSED_MEMBERS & header.keys():
        raise Unsealable
    fitting = [key for key in keys if key.alg == kind_of(str(alg))]
    for key in sorted(fitting, key=lambda key: key.kid != header.get("kid")):
        try:
            opened = jwe.decrypt_compact(token, _import_own(key.private), algorithms=[str(alg), str(enc)])
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            continue
        if opened.plaintext is not None:
            return opened.plaintext
    raise Unsealable


@lru_cache(maxsize=64)
def _import_own(private: bytes) -> RSAKey | ECKey:
    # Parsing costs 50 ms of checks for RSA; a key is parsed once a process.
    parsed = load_der_private_key(private, password=None)
    if isinstance(parsed, rsa.RSAPrivateKey):
        return RSAKey.import_key(parsed)
    if isinstance(parsed, ec.EllipticCurvePrivateKey):
        return ECKey.import_key(parsed)
    raise Unsealable
