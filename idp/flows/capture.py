"""What an officer takes down at a counter, checked before anybody is asked to approve it, and made whole afterwards.

The body of the case is all that would be stored: what the document says, the verdict of each step over the chip's
dump, and hashes. No image, no face, nothing else that the chip holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain import documents, identifiers, proofing
from idp.domain.cases import Case
from idp.domain.documents import MachineLines
from idp.domain.identifiers import ContactKind, IdentifierKind
from idp.domain.proofing import CounterCheck, Paper
from idp.runtime import chip
from idp.runtime.chip import FAIL, NOT_DONE, PASS, Dump, Verdict
from idp.runtime.runtime import Runtime

# The steps of a chip's check in the order that an officer reads them; in a body each stands as `step_…`.
STEPS: Final = ("signature", "chain", "revocation", "hashes", "mrz", "data", "expiry")
BY_CODE, IN_PERSON = "code", "in_person"


@dataclass(frozen=True, slots=True)
class Capture:
    """What was taken down, as the body of a case, and the contact that the person is to confirm."""

    body: Mapping[str, str]
    contact: tuple[ContactKind, str] | None

    @property
    def failed(self) -> list[str]:
        """The steps that failed: with one of these nobody is asked to approve."""
        return [step for step in STEPS if self.body[f"step_{step}"].startswith(FAIL)]


def check(runtime: Runtime, said: Mapping[str, str], dump: Dump) -> Capture:
    """What the officer typed and what the reader gave; raises Refusal as `domain.proofing.check_capture` does."""
    body = proofing.check_capture(said, runtime.today)
    contact = identifiers.recognise_contact(body["contact"]) if "contact" in body else None
    return Capture({**body, **_chip(runtime, dump, body)}, contact)


def approved(runtime: Runtime, case: Case, approver: str) -> CounterCheck:
    """What a second officer said yes to, to be taken down: the first one checked, the second stands in the evidence.

    Raises Refusal('document_expired') for a paper that ran out meanwhile.
    """
    proofing.check_unexpired(case.body["document"], runtime.today)
    check = proofing.check_of(case.body, case.asked.actor, approver)
    return replace(check, document="; ".join((check.document, *_evidence(case))))


def find_proved(tx: storage.Tx, runtime: Runtime, number: str) -> UUID | None:
    """Whose number it was proved to be: whom a case is about, and for whom a code is printed."""
    kind = IdentifierKind.PERSONAL_NUMBER
    return storage.sign_in_names.find_proved(tx, runtime.keyring, kind=kind, value=number)


def _evidence(case: Case) -> list[str]:
    """Each verdict, the hashes, how the contact was confirmed, which case: it stands sealed beside each fact."""
    body = case.body
    steps = [f"{step}={body[name]}" for step in STEPS if (name := f"step_{step}") in body]
    known = [f"{name}={body[name]}" for name in ("signer", "dg1", "dg2", "dg13") if name in body]
    contact = [f"contact={body['contact_proof']}"] if "contact_proof" in body else []
    return [*filter(None, (" ".join((*steps, *known)), *contact)), f"case {case.id}"]


def _chip(runtime: Runtime, dump: Dump, body: Mapping[str, str]) -> dict[str, str]:
    paper = proofing.read_paper(body["document"])
    checked = chip.check(dump, runtime.trust, paper.issued, runtime.today)
    steps = {**checked.steps, **_read(dump, body, paper, runtime.today)}
    said = {f"step_{step}": ":".join(filter(None, (steps[step].result, steps[step].reason))) for step in STEPS}
    hashes = {name.lower(): value for name, value in checked.groups.items()}
    return {**said, **({"signer": checked.signer} if checked.signer else {}), **hashes}


def _read(dump: Dump, declared: Mapping[str, str], paper: Paper, today: date) -> dict[str, Verdict]:
    """The steps over what the groups say: the lines' check digits, the same person and paper, and its end."""
    dg1 = dump.files.get("DG1")
    if not dg1:
        return dict.fromkeys(("mrz", "data", "expiry"), Verdict(NOT_DONE, "no_dg1"))
    try:
        lines = documents.read_machine_lines(dg1)
    except ValueError as fault:
        failed = Verdict(FAIL, str(fault) if str(fault) in ("no_lines", "check_digit") else "no_lines")
        return {"mrz": failed, **dict.fromkeys(("data", "expiry"), Verdict(NOT_DONE, "no_lines"))}
    return {"mrz": Verdict(PASS), "data": _compare(dump, lines, declared, paper), "expiry": _end(lines, today)}


def _compare(dump: Dump, lines: MachineLines, declared: Mapping[str, str], paper: Paper) -> Verdict:
    try:
        dg13 = documents.read_dg13(dump.files["DG13"]) if dump.files.get("DG13") else {}
    except ValueError:
        return Verdict(FAIL, "no_data")
    wrong = documents.differences(lines, dg13, declared, paper)
    return Verdict(FAIL, f"other_{wrong[0]}") if wrong else Verdict(PASS)


def _end(lines: MachineLines, today: date) -> Verdict:
    """By the lines alone: whatever was typed, the card's own end counts."""
    if lines.expires == "991231":
        return Verdict(PASS)
    try:
        ends = date(2000 + int(lines.expires[:2]), int(lines.expires[2:4]), int(lines.expires[4:]))
    except ValueError:
        return Verdict(FAIL, "no_lines")
    return Verdict(PASS) if ends >= today else Verdict(FAIL, "expired")
