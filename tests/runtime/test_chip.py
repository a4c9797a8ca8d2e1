"""Passive authentication of a chip's dump (ICAO Doc 9303-11 section 5), with chips of our own TEST CA."""

import hashlib
import io
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from idp.runtime import chip
from idp.runtime.chip import Checked, Dump, Trust, Unreadable
from idp.runtime.settings import WrongSetting
from tests import chips

TODAY = date(2026, 11, 27)


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return chip.read_trust(str(chips.trust_store(tmp_path)), tmp_path)


def whole(kind: str = "ec", **more: bytes) -> dict[str, bytes]:
    files = {"DG1": chips.dg1(), "DG2": chips.FACE, "DG13": chips.dg13()}
    signed = chips.sod({1: files["DG1"], 2: files["DG2"], 13: files["DG13"]}, kind=kind)
    return {"SOD": signed, **files, **more}


def check(files: dict[str, bytes], trust: Trust, *, issued: date = chips.ISSUED, **hashes: str) -> Checked:
    return chip.check(Dump(files, hashes), trust, issued, TODAY)


def said(checked: Checked) -> dict[str, str]:
    return {step: f"{verdict.result} {verdict.reason}".strip() for step, verdict in checked.steps.items()}


@pytest.mark.parametrize("kind", ["ec", "rsa", "pss"])
def test_a_whole_chip_passes(trust: Trust, kind: str) -> None:
    checked = check(whole(kind), trust)
    assert said(checked) == {"signature": "pass", "chain": "pass", "revocation": "not_done no_list", "hashes": "pass"}
    assert checked.groups["DG2"] == hashlib.sha256(chips.FACE).hexdigest()
    assert len(checked.signer) == 64


def test_the_tag_around_the_list_may_be_left_out(trust: Trust) -> None:
    files = whole()
    files["SOD"] = chips.sod({1: files["DG1"]}, wrapped=False)
    assert check({"SOD": files["SOD"], "DG1": files["DG1"]}, trust).steps["signature"].result == "pass"


@pytest.mark.parametrize("group", ["DG1", "DG2", "DG13"])
def test_a_changed_group_is_found(trust: Trust, group: str) -> None:
    files = whole()
    files[group] = files[group][:-1] + bytes([files[group][-1] ^ 1])
    assert said(check(files, trust))["hashes"] == f"fail hash_{group.lower()}"


def test_the_picture_may_come_as_its_hash(trust: Trust) -> None:
    files = whole()
    right = hashlib.sha256(files.pop("DG2")).hexdigest()
    assert said(check(files, trust, DG2=right.upper()))["hashes"] == "pass"
    assert said(check(files, trust, DG2="00" * 32))["hashes"] == "fail hash_dg2"


def test_without_the_lines_the_hashes_bind_nobody(trust: Trust) -> None:
    assert said(check({"SOD": whole()["SOD"]}, trust))["hashes"] == "not_done no_dg1"


def test_a_changed_list_is_not_what_was_signed(trust: Trust) -> None:
    files = whole()
    digest = hashlib.sha256(files["DG1"]).digest()
    other = chips.dg1(number="003199000014")
    forged = files["SOD"].replace(digest, hashlib.sha256(other).digest())
    assert forged != files["SOD"]
    checked = check({**files, "SOD": forged, "DG1": other}, trust)
    assert said(checked)["signature"] == "fail signature"
    assert said(checked)["hashes"] == "pass", "the hashes alone prove nothing"


def test_changed_attributes_or_signature_fail(trust: Trust) -> None:
    files = whole()
    broken = files["SOD"][:-1] + bytes([files["SOD"][-1] ^ 1])
    assert said(check({**files, "SOD": broken}, trust))["signature"].startswith("fail")


def test_another_authoritys_signer_is_unknown(trust: Trust) -> None:
    files = whole()
    stranger = chips.signer("ec", "TEST CA, EINE ANDERE")
    files["SOD"] = chips.sod({1: files["DG1"], 2: files["DG2"], 13: files["DG13"]}, stranger)
    checked = check(files, trust)
    assert said(checked)["signature"] == "pass"
    assert said(checked)["chain"] == "fail unknown_signer"


def test_a_name_alone_makes_no_authority(trust: Trust) -> None:
    """A signer whose certificate names the trusted one as its issuer, and was signed by somebody else."""
    files, (real, _) = whole(), chips.authority(chips.TEST_CA)
    impostor = chips.impostor()
    assert impostor.certificate.issuer == real.subject
    files["SOD"] = chips.sod({1: files["DG1"]}, impostor)
    checked = check({"SOD": files["SOD"], "DG1": files["DG1"]}, trust)
    assert said(checked)["chain"] == "fail unknown_signer"


def test_a_signer_that_was_not_good_on_the_day_of_issue(trust: Trust) -> None:
    assert said(check(whole(), trust, issued=date(2022, 12, 31)))["chain"] == "fail not_valid_then"


def test_without_a_trust_store_whose_signature_it_is_stands_as_not_done() -> None:
    assert said(check(whole(), Trust()))["chain"] == "not_done no_trust_store"


@pytest.mark.parametrize(
    ("revoked", "next_update", "expected"),
    [
        (False, datetime(2027, 1, 1, tzinfo=UTC), "pass"),
        (True, datetime(2027, 1, 1, tzinfo=UTC), "fail revoked"),
        (False, datetime(2026, 1, 1, tzinfo=UTC), "not_done old_list"),
    ],
)
def test_revoked_certificates(tmp_path: Path, revoked: bool, next_update: datetime, expected: str) -> None:
    store = chips.trust_store(tmp_path, revoked=revoked, next_update=next_update)
    assert said(check(whole(), chip.read_trust(str(store), tmp_path)))["revocation"] == expected


def test_a_weak_hash_fails(trust: Trust) -> None:
    files = whole()
    files["SOD"] = chips.sod({1: files["DG1"]}, digest="sha1")
    assert said(check(files, trust))["signature"] == "fail weak_algorithm"


@pytest.mark.parametrize("cut", [1, 2, 3, 40, 200, 500])
def test_rubbish_fails_and_breaks_nothing(trust: Trust, cut: int) -> None:
    whole_list = whole()["SOD"]
    for rubbish in (whole_list[:cut], whole_list[cut:], b"\x77" + whole_list, bytes(cut), b"\x30\x80" * cut):
        assert check({"SOD": rubbish, "DG1": chips.dg1()}, trust).steps["signature"].result == "fail"


def test_no_chip_is_no_verdict(trust: Trust) -> None:
    assert {verdict.result for verdict in check({}, trust).steps.values()} == {"not_done"}


def test_an_archive_gives_its_files_by_name() -> None:
    assert chip.unpack(chips.archive(SOD=b"s", dg1=b"1")) == {"SOD": b"s", "DG1": b"1"}


def test_a_bomb_is_not_unpacked() -> None:
    bomb = chips.archive(SOD=bytes(50_000_000))
    assert len(bomb) < chip.LARGEST_FILE
    with pytest.raises(Unreadable, match="too_large"):
        chip.unpack(bomb)


def test_sizes_that_an_archive_claims_are_not_believed() -> None:
    bomb = bytearray(chips.archive(SOD=bytes(2_000_000)))
    for at in (bomb.find(b"PK\x03\x04") + 22, bomb.find(b"PK\x01\x02") + 24):
        bomb[at : at + 4] = (10).to_bytes(4, "little")
    with pytest.raises(Unreadable):
        chip.unpack(bytes(bomb))


@pytest.mark.parametrize("archive", [b"", b"PK", b"PK\x03\x04" + bytes(100), bytes(chip.LARGEST_FILE + 1)])
def test_what_is_no_archive(archive: bytes) -> None:
    with pytest.raises(Unreadable):
        chip.unpack(archive)


def test_too_many_files() -> None:
    with pytest.raises(Unreadable, match="too_many_files"):
        chip.unpack(chips.archive(**{f"F{number}": b"" for number in range(20)}))


def test_a_locked_archive_is_none() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        opened.writestr("SOD", b"x")
    locked = bytearray(made.getvalue())
    locked[6] |= 1
    locked[locked.find(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Unreadable, match="no_zip"):
        chip.unpack(bytes(locked))


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nxxxx\n-----END CERTIFICATE-----\n"])
def test_a_trust_store_that_holds_nothing_refuses_to_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "trust.pem").write_text(text)
    with pytest.raises(WrongSetting, match=r"proofing\.trust_store"):
        chip.read_trust("trust.pem", tmp_path)


def test_a_trust_store_may_be_a_folder(tmp_path: Path) -> None:
    chips.trust_store(tmp_path)
    assert len(chip.read_trust(str(tmp_path), tmp_path).certificates) == 1
