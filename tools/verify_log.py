#!/usr/bin/env python3
"""Checks what was taken from the log of audit and releases, without the provider, its database or the network.

    verify_log.py EXPORT --keys keys.json --heads heads.txt     a month, as `flask audit export` writes it
    verify_log.py PROOF  --keys keys.json [--heads heads.txt]   one entry, as a person or `flask audit prove` gets it

`keys.json` is what the provider serves at /log/keys (or a public key in PEM), kept from a time when it was trusted.
`heads.txt` is the file of signed tree heads that the provider adds to outside its database. Exit status 0 where all is
as it was sealed, 1 with the first bad entry, 2 where the question itself is wrong.

Needs Python 3.11 and the package `cryptography`. It shares no code with the provider, so that it checks the provider
too: trees are those of RFC 9162 2.1, heads are JWS (RFC 7515) with typ "tree-head+jwt", signed by ES256.

Long because it is one file, to be carried to a machine that has nothing else of ours.
"""

import argparse
import json
import sys
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

MARK_BYTES = 4
# Entries may be sealed so much out of order, in seconds: a transaction that took long.
MARGIN = 60
MISSING = "is not in its place: it was deleted with its leaf, or the order was changed"
# What the hash of an entry is taken over, in this order.
PARTS = {
    "audit": ("id", "at", "event", "subject_id", "service_id", "session_id", "actor", "details_sealed"),
    "release": (
        *("id", "at", "subject_id", "service_id", "grant_id", "name_bits"),
        *("basis_kind", "basis_id", "legal_basis", "personal_number_basis"),
    ),
}
Head = dict[str, Any]
Line = dict[str, Any]


class Bad(Exception):
    """Something is not as it was sealed; the message names it."""


class Wrong(Exception):
    """The files are not what this program checks."""


# -- hashes ----------------------------------------------------------------------------------------------------------


def entry_hash(kind: str, values: dict[str, str | None]) -> bytes:
    hashed = sha256(b"idp leaf 1")
    for raw in (kind.encode(), *(_bytes_of(name, values.get(name)) for name in PARTS[kind])):
        hashed.update(len(raw).to_bytes(4, "big") + raw)
    return hashed.digest()


def _bytes_of(name: str, value: str | None) -> bytes:
    if value is None:
        return b""
    return b64decode(value, validate=True) if name.endswith("_sealed") else value.encode()


def leaf(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A Merkle tree that grows leaf by leaf."""

    def __init__(self) -> None:
        self.size, self._peaks = 0, list[bytes]()

    def add(self, leaf_hash: bytes) -> None:
        below = self.size
        while below & 1:
            leaf_hash, below = node(self._peaks.pop(), leaf_hash), below >> 1
        self._peaks.append(leaf_hash)
        self.size += 1

    def root(self) -> bytes:
        found = self._peaks[-1] if self._peaks else sha256().digest()
        for peak in reversed(self._peaks[:-1]):
            found = node(peak, found)
        return found


def path_root(found: bytes, number: int, size: int, path: list[bytes]) -> bytes | None:
    """The root that an inclusion path leads to (RFC 9162 2.1.3.2); None where the path is no path of that leaf."""
    if not 0 <= number < size:
        return None
    at, last = number, size - 1
    for each in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = node(each, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, each)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


# -- heads -----------------------------------------------------------------------------------------------------------


class Keys:
    """The public keys of the log, by their kid; one in PEM serves for any."""

    def __init__(self, path: Path) -> None:
        text = path.read_text("utf-8")
        self._any: ec.EllipticCurvePublicKey | None = None
        self._by_kid: dict[str, ec.EllipticCurvePublicKey] = {}
        if text.lstrip().startswith("-----BEGIN"):
            found = load_pem_public_key(text.encode())
            if not isinstance(found, ec.EllipticCurvePublicKey):
                raise Wrong("the key is no key of ES256")
            self._any = found
            return
        document = json.loads(text)
        for jwk in document.get("keys", [document]):
            if jwk.get("use") == "tree-head" and jwk.get("crv") == "P-256":
                x, y = (int.from_bytes(_decode(jwk[name]), "big") for name in ("x", "y"))
                self._by_kid[jwk["kid"]] = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        if not self._by_kid:
            raise Wrong("the file of keys has none of the log (use: tree-head)")

    def read(self, jws: str) -> Head:
        """What a signed head says; raises Bad."""
        try:
            head, payload, signature = jws.split(".")
            header, raw = json.loads(_decode(head)), _decode(signature)
            key = self._any or self._by_kid[header["kid"]]
            if (header["alg"], header["typ"], len(raw)) != ("ES256", "tree-head+jwt", 64):
                raise Bad("a line is no signed head of the log")
            r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
            key.verify(utils.encode_dss_signature(r, s), f"{head}.{payload}".encode(), ec.ECDSA(SHA256()))
            said: Head = json.loads(_decode(payload))
        except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature):
            raise Bad("a head was not signed by the log") from None
        marks = len(said["marks"]) // (2 * MARK_BYTES)
        return said | {"jws": jws, "first_new": said["size"] - marks}


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def read_heads(lines: Iterable[str], keys: Keys) -> Iterator[Head]:
    """The heads of the file outside the database: each must follow the one before it."""
    before: Head | None = None
    for line in _whole(lines):
        try:
            head = keys.read(line)
        except Bad as bad:
            after = f" after head number {before['number']}" if before else ""
            raise Bad(f"file of heads{after}: {bad}") from None
        if before and head["number"] != before["number"] + 1:
            raise Bad(f"file of heads: number {before['number'] + 1} is missing")
        if before and head["previous"] != sha256(before["jws"].encode()).hexdigest():
            raise Bad(f"file of heads: number {head['number']} does not follow the one before it")
        yield head
        before = head


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Without lines that a power cut tore: each is the beginning of the one after it."""
    before = ""
    for line in map(str.strip, lines):
        if before and not line.startswith(before):
            yield before
        before = line
    if before:
        yield before


# -- a month ---------------------------------------------------------------------------------------------------------


def check_export(lines: Iterator[Line], keys: Keys, published: Iterable[Head]) -> list[str]:
    """What may be said of an export that is as it was sealed; raises Bad with the first entry that is not."""
    about = next(lines)
    month, size, made_at = about["month"], int(about["size"]), datetime.fromisoformat(about["made_at"])
    outside = [head for head in published if head["month"] == month]
    # A head of the same second may have come a moment after the export.
    due = [head for head in outside if head["iat"] < int(made_at.timestamp())]
    line = next(lines, None)
    inside = []
    while line is not None and line["type"] == "head":
        inside.append(keys.read(line["jws"]))
        line = next(lines, None)
    heads = {head["size"]: head for head in inside if head["month"] == month}
    for head in outside:
        if head["size"] <= size or head in due:
            heads[head["size"]] = head
    ordered = [heads[each] for each in sorted(heads)]
    last = _check_entries(_numbered(line, lines), ordered, month)
    _compare(inside, outside)
    said = [f"{size} entries of {month}, as of {made_at.isoformat()}, under {len(ordered)} heads"]
    beyond = [head for head in inside if head["size"] > max((each["size"] for each in outside), default=0)]
    if beyond:
        said.append(f"{len(beyond)} heads are newer than the file of heads, and rest on the signature alone")
    return said + last


def _compare(inside: list[Head], outside: list[Head]) -> None:
    """The heads that the database gave must be those that were published."""
    published = {head["number"]: head["jws"] for head in outside}
    for head in inside:
        if published.get(head["number"], head["jws"]) != head["jws"]:
            raise Bad(f"head number {head['number']} is not the one that was published")


def _numbered(first: Line | None, rest: Iterator[Line]) -> Iterator[Line]:
    if first is not None:
        yield first
        yield from rest


def _check_entries(lines: Iterator[Line], heads: list[Head], month: str) -> list[str]:
    tree, line, newest = Tree(), next(lines, None), 0.0
    for head in heads:
        while tree.size < head["size"]:
            if line is None or line["type"] != "entry":
                raise Bad(f"{month} entry number {tree.size}: {MISSING}")
            tree.add(_check_entry(line, tree.size, head, month))
            newest = max(newest, _seconds(line["id"]))
            line = next(lines, None)
        if tree.root().hex() != head["root"]:
            raise Bad(f"{month} entry number {head['first_new']}: its head has another root than its entries")
    waiting = 0
    while line is not None:
        if line["type"] == "entry":
            raise Bad(f"{_place(line, month)}: stands behind all that was signed")
        if _seconds(line["id"]) < newest - MARGIN:
            raise Bad(f"{month} entry ({line['id']}): was never sealed: it was inserted afterwards")
        waiting += 1
        line = next(lines, None)
    return [f"{waiting} entries were not sealed yet"] if waiting else []


def _check_entry(line: Line, number: int, head: Head, month: str) -> bytes:
    """The leaf of an entry that is in its place and as it was."""
    if line["number"] > number:
        raise Bad(f"{month} entry number {number}: {MISSING}")
    if line["number"] < number:
        raise Bad(f"{_place(line, month)}: stands twice in the log")
    found = leaf(bytes.fromhex(line["leaf_hash"]))
    at = 2 * MARK_BYTES * (number - head["first_new"])
    if at >= 0 and found[:MARK_BYTES].hex() != head["marks"][at : at + 2 * MARK_BYTES]:
        raise Bad(
            f"{_place(line, month)}: is not what was sealed here: it was changed, moved or inserted, or one was deleted"
        )
    if line["values"] is None:
        raise Bad(f"{_place(line, month)}: was deleted")
    _check_values(line, month)
    return found


def _check_values(line: Line, month: str) -> None:
    try:
        is_same = entry_hash(line["kind"], line["values"]).hex() == line["leaf_hash"]
    except (ValueError, KeyError, AttributeError):
        is_same = False
    if not is_same or line["values"]["id"] != line["id"]:
        raise Bad(f"{_place(line, month)}: was changed")


def _place(line: Line, month: str) -> str:
    return f"{month} entry number {line['number']} ({line['id']})"


def _seconds(id_: str) -> float:
    """The moment of a UUIDv7."""
    return (UUID(id_).int >> 80) / 1000


# -- one entry -------------------------------------------------------------------------------------------------------


def check_proof(proof: Line, keys: Keys, published: Iterable[Head]) -> list[str]:
    head, month = keys.read(proof["head"]), proof["month"]
    if (head["month"], head["size"]) != (month, proof["size"]):
        raise Bad("the head is not that of this proof")
    if proof["values"] is None:
        raise Bad(f"{_place(proof, month)}: was deleted")
    _check_values(proof, month)
    path = [bytes.fromhex(each) for each in proof["path"]]
    found = path_root(leaf(bytes.fromhex(proof["leaf_hash"])), proof["number"], proof["size"], path)
    if found is None or found.hex() != head["root"]:
        raise Bad(f"{_place(proof, month)}: is not in the log")
    same = [each for each in published if each["number"] == head["number"]]
    _compare([head], same)
    said = [f"{_place(proof, month)} is in the log, by head number {head['number']} of {proof['size']} entries"]
    return said if same else [*said, "that head is not among those of a file, and rests on the signature alone"]


def check_proofs(proofs: Iterator[Line], keys: Keys, published: Sequence[Head]) -> list[str]:
    """Proofs of many entries, a line each; the first that does not hold is named."""
    said: list[str] = []
    number = 0
    for number, proof in enumerate(proofs, start=1):
        if proof.get("type") != "proof":
            raise Wrong(f"line {number} is no proof")
        said += check_proof(proof, keys, published)[1:]
    return [f"{number} entries are in the log", *dict.fromkeys(said)]


# -- from outside ----------------------------------------------------------------------------------------------------


def check(arguments: argparse.Namespace) -> list[str]:
    keys = Keys(arguments.keys)
    with arguments.file.open(encoding="utf-8") as file:
        first = file.readline()
        file.seek(0)
        is_export = _is_line_of(first, "log")
        if is_export and not arguments.heads:
            raise Wrong("an export is checked against the file of heads: --heads")
        heads: Iterable[Head] = ()
        if arguments.heads:
            with arguments.heads.open(encoding="ascii", errors="replace") as published:
                heads = list(read_heads(published, keys))
        if is_export:
            return check_export((json.loads(line) for line in file), keys, heads)
        if _is_line_of(first, "proof"):
            return check_proofs((json.loads(line) for line in file), keys, list(heads))
        proof = json.load(file)
        if not isinstance(proof, dict) or proof.get("type") != "proof":
            raise Wrong("the file is neither an export nor a proof of the log")
        return check_proof(proof, keys, heads)


def _is_line_of(line: str, type_: str) -> bool:
    """Whether this first line is one of its own, of an export or of proofs; a single proof may be many lines."""
    try:
        return bool(json.loads(line)["type"] == type_)
    except (ValueError, KeyError, TypeError):
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description="Check an export or a proof of the log, offline.")
    parser.add_argument("file", type=Path, help="what was exported, or the proof of an entry")
    parser.add_argument("--keys", type=Path, required=True, help="the log's public keys (JWK Set), or one in PEM")
    parser.add_argument("--heads", type=Path, help="the file of signed heads, from outside the database")
    try:
        said = check(parser.parse_args())
    except Bad as bad:
        print(f"BAD {bad}")
        return 1
    except (Wrong, OSError, ValueError, KeyError, TypeError, StopIteration) as wrong:
        print(f"This cannot be checked: {wrong!r}" if not isinstance(wrong, Wrong) else str(wrong), file=sys.stderr)
        return 2
    print("\n".join([*said, "All is as it was sealed."]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
