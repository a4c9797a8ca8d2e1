"""Other parties' public keys: given in a registration, or fetched from their `jwks_uri` through the guarded door.

RFC 7517. A fetched set is kept for a while and fetched again when a key id is unknown, but for that never more often
than every `PAUSE` seconds, so that no stranger's token makes us hammer anybody. A failing address is left alone too.
One caller at a time fetches an address, few addresses are fetched at a time, and few callers wait for any: slow ones
hold no place at work, and few of those who may be inside. Whoever comes beyond is judged by what is known already.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore, Event, Lock
from typing import Any, Final

import jwt
import orjson
from jwt.utils import base64url_decode

from idp.runtime import encryption, strict_json
from idp.runtime.clock import Clock
from idp.runtime.data_keys import Unsealable
from idp.runtime.gate import Gate
from idp.runtime.outbound import Outbound, OutboundFailure
from idp.runtime.signing import read_unverified_header

KEPT_FOR: Final = 600.0
PAUSE: Final = 30.0
# Keys of an address that fails now are believed this long after it last gave them.
STALE_FOR: Final = 3600.0
PATIENCE: Final = 1.0
MOST_AT_ONCE: Final = 4
# Of the requests that may be inside, one in so many may wait for another party's server.
WAITING_SHARE: Final = 4
ROOM: Final = 500
MOST_KEYS: Final = 50
# Keys of a set that one token is tried with: each try costs a signature's check before anything is proved.
MOST_TRIED: Final = 4
KEY_TYPES: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
AGREEMENT_CURVES: Final = frozenset({("EC", "P-256"), ("EC", "P-384"), ("EC", "P-521"), ("OKP", "X25519")})
# In base64url characters: 2048 bits and 8192 bits.
SHORTEST_MODULUS: Final = 342
LONGEST_PART: Final = 1366
# A check with an exponent as long as the modulus takes some hundred times as long as one with the usual 65537.
LARGEST_EXPONENT: Final = 2**32 - 1
_DECODER: Final = jwt.PyJWT(
    {"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False, "verify_sub": False}
)


Keys = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address gave: when it was tried last, when last for a key id that was unknown, when it last gave keys
    (all in seconds), and those."""

    tried_at: float
    forced_at: float
    good_at: float
    keys: Keys


NOTHING: Final = Fetched(-KEPT_FOR, -KEPT_FOR, -STALE_FOR, ())


class ForeignKeys:
    def __init__(self, outbound: Outbound, clock: Clock, gate: Gate) -> None:
        self._outbound, self._clock, self._gate = outbound, clock, gate
        self._waiting = BoundedSemaphore(max(1, gate.under_way // WAITING_SHARE))
        self._lock = Lock()
        self._fetched: OrderedDict[str, Fetched] = OrderedDict()
        self._flying: dict[str, Event] = {}

    def verify(
        self,
        token: str,
        algorithms: Sequence[str],
        *,
        jwks: Mapping[str, object] | None = None,
        jwks_uri: str | None = None,
    ) -> dict[str, Any]:
        """The claims of a token signed by one of a party's keys; raises Unsealable. Times and names are not judged."""
        strict_json.check_token(token)
        header = read_unverified_header(token)
        alg, kid = header.get("alg"), header.get("kid")
        if not isinstance(alg, str) or alg not in algorithms:
            raise Unsealable
        for keys in self._sets(jwks, jwks_uri, kid):
            for key in _candidates(keys, alg, kid):
                claims = _verified(token, key, alg)
                if claims is not None:
                    return claims
        raise Unsealable

    def find_encryption_key(
        self, alg: str, *, jwks: Mapping[str, object] | None, jwks_uri: str | None
    ) -> Mapping[str, Any] | None:
        """A key of a party that content can be encrypted to by `alg`; None where it has none (OIDC Core 10.2)."""
        for keys in self._sets(jwks, jwks_uri, None, use="enc"):
            for key in keys:
                if _fits_encryption(key, alg) and encryption.is_sound(key):
                    return key
        return None

    def _sets(
        self, jwks: Mapping[str, object] | None, jwks_uri: str | None, kid: object, *, use: str = "sig"
    ) -> Iterator[Keys]:
        """The keys for one use: as known, and then, where none of them was named, as they are now."""
        if jwks is not None:
            yield _for(use, _keys_of(jwks))
        elif jwks_uri is not None:
            known = _for(use, self._find(jwks_uri, force=False))
            yield known
            if use == "enc" or (kid is not None and all(key.get("kid") != kid for key in known)):
                yield _for(use, self._find(jwks_uri, force=True))

    def _find(self, uri: str, *, force: bool) -> Keys:
        """The keys at an address: as remembered, or fetched now by the one caller whose turn it is."""
        now = self._clock.now().timestamp()
        with self._lock:
            known = self._fetched.get(uri, NOTHING)
            if _is_fresh(known, now, force=force):
                return known.keys
            flying = self._flying.get(uri)
            is_crowded = flying is None and len(self._flying) >= MOST_AT_ONCE
            if is_crowded or not self._waiting.acquire(blocking=False):
                return known.keys if now - known.good_at < STALE_FOR else ()
            landed = flying or self._flying.setdefault(uri, Event())
        try:
            with self._gate.step_aside():
                return self._wait_for(uri, flying) if flying else self._fly(uri, known, now, landed, force=force)
        finally:
            self._waiting.release()

    def _wait_for(self, uri: str, flying: Event) -> Keys:
        # Whoever waits longer than this for somebody else's slow server waits for nothing.
        flying.wait(PATIENCE)
        with self._lock:
            return self._fetched.get(uri, NOTHING).keys

    def _fly(self, uri: str, known: Fetched, now: float, landed: Event, *, force: bool) -> Keys:
        try:
            return self._fetch(uri, known, now, force=force)
        finally:
            with self._lock:
                del self._flying[uri]
            landed.set()

    def _fetch(self, uri: str, known: Fetched, now: float, *, force: bool) -> Keys:
        forced_at = now if force else known.forced_at
        try:
            answer = self._outbound.get(uri)
            keys = _keys_of(orjson.loads(answer.body)) if answer.status == 200 else ()
        except (OutboundFailure, ValueError, RecursionError):
            keys = ()
        fetched = Fetched(now, forced_at, now, keys)
        if not keys and now - known.good_at < STALE_FOR:
            fetched = Fetched(
                now, forced_at, known.good_at, known.keys
            )  # what was good a while ago is better than nothing
        with self._lock:
            self._fetched[uri] = fetched
            self._fetched.move_to_end(uri)
            while len(self._fetched) > ROOM:
                self._fetched.popitem(last=False)
        return fetched.keys


def _is_fresh(known: Fetched, now: float, *, force: bool) -> bool:
    """Whether an address is left alone for now.

    One that has just given keys is asked again at once for an unknown one, so that a party may change its keys at any
    moment; then not for a while.
    """
    if not known.keys:
        return 0 <= now - known.tried_at < PAUSE
    if force:
        return 0 <= now - known.forced_at < PAUSE
    return 0 <= now - known.tried_at < KEPT_FOR


def read_unverified_claims(token: str) -> dict[str, Any]:
    """The claims of a JWT, unchecked: only for finding whose keys will judge it. Raises Unsealable."""
    strict_json.check_token(token)
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise Unsealable from None
    return claims


def verify_with_secret(token: str, secret: bytes) -> dict[str, Any]:
    """The claims of a token made with a shared secret (HS256); raises Unsealable."""
    strict_json.check_token(token)
    if read_unverified_header(token).get("alg") != "HS256":
        raise Unsealable
    try:
        claims: dict[str, Any] = _DECODER.decode(token, secret, algorithms=["HS256"])
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise Unsealable from None
    return claims


def _keys_of(document: object) -> Keys:
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list):
        return ()
    return tuple(key for key in keys[:MOST_KEYS] if isinstance(key, Mapping))


def _for(use: str, keys: Keys) -> Keys:
    return tuple(key for key in keys if key.get("use", use) == use)


def _candidates(keys: Keys, alg: str, kid: object) -> Keys:
    """The few keys that may have made a signature: those of the named id first, then those without one."""
    named = [key for key in keys if kid is None or key.get("kid") in (None, kid)]
    fitting = [key for key in named if _fits(key, alg)]
    return tuple(sorted(fitting, key=lambda key: key.get("kid") != kid)[:MOST_TRIED])


def _fits(jwk: Mapping[str, Any], alg: str) -> bool:
    """Whether a key is for this algorithm and sound. One with its private part is known to all (RFC 7517 9.2)."""
    is_for_it = jwk.get("kty") == KEY_TYPES.get(alg[:2]) and jwk.get("alg", alg) == alg
    return is_for_it and "d" not in jwk and _has_sound_size(jwk)


def _fits_encryption(jwk: Mapping[str, Any], alg: str) -> bool:
    """Whether content may be encrypted to a key by this algorithm; one with its private part everybody could open."""
    if "d" in jwk or jwk.get("alg", alg) != alg or not _has_sound_size(jwk):
        return False
    if alg.startswith("RSA"):
        return jwk.get("kty") == "RSA"
    return (jwk.get("kty"), jwk.get("crv")) in AGREEMENT_CURVES


def _verified(token: str, jwk: Mapping[str, Any], alg: str) -> dict[str, Any] | None:
    """The claims if this key made the signature."""
    try:
        key = jwt.PyJWK(dict(jwk), algorithm=alg).key
        claims: dict[str, Any] = _DECODER.decode(token, key, algorithms=[alg])
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return claims


def _has_sound_size(jwk: Mapping[str, Any]) -> bool:
    """RSA of 2048 bits at least (RFC 7518 3.3), and of 8192 at most, because a larger one costs us too much.

    For the same reason its public exponent has 32 bits at most; an even one, or 1, makes no signature at all.
    """
    texts = [value for name, value in jwk.items() if name in ("n", "e", "x", "y")]
    if not all(isinstance(text, str) and len(text) <= LONGEST_PART for text in texts):
        return False
    if jwk.get("kty") != "RSA":
        return True
    return len(jwk.get("n", "")) >= SHORTEST_MODULUS and _is_sound_exponent(jwk.get("e", ""))


def _is_sound_exponent(text: str) -> bool:
    try:
        exponent = int.from_bytes(base64url_decode(text), "big")
    except ValueError:
        return False
    return 3 <= exponent <= LARGEST_EXPONENT and exponent % 2 == 1
