"""What the check of a chip's dump says: each step with its verdict and why, for the officers who read it."""

from collections.abc import Iterable, Mapping
from typing import Final

from flask_babel import gettext

from idp.flows.capture import STEPS
from idp.web.texts import N_

_STEPS: Final = {
    "signature": N_("Signature over the chip’s list of hashes"),
    "chain": N_("Signer’s certificate comes from one that the province trusts"),
    "revocation": N_("Signer’s certificate was not revoked"),
    "hashes": N_("What was read is what the list names"),
    "mrz": N_("Check digits of the machine-readable lines"),
    "data": N_("The chip names the same person and document"),
    "expiry": N_("The document is good today, by the chip"),
}
_VERDICTS: Final = {"pass": N_("passed"), "fail": N_("FAILED"), "not_done": N_("not done")}
_REASONS: Final = {
    "no_sod": N_("no signed list was given"),
    "unreadable": N_("the signed list cannot be read"),
    "weak_algorithm": N_("a hash that proves nothing any more"),
    "signature": N_("the signature is not right"),
    "key_kind": N_("a kind of key that is not known here"),
    "no_trust_store": N_("no trusted certificates are configured"),
    "unknown_signer": N_("nobody who is trusted issued the certificate"),
    "not_valid_then": N_("the certificate was not good on the day of issue"),
    "no_issuer": N_("its issuer is not known"),
    "no_list": N_("no list of revoked certificates is configured"),
    "old_list": N_("the list of revoked certificates is out of date"),
    "revoked": N_("the certificate was revoked"),
    "hash_dg1": N_("the machine-readable lines were changed"),
    "hash_dg2": N_("the picture is not the chip’s"),
    "hash_dg13": N_("the Vietnamese data were changed"),
    "no_dg1": N_("the machine-readable lines were not given"),
    "no_lines": N_("the machine-readable lines cannot be read"),
    "check_digit": N_("a check digit is wrong"),
    "no_data": N_("the Vietnamese data cannot be read"),
    "other_number": N_("another personal number"),
    "other_name": N_("another name"),
    "other_birthdate": N_("another date of birth"),
    "other_document": N_("another document number"),
    "other_expires": N_("another last day"),
    "expired": N_("it has run out"),
}
_DUMPS: Final = {
    "too_large": N_("The file is larger than any chip’s. Give the hash of the picture instead of the picture."),
    "too_many_files": N_("The archive has more files than a chip has."),
    "no_zip": N_("The archive cannot be read. Give the files one by one."),
}


def step_lines(body: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each step of a body with its verdict in words; none where no chip was read."""
    if all(body.get(f"step_{step}", "").startswith("not_done") for step in STEPS):
        return [(str(gettext("Chip of the document")), str(gettext("not read")))]
    return [(str(gettext(_STEPS[step])), _verdict(body[f"step_{step}"])) for step in STEPS]


def failed_steps(steps: Iterable[str]) -> str:
    """Why nobody may be asked to approve."""
    failed = "; ".join(str(gettext(_STEPS[step])) for step in steps)
    return str(gettext("The chip does not prove this person. Failed: %(steps)s.", steps=failed))


def dump_fault(fault: str) -> str:
    """Why a file was refused before it was looked at."""
    return str(gettext(_DUMPS[fault]))


def _verdict(said: str) -> str:
    result, _, reason = said.partition(":")
    words = str(gettext(_VERDICTS[result]))
    return f"{words}: {gettext(_REASONS[reason])}" if reason else words
