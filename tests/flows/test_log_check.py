"""A changed, deleted, inserted or moved row is named at the first bad entry: by the check inside, and by the script
that has only an export, the public keys and the file of heads.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from flask import Flask
from sqlalchemy import text

from idp import storage
from idp.domain.audit import Entry, Event, Kind, hash_of
from idp.flows import key_care, log_check, log_export, sealing
from idp.flows.log_check import Report
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage.tables import audit, log_heads, log_leaves, log_nodes, log_trees, releases
from tests.builders import Citizen, a_citizen, a_service, lend_keys, obtain_tokens
from tests.doubles import FixedClock
from tests.rows import rows_of
from tests.tampering import change, delete, insert, lift_guards

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "verify_log.py"
MONTH = "2026-12"


@dataclass
class Sealed:
    """A log of some sign-ins and twenty lines more, sealed by several heads, all published."""

    app: Flask
    runtime: Runtime
    clock: FixedClock
    folder: Path
    citizen: Citizen

    def leaf(self, number: int) -> Any:
        [found] = [row for row in rows_of("log_leaves") if (row.month, row.number) == (MONTH, number)]
        return found

    @property
    def size(self) -> int:
        return sum(row.month == MONTH for row in rows_of("log_leaves"))

    def write(self, at: Any = None) -> Entry:
        now = at or self.clock.now()
        entry = Entry(id=chance.new_id(now), at=now, event=Event.SIGN_IN_FAILED, actor="a test", details="192.0.2.7")
        with storage.begin() as tx:
            storage.audit.insert_entry(tx, entry, self.runtime.keyring.house_key())
        return entry

    def seal(self) -> None:
        with storage.begin() as tx:
            sealing.seal(tx, self.runtime)
        with storage.once() as tx:
            sealing.publish(tx, self.runtime)

    def check(self) -> Report:
        with storage.once() as tx, (self.folder / "heads.txt").open() as lines:
            return log_check.check(tx, self.runtime, lines)

    def export(self) -> Path:
        self.clock.advance(seconds=2)
        file = self.folder / "export.jsonl"
        with storage.once() as tx:
            lines = log_export.export(tx, self.runtime, MONTH, reader="a test", purpose="a test")
            file.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
        return file

    def script(self, file: Path | None = None, *words: str) -> tuple[int, str]:
        """Exit status and output of the script, in a Python that sees nothing of this project."""
        keys = self.folder / "keys.json"
        keys.write_bytes(orjson.dumps(self.runtime.keyring.log.public_key_set()))
        given = [
            str(file or self.export()),
            "--keys",
            str(keys),
            *(words or ("--heads", str(self.folder / "heads.txt"))),
        ]
        command = [sys.executable, "-I", str(SCRIPT), *given]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def sealed(make_app: Callable[..., Flask], store_url: str, clock: FixedClock, tmp_path: Path) -> Iterator[Sealed]:
    app = make_app(store_url, IDP_LOG_HEADS_FILE=str(tmp_path / "heads.txt"))
    lend_keys(app)
    runtime: Runtime = app.extensions["idp"]
    clock.advance(minutes=1)
    citizen = a_citizen(app)
    with app.app_context():
        with storage.begin() as tx:
            key_care.ensure_log_key(tx, runtime)
        made = Sealed(app, runtime, clock, tmp_path, citizen)
        obtain_tokens(app.test_client(), a_service(app), citizen)
        made.seal()
        for number in range(20):
            clock.advance(seconds=20)
            made.write()
            if number % 4 == 3:
                made.seal()
        yield made


def first_bad(report: Report) -> tuple[int | None, UUID | None]:
    faults = [fault for fault in report.faults if fault.month]
    return faults[0].number, faults[0].entry


# -- as it was sealed --------------------------------------------------------------------------------------------------


def test_a_log_that_nobody_touched_is_found_whole_by_both(sealed: Sealed) -> None:
    report = sealed.check()
    assert report.faults == []
    assert (report.entries, report.heads) == (len(rows_of("log_leaves")), len(rows_of("log_heads")))
    assert {row.kind for row in rows_of("log_leaves")} == {"audit", "release"}
    status, said = sealed.script()
    assert status == 0, said
    assert f"{sealed.size} entries of {MONTH}" in said


def test_erasing_a_person_breaks_no_proof(sealed: Sealed) -> None:
    before = sealed.export().read_bytes()
    with storage.begin() as tx:
        tx.execute(storage.tables.data_keys.delete().where(storage.tables.data_keys.c.subject_id == sealed.citizen.id))
    assert sealed.check().faults == []
    status, said = sealed.script()
    assert status == 0, said
    assert sealed.citizen.id.hex in before.replace(b"-", b"").decode()


def test_what_waits_for_the_sealer_is_no_fault(sealed: Sealed) -> None:
    sealed.write()
    report = sealed.check()
    assert (report.faults, report.waiting) == ([], 1)
    status, said = sealed.script()
    assert (status, "1 entries were not sealed yet" in said) == (0, True)


def test_what_was_sealed_much_later_than_it_says_is_told(sealed: Sealed) -> None:
    before = sealed.check().late
    sealed.write(at=sealed.clock.now() - timedelta(hours=2))
    with storage.begin() as tx:
        sealing.seal(tx, sealed.runtime, look_back=sealing.LOOK_BACK)
    report = sealed.check()
    assert (report.faults, report.late) == ([], before + 1)
    assert report.first_late


# -- changed rows ------------------------------------------------------------------------------------------------------


def edit(sealed: Sealed, number: int) -> None:
    change(audit, audit.c.id == sealed.leaf(number).id, actor="the person")


def edit_with_its_hashes(sealed: Sealed, number: int) -> None:
    """Row and leaf together: only what was signed knows better."""
    leaf = sealed.leaf(number)
    with storage.once() as tx:
        entry = storage.merkle_log.find_entry(tx, Kind(leaf.kind), leaf.id)
    assert entry is not None
    hashed = hash_of(entry.kind, {**entry.values, "actor": "the person"})
    change(audit, audit.c.id == leaf.id, actor="the person", leaf_hash=hashed)
    change(log_leaves, log_leaves.c.id == leaf.id, leaf_hash=hashed)


def delete_row(sealed: Sealed, number: int) -> None:
    delete(audit, audit.c.id == sealed.leaf(number).id)


def delete_with_leaf(sealed: Sealed, number: int) -> None:
    leaf = sealed.leaf(number)
    delete(audit, audit.c.id == leaf.id)
    delete(log_leaves, log_leaves.c.id == leaf.id)


def close_gap(sealed: Sealed, number: int) -> None:
    delete_with_leaf(sealed, number)
    change(log_leaves, (log_leaves.c.month == MONTH) & (log_leaves.c.number > number), number=log_leaves.c.number - 1)


def insert_with_leaf(sealed: Sealed, number: int) -> None:
    at = sealed.clock.now() - timedelta(minutes=5)
    change(log_leaves, (log_leaves.c.month == MONTH) & (log_leaves.c.number >= number), number=log_leaves.c.number + 1)
    entry = sealed.write(at)
    with storage.once() as tx:
        stored = storage.merkle_log.find_entry(tx, Kind.AUDIT, entry.id)
    assert stored is not None
    told = {"id": entry.id, "kind": "audit", "month": MONTH, "number": number, "leaf_hash": stored.leaf_hash()}
    insert(log_leaves, **told)


def swap_numbers(sealed: Sealed, number: int) -> None:
    one, other = sealed.leaf(number), sealed.leaf(number + 3)
    change(log_leaves, log_leaves.c.id == one.id, number=other.number)
    change(log_leaves, log_leaves.c.id == other.id, number=one.number)


def swap_rows(sealed: Sealed, number: int) -> None:
    """What two rows say changes places, with all of it but the ids."""
    one, other = sealed.leaf(number), sealed.leaf(number + 3)
    with storage.once() as tx:
        rows = [tx.execute(audit.select().where(audit.c.id == each.id)).one()._asdict() for each in (one, other)]
    for leaf, row in ((one, rows[1]), (other, rows[0])):
        change(audit, audit.c.id == leaf.id, **{name: value for name, value in row.items() if name != "id"})


TAMPERS = [
    edit,
    edit_with_its_hashes,
    delete_row,
    delete_with_leaf,
    close_gap,
    insert_with_leaf,
    swap_numbers,
    swap_rows,
]


@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda tamper: tamper.__name__)
def test_the_first_bad_entry_is_named_by_both(sealed: Sealed, tamper: Callable[[Sealed, int], None]) -> None:
    number = sealed.size - 11
    tamper(sealed, number)
    assert first_bad(sealed.check())[0] == number
    status, said = sealed.script()
    assert status == 1
    assert said.startswith(f"BAD {MONTH} entry number {number}")


def test_a_release_that_was_changed_is_named_by_both(sealed: Sealed) -> None:
    [row] = rows_of("releases")
    change(releases, releases.c.id == row.id, name_bits=row.name_bits + 1)
    assert first_bad(sealed.check())[1] == row.id
    status, said = sealed.script()
    assert (status, str(row.id) in said) == (1, True)


def test_of_several_the_first_is_named(sealed: Sealed) -> None:
    number = sealed.size - 12
    edit(sealed, number + 5)
    delete_row(sealed, number)
    assert first_bad(sealed.check())[0] == number
    assert f"entry number {number} " in sealed.script()[1]


def test_an_entry_that_was_put_among_older_ones_is_named_by_both(sealed: Sealed) -> None:
    entry = sealed.write(sealed.clock.now() - timedelta(minutes=4))
    assert first_bad(sealed.check())[1] == entry.id
    status, said = sealed.script()
    assert (status, str(entry.id) in said, "never sealed" in said) == (1, True, True)


def cut(sealed: Sealed, number: int) -> None:
    """All that was written from a leaf on is deleted, with leaves, heads and edge: as if it had never been."""
    ids = [row.id for row in rows_of("log_leaves") if row.month == MONTH and row.number >= number]
    with storage.begin() as tx:
        lift_guards(tx)
        for table in (audit, releases, log_leaves):
            tx.execute(table.delete().where(table.c.id.in_(ids)))
        for table in (log_heads, log_nodes, log_trees):
            tx.execute(
                table.delete().where(table.c.month == MONTH if table is not log_heads else log_heads.c.size > number)
            )


def test_the_newest_entries_that_were_deleted_are_missed_by_the_heads_outside(sealed: Sealed) -> None:
    number = sealed.size - 8
    cut(sealed, number)
    report = sealed.check()
    assert first_bad(report)[0] == number
    assert any("was published, and is not in the database" in fault.what for fault in report.faults)
    with storage.once() as tx:
        assert log_check.check(tx, sealed.runtime).faults == [], "what is inside knows nothing of it"
    status, said = sealed.script()
    assert status == 1
    assert said.startswith(f"BAD {MONTH} entry number {number}")


# -- heads -------------------------------------------------------------------------------------------------------------


def forge(sealed: Sealed) -> str:
    """A head that a key of tokens signed."""
    claims = {"number": 2, "month": MONTH, "size": 1, "root": "00", "previous": "", "marks": "", "iat": 1}
    return sealed.runtime.keyring.sign("ES256", claims, typ="tree-head+jwt")


def test_heads_that_were_changed_are_found(sealed: Sealed) -> None:
    number = len(rows_of("log_heads")) - 1
    change(log_heads, log_heads.c.number == number, jws=forge(sealed))
    said = [str(fault) for fault in sealed.check().faults]
    assert f"head number {number} was not signed by the log" in said
    assert f"head number {number} is not the one that was published" in said
    assert sealed.script()[0] == 1


def test_a_head_that_was_deleted_is_found(sealed: Sealed) -> None:
    number = len(rows_of("log_heads")) - 1
    delete(log_heads, log_heads.c.number == number)
    said = [str(fault) for fault in sealed.check().faults]
    assert f"head number {number} is missing" in said
    assert f"head number {number} was published, and is not in the database" in said


@pytest.mark.parametrize("harm", ["delete", "forge", "swap"])
def test_a_file_of_heads_that_was_changed_is_found(sealed: Sealed, harm: str) -> None:
    file = sealed.folder / "heads.txt"
    lines = file.read_text().splitlines()
    match harm:
        case "delete":
            del lines[1]
        case "forge":
            lines[1] = forge(sealed)
        case _:
            lines[1:3] = lines[2], lines[1]
    file.write_text("\n".join(lines) + "\n")
    status, said = sealed.script()
    assert (status, said.startswith("BAD file of heads")) == (1, True)
    if harm == "forge":
        assert sealed.check().faults


def test_a_torn_line_of_the_file_is_no_fault(sealed: Sealed) -> None:
    file = sealed.folder / "heads.txt"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:2], lines[2][:100], *lines[2:]]) + "\n")
    assert sealed.check().faults == []
    assert sealed.script()[0] == 0


# -- exports that were changed on their way ---------------------------------------------------------------------------


def test_an_export_whose_lines_change_places_is_bad_at_the_first_of_them(sealed: Sealed) -> None:
    file = sealed.export()
    lines = file.read_text().splitlines()
    [at] = [place for place, line in enumerate(lines) if json.loads(line).get("number") == 5]
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    file.write_text("\n".join(lines) + "\n")
    assert "entry number 5" in sealed.script(file)[1]


def test_an_export_that_lost_its_end_is_bad(sealed: Sealed) -> None:
    file = sealed.export()
    file.write_text("\n".join(file.read_text().splitlines()[:-3]) + "\n")
    status, said = sealed.script(file)
    assert (status, f"entry number {sealed.size - 3}" in said) == (1, True)


def test_a_key_in_pem_serves_and_a_key_of_tokens_does_not(sealed: Sealed) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from jwt.algorithms import ECAlgorithm

    def pem_of(jwk: dict[str, str]) -> Path:
        file = sealed.folder / "key.pem"
        key: Any = ECAlgorithm.from_jwk(jwk)
        file.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return file

    export, heads = sealed.export(), ("--heads", str(sealed.folder / "heads.txt"))
    [own] = sealed.runtime.keyring.log.public_key_set()["keys"]
    other = next(key for key in sealed.runtime.keyring.public_key_set()["keys"] if key["alg"] == "ES256")
    assert sealed.script(export, *heads, "--keys", str(pem_of(own)))[0] == 0
    assert sealed.script(export, *heads, "--keys", str(pem_of(other)))[0] == 1
    tokens = sealed.folder / "tokens.json"
    tokens.write_bytes(orjson.dumps(sealed.runtime.keyring.public_key_set()))
    status, said = sealed.script(export, *heads, "--keys", str(tokens))
    assert (status, "none of the log" in said) == (2, True)


@pytest.mark.parametrize("junk", ["", "{}", "[1]", "x", '{"type":"log"}'])
def test_what_is_no_export_is_said_to_be_none(sealed: Sealed, junk: str) -> None:
    file = sealed.folder / "junk"
    file.write_text(junk)
    status, said = sealed.script(file)
    assert (status, "Traceback" in said) == (2, False)


# -- one entry ---------------------------------------------------------------------------------------------------------


def test_an_entry_is_proved_and_the_reading_is_noted(sealed: Sealed) -> None:
    leaf, file = sealed.leaf(4), sealed.folder / "proof.json"
    with storage.begin() as tx:
        proof = log_export.prove(tx, sealed.runtime, leaf.id, reader="cán bộ A", purpose="khiếu nại 12")
    [noted] = [row for row in rows_of("audit") if row.event == Event.LOG_READ]
    assert noted.actor == "cán bộ A"
    for indent in (None, 2):
        file.write_text(json.dumps(proof, indent=indent))
        status, said = sealed.script(file)
        assert status == 0, said
    for change_ in ({"number": 5}, {"values": {**proof["values"], "actor": "x"}}, {"path": proof["path"][1:]}):
        file.write_text(json.dumps({**proof, **change_}))
        assert sealed.script(file)[0] == 1, change_


def test_a_proof_needs_no_file_of_heads_and_an_export_does(sealed: Sealed) -> None:
    file, keys = sealed.folder / "proof.json", sealed.folder / "keys.json"
    with storage.begin() as tx:
        proof = log_export.prove(tx, sealed.runtime, sealed.leaf(4).id, reader="a test", purpose="a test")
    file.write_text(json.dumps(proof))
    status, said = sealed.script(file, "--keys", str(keys))
    assert (status, "rests on the signature alone" in said) == (0, True)
    status, said = sealed.script(sealed.export(), "--keys", str(keys))
    assert (status, "--heads" in said) == (2, True)


def test_every_entry_of_the_log_has_a_proof(sealed: Sealed) -> None:
    file = sealed.folder / "proof.json"
    for number in range(0, sealed.size, 5):
        with storage.begin() as tx:
            proof = log_export.prove(tx, sealed.runtime, sealed.leaf(number).id, reader="a test", purpose="a test")
        file.write_text(json.dumps(proof))
        assert sealed.script(file)[0] == 0


def test_the_script_needs_nothing_of_this_project() -> None:
    found = set()
    for node in ast.walk(ast.parse(SCRIPT.read_text("utf-8"))):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
        found |= {name.partition(".")[0] for name in names}
    assert found - sys.stdlib_module_names == {"cryptography"}


# -- retention ---------------------------------------------------------------------------------------------------------


def drop_month(sealed: Sealed) -> None:
    for table in (audit, releases, log_leaves):
        with storage.begin() as tx:
            lift_guards(tx)
            gone = [row.id for row in tx.execute(log_leaves.select().where(log_leaves.c.month == MONTH))]
            if table is log_leaves:
                tx.execute(table.delete().where(table.c.month == MONTH))
            else:
                tx.execute(table.delete().where(table.c.id.in_(gone)))


def note_dropped(sealed: Sealed, table: str, key: Any = None) -> None:
    now = sealed.clock.now()
    details = f"{table} {MONTH.replace('-', '_')}: 12 rows"
    entry = Entry(id=chance.new_id(now), at=now, event=Event.HISTORY_DROPPED, actor="the worker", details=details)
    with storage.begin() as tx:
        storage.audit.insert_entry(tx, entry, key or sealed.runtime.keyring.house_key())


def test_a_month_was_let_go_where_the_log_itself_says_so(sealed: Sealed) -> None:
    sealed.clock.advance(days=62)
    drop_month(sealed)
    assert first_bad(sealed.check())[0] == 0, "nobody said so"
    for table in ("releases", "audit", "log_leaves"):
        note_dropped(sealed, table)
    assert first_bad(sealed.check())[0] == 0, "it is not in the log"
    sealed.seal()
    report = sealed.check()
    assert (report.faults, report.let_go) == ([], [MONTH])


def test_who_has_no_key_of_the_house_cannot_say_that_a_month_was_let_go(sealed: Sealed) -> None:
    sealed.clock.advance(days=62)
    drop_month(sealed)
    for table in ("releases", "audit", "log_leaves"):
        note_dropped(sealed, table, sealed.runtime.keyring.new_data_key())
    sealed.seal()
    assert first_bad(sealed.check())[0] == 0


@pytest.mark.postgres
def test_the_workers_own_letting_go_is_told_as_such(
    make_app: Callable[..., Flask], postgres_url: str, clock: FixedClock
) -> None:
    from idp.cli.timed_jobs import TimedJobs

    app = make_app(postgres_url, IDP_RETENTION_HISTORY_FOR_MONTHS="1")
    lend_keys(app)
    jobs = TimedJobs(app, app.extensions["idp"])
    with app.app_context():
        with storage.begin() as tx:  # the months of the machine's own clock are of no use here
            for table in storage.tables.PARTITIONED:
                for name in tx.scalars(
                    text(f"SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = '{table}'::regclass")
                ):
                    if name.endswith(("_2026_10", "_2026_11")):
                        tx.execute(text(f"DROP TABLE {name}"))
        obtain_tokens(app.test_client(), a_service(app), a_citizen(app))
        for days in (1, 32, 32):
            while jobs.run():
                pass
            clock.advance(days=days)
        while jobs.run():
            pass
        clock.advance(seconds=5)
        jobs.run()
        assert MONTH not in {row.month for row in rows_of("log_leaves")}
        with storage.once() as tx:
            report = log_check.check(tx, app.extensions["idp"])
    assert (report.faults, MONTH in report.let_go) == ([], True)
