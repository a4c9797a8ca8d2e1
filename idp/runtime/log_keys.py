"""The keys that sign heads of the log and nothing else: no token is signed or verified by them, no head by others.

Heads are verified for as long as they are kept, so a former key is published for ever.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from idp.runtime.data_keys import Unsealable
from idp.runtime.hsm import Token
from idp.runtime.signing import SigningKey, read_unverified_header

# A value of our own (RFC 7517 4.2), so that no library takes one of these for a key of tokens.
USE: Final = "tree-head"


class LogKeys:
    """`find` gives the keys as they are stored now; `forget` makes it read them again."""

    def __init__(
        self, find: Callable[[], Sequence[SigningKey]], forget: Callable[[], None], token: Token | None
    ) -> None:
        self._find, self._forget, self._token = find, forget, token

    def is_there(self) -> bool:
        """Whether there is a key to sign with."""
        return any(key.state == "current" for key in self._find())

    def sign(self, claims: dict[str, Any], *, typ: str) -> str:
        """A signed head in compact form; raises LookupError where the log has no key yet."""
        for _ in range(2):
            for key in self._find():
                if key.state == "current":
                    return key.sign(claims, typ, self._token)
            self._forget()  # it was made a moment ago, maybe by another process
        raise LookupError("the log has no key")

    def read(self, jws: str, *, typ: str) -> dict[str, Any]:
        """What a key of the log signed; raises Unsealable."""
        header = read_unverified_header(jws)
        for _ in range(2):
            for key in self._find():
                if key.kid == header.get("kid") and key.alg == header.get("alg") and header.get("typ") == typ:
                    return key.verify(jws)
            self._forget()
        raise Unsealable

    def public_key_set(self) -> dict[str, list[dict[str, str]]]:
        """The JWK Set (RFC 7517) of all that ever signed a head."""
        return {"keys": [key.public_jwk() | {"use": USE} for key in self._find()]}
