"""What the chip of an ID card or passport gave, checked offline: passive authentication (ICAO Doc 9303-11 section 5).

The SOD is a signed list of hashes of the data groups. Its signature, the way of its signer's certificate to one that
this province trusts, revocation, and the hashes of the groups that were read are looked at here. It does not say that
the chip is no copy (that needs the chip itself), nor whose face it is. Nothing that was read leaves here but hashes.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from asn1crypto import algos, cms, core, parser
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from idp.runtime.settings import WrongSetting

SOD: Final = "SOD"
GROUPS: Final = {"DG1": 1, "DG2": 2, "DG13": 13}
# A card's whole dump is smaller; the face, its largest part, may come as its hash.
LARGEST_FILE: Final = 65_536
MOST_FILES: Final = 12
PASS, FAIL, NOT_DONE = "pass", "fail", "not_done"
LDS_SECURITY_OBJECT: Final = "2.23.136.1.1.1"
_HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


class Unreadable(Exception):
    """A dump that is none, or larger than any card's; the message names what is wrong, never what stood there."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one step went: PASS, FAIL or NOT_DONE, and a code for why."""

    result: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Dump:
    """What a reader gave: SOD, DG1 and DG13 as bytes; groups that stay on the chip by their hashes, in hexadecimal."""

    files: Mapping[str, bytes] = field(repr=False)
    hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checked:
    """The verdict of each step, the signer's certificate by its SHA-256, and the groups' hashes as the SOD has them."""

    steps: Mapping[str, Verdict]
    signer: str
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Trust:
    """Certificates of countries' signers (CSCA) and their lists of revoked ones; empty where none is configured."""

    certificates: tuple[x509.Certificate, ...] = ()
    revoked: tuple[x509.CertificateRevocationList, ...] = ()


class _Group(core.Sequence):  # type: ignore[misc]
    _fields: Final = [("number", core.Integer), ("value", core.OctetString)]


class _Groups(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _Group


class _SecurityObject(core.Sequence):  # type: ignore[misc]
    """LDSSecurityObject (ICAO Doc 9303-10 section 4.6.2.3)."""

    _fields: Final = [
        ("version", core.Integer),
        ("algorithm", algos.DigestAlgorithm),
        ("groups", _Groups),
        ("info", core.Any, {"optional": True}),
    ]


def read_trust(place: str, root: Path) -> Trust:
    """The trust store of a setting: a PEM file, or a folder of them; raises WrongSetting when it holds nothing."""
    if not place:
        return Trust()
    path = root / place
    try:
        texts = [each.read_bytes() for each in (sorted(path.glob("*.pem")) if path.is_dir() else [path])]
        found = tuple(each for text in texts if b"BEGIN CERT" in text for each in x509.load_pem_x509_certificates(text))
        revoked = tuple(x509.load_pem_x509_crl(part) for text in texts for part in _lists(text))
    except (OSError, ValueError):
        raise WrongSetting("The setting proofing.trust_store names nothing that can be read as PEM.") from None
    if not found:
        raise WrongSetting("The setting proofing.trust_store names no certificate.")
    return Trust(found, revoked)


def unpack(archive: bytes) -> dict[str, bytes]:
    """The files of a zip by their names without folder and ending; raises Unreadable for what no card's dump is.

    Sizes are believed only as far as was really read.
    """
    if len(archive) > LARGEST_FILE:
        raise Unreadable("too_large")
    try:
        with zipfile.ZipFile(BytesIO(archive)) as opened:
            entries = [each for each in opened.infolist() if not each.is_dir()]
            if len(entries) > MOST_FILES:
                raise Unreadable("too_many_files")
            found: dict[str, bytes] = {}
            for entry in entries:
                with opened.open(entry) as file:
                    read = file.read(LARGEST_FILE + 1)
                if len(read) > LARGEST_FILE:
                    raise Unreadable("too_large")
                found[Path(entry.filename).stem.upper()] = read
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, EOFError, ValueError):
        raise Unreadable("no_zip") from None
    return found


def check(dump: Dump, trust: Trust, issued: date, today: date) -> Checked:
    """Steps 1 to 4 of passive authentication, each with its verdict; never raises for what a dump holds.

    `issued` is the day the document was issued, on which its signer's certificate must have been good.
    """
    steps = dict.fromkeys(("signature", "chain", "revocation", "hashes"), Verdict(NOT_DONE, "no_sod"))
    if not dump.files.get(SOD):
        return Checked(steps, "", {})
    try:
        signed, raw = _signed_data(dump.files[SOD])
        certificate = _signer_of(signed)
        listed = _SecurityObject.load(raw, strict=True)
        # Lazily read: what is no such structure shows itself here.
        hash_name = str(listed["algorithm"]["algorithm"].native)
        groups = {int(each["number"].native): bytes(each["value"].native) for each in listed["groups"]}
        steps["signature"] = _check_signature(signed, raw, certificate)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, x509.InvalidVersion):
        return Checked({**steps, "signature": Verdict(FAIL, "unreadable")}, "", {})
    steps["chain"], issuer = _check_chain(certificate, trust, issued)
    steps["revocation"] = _check_revoked(certificate, issuer, trust, today)
    steps["hashes"] = _check_hashes(dump, groups, hash_name)
    known = {name: groups[number].hex() for name, number in GROUPS.items() if number in groups}
    return Checked(steps, certificate.fingerprint(hashes.SHA256()).hex(), known)


def _signed_data(sod: bytes) -> tuple[Any, bytes]:
    """The CMS SignedData of an EF.SOD, in its application tag or bare, and the bytes it signs; raises ValueError."""
    inner = parser.parse(sod, strict=True)[4] if sod[:1] == b"\x77" else sod
    content = cms.ContentInfo.load(inner, strict=True)
    if content["content_type"].native != "signed_data":
        raise ValueError("no signed data")
    signed = content["content"]
    if signed["encap_content_info"]["content_type"].dotted != LDS_SECURITY_OBJECT:
        raise ValueError("no security object")
    return signed, bytes(signed["encap_content_info"]["content"])


def _signer_of(signed: Any) -> x509.Certificate:
    """The certificate that the signer names; raises ValueError where it is not in the SOD."""
    named = signed["signer_infos"][0]["sid"]
    for choice in signed["certificates"]:
        if choice.name != "certificate":
            continue
        found = choice.chosen
        if named.name == "issuer_and_serial_number":
            is_meant = found.issuer == named.chosen["issuer"] and found.serial_number == (
                named.chosen["serial_number"].native
            )
        else:
            is_meant = found.key_identifier == named.chosen.native
        if is_meant:
            return x509.load_der_x509_certificate(found.dump())
    raise ValueError("the signer's certificate is missing")


def _check_signature(signed: Any, raw: bytes, certificate: x509.Certificate) -> Verdict:
    """CMS (RFC 5652 section 5.4): the attributes hold the digest of the content, and are what is signed."""
    info = signed["signer_infos"][0]
    digest_name, attributes = info["digest_algorithm"]["algorithm"].native, info["signed_attrs"]
    if digest_name not in _HASHES:
        return Verdict(FAIL, "weak_algorithm")
    said = {each["type"].native: each["values"][0] for each in attributes} if len(attributes) else {}
    if set(said) < {"content_type", "message_digest"} or said["content_type"].dotted != LDS_SECURITY_OBJECT:
        return Verdict(FAIL, "signature")
    if said["message_digest"].native != hashlib.new(digest_name, raw).digest():
        return Verdict(FAIL, "signature")
    try:
        _verify(certificate, info, attributes.untag().dump(), digest_name)
    except InvalidSignature:
        return Verdict(FAIL, "signature")
    except (UnsupportedAlgorithm, NotImplementedError):
        return Verdict(NOT_DONE, "key_kind")
    return Verdict(PASS)


def _verify(certificate: x509.Certificate, info: Any, data: bytes, digest_name: str) -> None:
    """Raises InvalidSignature, or UnsupportedAlgorithm for keys and ways that are not known here."""
    way, signature = info["signature_algorithm"], bytes(info["signature"].native)
    try:
        key = certificate.public_key()
    except ValueError:  # such as curves whose numbers are written out
        raise UnsupportedAlgorithm("the key cannot be read") from None
    match key, way.signature_algo:
        case rsa.RSAPublicKey(), "rsassa_pkcs1v15":
            key.verify(signature, data, padding.PKCS1v15(), _HASHES[digest_name]())
        case rsa.RSAPublicKey(), "rsassa_pss":
            mask = padding.MGF1(_hash(way["parameters"]["mask_gen_algorithm"]["parameters"]["algorithm"].native))
            salt = int(way["parameters"]["salt_length"].native)
            key.verify(signature, data, padding.PSS(mask, salt), _hash(way.hash_algo))
        case ec.EllipticCurvePublicKey(), "ecdsa":
            key.verify(signature, data, ec.ECDSA(_hash(way.hash_algo)))
        case _:
            raise UnsupportedAlgorithm("no way to check this signature")


def _hash(name: str) -> hashes.HashAlgorithm:
    if name not in _HASHES:
        raise InvalidSignature("a hash that proves nothing")
    return _HASHES[name]()


def _check_chain(certificate: x509.Certificate, trust: Trust, issued: date) -> tuple[Verdict, x509.Certificate | None]:
    """Whether one that is trusted signed the signer's certificate, and both were good when they were used."""
    if not trust.certificates:
        return Verdict(NOT_DONE, "no_trust_store"), None
    for issuer in trust.certificates:
        if not _has_issued(issuer, certificate):
            continue
        is_good_then = certificate.not_valid_before_utc.date() <= issued <= certificate.not_valid_after_utc.date()
        was_issuer_good = issuer.not_valid_before_utc <= certificate.not_valid_before_utc <= issuer.not_valid_after_utc
        verdict = Verdict(PASS) if is_good_then and was_issuer_good else Verdict(FAIL, "not_valid_then")
        return verdict, issuer
    return Verdict(FAIL, "unknown_signer"), None


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        return bool(issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False


def _check_revoked(
    certificate: x509.Certificate, issuer: x509.Certificate | None, trust: Trust, today: date
) -> Verdict:
    if issuer is None:
        return Verdict(NOT_DONE, "no_issuer")
    key = issuer.public_key()
    for listed in trust.revoked:
        if listed.issuer != certificate.issuer or not listed.is_signature_valid(key):  # type: ignore[arg-type]
            continue
        if listed.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            return Verdict(FAIL, "revoked")
        next_update = listed.next_update_utc
        is_old = next_update is not None and next_update.date() < today
        return Verdict(NOT_DONE, "old_list") if is_old else Verdict(PASS)
    return Verdict(NOT_DONE, "no_list")


def _check_hashes(dump: Dump, groups: Mapping[int, bytes], hash_name: str) -> Verdict:
    """Each group that was read against the signed list."""
    if hash_name not in _HASHES:
        return Verdict(FAIL, "weak_algorithm")
    read = {name: hashlib.new(hash_name, dump.files[name]).hexdigest() for name in GROUPS if dump.files.get(name)}
    for name, value in {**dump.hashes, **read}.items():
        if groups.get(GROUPS[name], b"").hex() != value.lower():
            return Verdict(FAIL, f"hash_{name.lower()}")
    return Verdict(PASS) if "DG1" in read else Verdict(NOT_DONE, "no_dg1")


def _lists(text: bytes) -> list[bytes]:
    """The lists of revoked certificates in a PEM text."""
    begin, end = b"-----BEGIN X509 CRL-----", b"-----END X509 CRL-----"
    return [begin + part.partition(end)[0] + end for part in text.split(begin)[1:]]
