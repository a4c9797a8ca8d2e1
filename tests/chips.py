"""Chips of ID cards for the tests, signed by a TEST CA of our own: nothing here was signed by any State.

The names say so, the numbers are of prefixes that no province has, and the keys are made anew in each process.
"""

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from idp.domain.documents import check_digit
from idp.runtime.chip import LDS_SECURITY_OBJECT, _SecurityObject

NUMBER, NAME, BORN = "003199000013", "Nguyễn Thị Mẫu Test", date(1999, 1, 2)
ISSUED, EXPIRES = date(2024, 3, 12), date(2034, 3, 12)
FACE = b"\xff\xd8 this is no picture of anybody"
TEST_CA = "TEST CA, KHONG PHAI CUA NHA NUOC"
_START, _END = datetime(2023, 1, 1, tzinfo=UTC), datetime(2043, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Signer:
    """A document signer of the TEST CA."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = field(repr=False)


@cache
def authority(name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A self-made CA, such as TEST_CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _certificate(name, key.public_key(), name, key, is_ca=True), key


@cache
def signer(kind: str, ca: str) -> Signer:
    """A document signer of a CA; `kind` is `ec`, `rsa` or `pss`."""
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    _, ca_key = authority(ca)
    return Signer(_certificate(f"TEST SIGNER {kind}", key.public_key(), ca, ca_key, is_ca=False), key)


def impostor() -> Signer:
    """A signer whose certificate names TEST_CA as its issuer, and was signed by another key."""
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    return Signer(_certificate("TEST IMPOSTOR", key.public_key(), TEST_CA, other, is_ca=False), key)


def trust_store(folder: Path, *, revoked: bool | None = None, next_update: datetime = _END) -> Path:
    """A PEM file with the TEST CA, and a list of revoked certificates where `revoked` is given."""
    certificate, key = authority(TEST_CA)
    text = certificate.public_bytes(serialization.Encoding.PEM)
    if revoked is not None:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(certificate.subject)
            .last_update(_START)
            .next_update(next_update)
        )
        if revoked:
            gone = x509.RevokedCertificateBuilder().serial_number(signer("ec", TEST_CA).certificate.serial_number)
            builder = builder.add_revoked_certificate(gone.revocation_date(_START + timedelta(days=1)).build())
        text += builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path = folder / "test-ca.pem"
    path.write_bytes(text)
    return path


def dg1(
    number: str = NUMBER, born: date = BORN, expires: date | None = EXPIRES, name: str = "NGUYEN<<THI<MAU<TEST"
) -> bytes:
    """The machine-readable lines of a card (TD1) in their tags."""
    short = number[3:]
    line_1 = f"IDVNM{short}{check_digit(short)}{number}<<{check_digit(number)}"
    born_text = born.strftime("%y%m%d")
    end = expires.strftime("%y%m%d") if expires else "991231"
    line_2 = f"{born_text}{check_digit(born_text)}F{end}{check_digit(end)}VNM<<<<<<<<<<<"
    composite = check_digit(line_1[5:30] + line_2[0:7] + line_2[8:15] + line_2[18:29])
    text = f"{line_1}{line_2}{composite}{name:<<30}".encode()
    assert len(text) == 90
    return b"\x61" + bytes([len(text) + 3]) + b"\x5f\x1f" + bytes([len(text)]) + text


def dg13(number: str = NUMBER, name: str = NAME, religion: str = "Không") -> bytes:
    """The Vietnamese data of a card."""
    parts = b"".join(
        _sequence(b"\x02\x01" + bytes([place]) + b"\x0c" + bytes([len(text.encode())]) + text.encode())
        for place, text in ((1, number), (2, name), (7, religion))
    )
    return b"\x6d" + bytes([len(parts)]) + parts


def sod(
    groups: dict[int, bytes],
    by: Signer | None = None,
    *,
    kind: str = "ec",
    wrapped: bool = True,
    digest: str = "sha256",
) -> bytes:
    """The signed list of these groups' hashes."""
    by = by or signer(kind, TEST_CA)
    listed = _SecurityObject(
        {
            "version": 0,
            "algorithm": algos.DigestAlgorithm({"algorithm": digest}),
            "groups": [
                {"number": number, "value": hashlib.new(digest, data).digest()} for number, data in groups.items()
            ],
        }
    ).dump()
    certificate = asn1_x509.Certificate.load(by.certificate.public_bytes(serialization.Encoding.DER))
    attributes = cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": [LDS_SECURITY_OBJECT]}),
            cms.CMSAttribute({"type": "message_digest", "values": [hashlib.new(digest, listed).digest()]}),
        ]
    )
    info = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            {
                "issuer_and_serial_number": cms.IssuerAndSerialNumber(
                    {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
                )
            }
        ),
        "digest_algorithm": algos.DigestAlgorithm({"algorithm": digest}),
        "signed_attrs": attributes,
        "signature_algorithm": _algorithm(kind),
        "signature": _sign(by.key, kind, attributes.dump()),
    }
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [{"algorithm": digest}],
            "encap_content_info": {
                "content_type": LDS_SECURITY_OBJECT,
                "content": core.ParsableOctetString(listed),
            },
            "certificates": [certificate],
            "signer_infos": [info],
        }
    )
    content = cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
    return b"\x77\x82" + len(content).to_bytes(2) + content if wrapped else content


def archive(**files: bytes) -> bytes:
    """A zip as a reader gives it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in files.items():
            opened.writestr(f"{name}.bin", data)
    return made.getvalue()


def _sequence(content: bytes) -> bytes:
    return b"\x30" + bytes([len(content)]) + content


def _algorithm(kind: str) -> algos.SignedDigestAlgorithm:
    if kind == "pss":
        sha256 = {"algorithm": "sha256"}
        mask = {"algorithm": "mgf1", "parameters": sha256}
        parameters = {"hash_algorithm": sha256, "mask_gen_algorithm": mask, "salt_length": 32}
        return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters})
    return algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa" if kind == "ec" else "sha256_rsa"})


def _sign(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, kind: str, data: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(hashes.SHA256()))
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return key.sign(data, pss if kind == "pss" else padding.PKCS1v15(), hashes.SHA256())


def _certificate(
    name: str,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    issuer: str,
    by: ec.EllipticCurvePrivateKey,
    *,
    is_ca: bool,
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_START)
        .not_valid_after(_END)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(by, hashes.SHA256())
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
