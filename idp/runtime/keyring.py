"""Keys in use: sealing by purpose, blind indexes, pairwise digests, signatures and the public key set.

One master key gives a key for each purpose by HKDF (RFC 5869): `code`, `token` and `page` change every month by
themselves (so that none nears the 2^31 uses after which random nonces get risky), `wrap` and `index` change with the
master key. Whoever has the master key can mint a sign-in: guard it like a signing key. Signing keys, the never-rotated
pairwise key and the house's own data keys are rows, sealed under `wrap`, read again at most `FRESH_FOR` seconds later.
"""

import base64
import hmac
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256, sha512
from pathlib import Path
from threading import Lock
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from idp.runtime import chance, encryption, hsm, signing
from idp.runtime.clock import Clock
from idp.runtime.data_keys import DataKey, Unsealable
from idp.runtime.encryption import DecryptionKey
from idp.runtime.hsm import Token
from idp.runtime.log_keys import LogKeys
from idp.runtime.settings import WrongSetting
from idp.runtime.signing import SigningKey, read_unverified_header

FRESH_FOR: Final = 5.0
MONTHLY: Final = frozenset({"code", "token", "page"})
_SEALED = struct.Struct(">B4sH12s")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """What the database holds of keys: signing keys, the pairwise key, the house's data keys (newest first), those that
    others encrypt to, and those that sign heads of the log and nothing else."""

    signing: tuple[SigningKey, ...]
    pairwise: bytes
    house: tuple[DataKey, ...]
    decryption: tuple[DecryptionKey, ...] = ()
    log: tuple[SigningKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Master:
    id: bytes
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, key: bytes) -> "Master":
        return cls(id=sha256(b"idp master key id" + key).digest()[:4], key=key)


class Keyring:
    """Seals, opens, indexes, signs and verifies. `load` reads the stored keys; the current master comes first."""

    def __init__(
        self,
        masters: Sequence[Master],
        clock: Clock,
        load: Callable[["Keyring"], StoredKeys],
        token: Token | None = None,
    ) -> None:
        self._token = token
        self._masters = tuple(masters)
        self._by_id = {master.id: master for master in masters}
        self._clock = clock
        self._load = load
        self._lock = Lock()
        self._stored: StoredKeys | None = None
        self._stored_at = 0.0
        self._purpose_key = lru_cache(maxsize=256)(self._derive)
        self.log = LogKeys(lambda: self._fresh().log, self.forget, token)

    # -- sealing by purpose -------------------------------------------------------------------------------------

    def seal(self, purpose: str, plain: bytes, context: bytes = b"") -> bytes:
        """Encrypt `plain` for `purpose`, bound to `context`: 35 bytes longer than `plain`."""
        master = self._masters[0]
        epoch = _month(self._clock.now()) if purpose in MONTHLY else 0
        nonce = chance.new_bytes(12)
        head = _SEALED.pack(_VERSION, master.id, epoch, nonce)
        return head + self._purpose_key(master.id, purpose, epoch).encrypt(nonce, plain, context)

    def open(self, purpose: str, sealed: bytes, context: bytes = b"") -> bytes:
        """Decrypt what `seal` made for the same purpose and context; raises Unsealable for anything else."""
        try:
            version, master_id, epoch, nonce = _SEALED.unpack_from(sealed)
            if version != _VERSION or master_id not in self._by_id:
                raise Unsealable
            key = self._purpose_key(master_id, purpose, epoch)
            return key.decrypt(nonce, sealed[_SEALED.size :], context)
        except (struct.error, InvalidTag, ValueError):
            raise Unsealable from None

    def seal_text(self, purpose: str, plain: bytes, context: bytes = b"") -> str:
        return base64.urlsafe_b64encode(self.seal(purpose, plain, context)).rstrip(b"=").decode()

    def open_text(self, purpose: str, text: str, context: bytes = b"") -> bytes:
        return self.open(purpose, from_base64url(text), context)

    @property
    def current_master_id(self) -> bytes:
        """What an index begins with, and a sealed blob carries from its second byte on, until the next rewrap."""
        return self._masters[0].id

    def _derive(self, master_id: bytes, purpose: str, epoch: int) -> AESGCM:
        return AESGCM(self._purpose_bytes(master_id, f"{purpose}/{epoch}"))

    def _purpose_bytes(self, master_id: bytes, purpose: str) -> bytes:
        info = f"idp/{purpose}".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._by_id[master_id].key)

    # -- data keys: one a person, and the house's own ------------------------------------------------------------

    def new_data_key(self) -> DataKey:
        return DataKey(id=chance.new_bytes(4), key=chance.new_bytes(32))

    def wrap(self, key: DataKey, owner: UUID | None) -> bytes:
        """A data key as it is stored; erasing this row erases what was sealed with it."""
        return self.seal("wrap", key.id + key.key, _owner(owner))

    def unwrap(self, wrapped: bytes, owner: UUID | None) -> DataKey:
        plain = self.open("wrap", wrapped, _owner(owner))
        return DataKey(id=plain[:4], key=plain[4:])

    def house_key(self) -> DataKey:
        """The data key for values that belong to no known person (a stranger's address in the audit)."""
        return self._fresh().house[0]

    def house_key_of(self, sealed: bytes) -> DataKey:
        """The house's data key that sealed this value; raises Unsealable when it is not there any more."""
        for _ in range(2):
            for key in self._fresh().house:
                if key.sealed(sealed):
                    return key
            self.forget()  # a rotation a moment ago may have made the key, and another process used it
        raise Unsealable

    # -- blind indexes -------------------------------------------------------------------------------------------

    def index(self, kind: str, value: str) -> bytes:
        """The keyed digest under which `value` is found: 20 bytes, the master key's id first."""
        return self._index(self._masters[0], kind, value)

    def indexes(self, kind: str, value: str) -> list[bytes]:
        """All digests under which `value` may stand while a change of the master key is under way."""
        return [self._index(master, kind, value) for master in self._masters]

    def _index(self, master: Master, kind: str, value: str) -> bytes:
        key = self._index_key(master.id)
        return master.id + hmac.digest(key, f"{kind}\0{value}".encode(), "sha256")[:16]

    @lru_cache(maxsize=8)  # noqa: B019 - one keyring lives as long as its process
    def _index_key(self, master_id: bytes) -> bytes:
        return self._purpose_bytes(master_id, "index")

    # -- pairwise identifiers ------------------------------------------------------------------------------------

    def pairwise_sub(self, sector: str, subject_id: UUID) -> str:
        """The stable identifier of a person in a sector (OIDC Core 8.1): says nothing, matches nowhere else."""
        return self._pairwise("sub", sector, subject_id)

    def pairwise_sid(self, sector: str, session_id: UUID) -> str:
        """The identifier of a session in a sector."""
        return self._pairwise("sid", sector, session_id)

    def browser_state(self, session_id: UUID) -> str:
        """What a browser's script may know of its session: that it is another one."""
        return self._pairwise("browser", "", session_id)

    def _pairwise(self, kind: str, sector: str, id_: UUID) -> str:
        mac = self._mac(kind, f"{sector}\0{id_.hex}")
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    def secret_digest(self, secret: str) -> bytes:
        """What a service's secret is kept as: with a stolen database alone nobody can even try secrets out.

        By the key that is never rotated, since only the service could give its secret once more.
        """
        return self._mac("secret", secret)

    def secret_digests(self, secret: str) -> tuple[bytes, bytes]:
        """All digests under which a secret may stand: services that were registered before have one without a key."""
        return self.secret_digest(secret), chance.digest(secret)

    def _mac(self, kind: str, text: str) -> bytes:
        return hmac.digest(self._fresh().pairwise, f"{kind}\0{text}".encode(), "sha256")

    # -- signatures ----------------------------------------------------------------------------------------------

    def sign(self, alg: str, claims: dict[str, Any], *, typ: str = "JWT") -> str:
        """A signed JWT with the current key for `alg`, `kid` and `typ` in its header."""
        for _ in range(2):
            for key in self._fresh().signing:
                if key.alg == alg and key.state == "current":
                    return key.sign(claims, typ, self._token)
            self.forget()  # the first service for this algorithm registered a moment ago, maybe at another process
        raise LookupError(f"no current signing key for {alg}")

    def new_key(self, alg: str) -> tuple[str, bytes]:
        """A new key pair for `alg`, in the token where there is one: its kid, and what is stored of it."""
        if self._token is None or alg not in hsm.ALGORITHMS:
            return signing.generate(alg)
        reference = self._token.generate(alg)
        return signing.thumbprint(reference), reference

    def decrypt(self, token: str) -> bytes:
        """What others encrypted to this provider (RFC 7516); raises Unsealable."""
        return encryption.decrypt(self._fresh().decryption, token)

    def read_own(self, token: str, *, typ: str = "JWT", having: Iterable[str] = ()) -> dict[str, Any]:
        """The claims of a JWT that this provider signed with this `typ`, expired or not; raises Unsealable.

        `having` are the claims by which one kind of token is told from others of the same `typ` (RFC 8725 3.12).
        """
        if token.count(".") == 4:
            token = self.decrypt(token).decode(
                "ascii", "replace"
            )  # a hint that was encrypted to us (OIDC Core 3.1.2.1)
        header = read_unverified_header(token)
        for key in self._fresh().signing:
            if key.kid == header.get("kid") and key.alg == header.get("alg") and header.get("typ") == typ:
                said = key.verify(token)
                if said.keys() >= set(having):
                    return said
        raise Unsealable

    def public_key_set(self) -> dict[str, list[dict[str, str]]]:
        """The JWK Set (RFC 7517): next, current and retired keys that sign, and the current ones to encrypt to.

        Never a private part.
        """
        stored = self._fresh()
        to_encrypt_to = [key.public_jwk() for key in stored.decryption if key.state == "current"]
        return {"keys": [*(key.public_jwk() for key in stored.signing), *to_encrypt_to]}

    def recall(self) -> None:
        """Read the stored keys where they are too old."""
        self._fresh()

    def list_keys(self) -> list[tuple[str, str, str]]:
        """Algorithm, state and kid of every key pair in use."""
        stored = self._fresh()
        signing = [(key.alg, key.state, key.kid) for key in stored.signing]
        return signing + [(key.alg, key.state, key.kid) for key in stored.decryption]

    def forget(self) -> None:
        """Read the stored keys again at the next use."""
        self._stored_at = 0.0

    def _fresh(self) -> StoredKeys:
        now = self._clock.now().timestamp()
        stored = self._stored
        if stored is not None and 0 <= now - self._stored_at < FRESH_FOR:
            return stored
        with self._lock:
            if self._stored is None or not 0 <= now - self._stored_at < FRESH_FOR:
                self._stored = self._load(self)
                self._stored_at = now
            return self._stored


def from_base64url(text: str) -> bytes:
    """Decode base64url without padding; raises Unsealable for anything that is not exactly that."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise Unsealable from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise Unsealable
    return raw


def half_hash(alg: str, value: str) -> str:
    """at_hash and c_hash (OIDC Core 3.1.3.6): by the hash of the signature, which Ed25519 makes with SHA-512."""
    digest = (sha512 if alg == "EdDSA" else sha256)(value.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def read_masters(file: str, previous: Sequence[str], *, root: Path, development: bool) -> list[Master]:
    """The master keys from their files, the current one first.

    In development a missing one is made, with a mark that production refuses.
    """
    path = root / file
    if not path.exists() and development:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_development_master(path)
    return [_read_master(root / name, development) for name in (file, *previous)]


DEVELOPMENT_MARK: Final = "development:"


def _make_development_master(path: Path) -> None:
    """Written aside and linked into place: of several processes that start at once, the first one's key stays."""
    aside = path.with_name(f"{path.name}.{chance.new_bytes(8).hex()}")
    aside.touch(mode=0o600)
    aside.write_text(DEVELOPMENT_MARK + base64.urlsafe_b64encode(chance.new_bytes(32)).decode() + "\n", "ascii")
    with suppress(FileExistsError):
        path.hardlink_to(aside)
    aside.unlink()


def _read_master(path: Path, development: bool) -> Master:
    try:
        text = path.read_text("ascii").strip()
        key = from_base64url(text.removeprefix(DEVELOPMENT_MARK).rstrip("="))
    except (OSError, ValueError, Unsealable):
        raise WrongSetting(f"The setting keys.master_key_file names {path.name}, which cannot be read.") from None
    if text.startswith(DEVELOPMENT_MARK) and not development:
        raise WrongSetting("The setting keys.master_key_file names a development key, which production refuses.")
    if not development and path.stat().st_mode & 0o077:
        raise WrongSetting(f"The master key in {path.name} (keys.master_key_file) must be readable by its owner alone.")
    if len(key) != 32:
        raise WrongSetting(f"The master key in {path.name} (keys.master_key_file) must be 32 bytes in base64url.")
    return Master.of(key)


def _month(now: datetime) -> int:
    return (now.year - 2000) * 12 + now.month


def _owner(owner: UUID | None) -> bytes:
    return b"data key of " + (owner.bytes if owner else b"the house")
