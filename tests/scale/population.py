"""A province in a database: people who can be found and others beside them, services, officers, a year of history.

Most people are filler: rows that every search passes over, with values that nobody can open. Those whom a test looks at
are made as the product makes them.
"""

import itertools
from dataclasses import dataclass
from uuid import UUID

from flask import Flask
from sqlalchemy import text

from idp import flows, storage
from idp.domain import names
from idp.flows.registration import NewAccount
from idp.runtime.runtime import Runtime
from idp.web.given import runtime_of

FAMILY = "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý".split()
MIDDLE = "Thị Văn Hữu Đức Minh Ngọc Thanh Quang Xuân Thu Kim Bích Hồng Mai Gia Anh Công Đình Bá Duy".split()
GIVEN = (
    "An Bình Chi Dung Duyên Dũng Giang Hà Hải Hạnh Hằng Hiền Hiếu Hoa Hòa Hùng Huy Hương Khánh Khoa Lan Linh Loan"
    " Long Lụa Mai Mạnh Mẫu My Nam Nga Ngân Nghĩa Nhung Oanh Phong Phúc Phương Quân Quyên Sơn Tâm Thảo Thắng Thủy"
    " Tiến Trang Trung Tuấn Tú Uyên Vân Việt Vinh Yến"
).split()
# People with a name that nobody else has, for a page of results that are all real.
RARE = "Xuyến"


@dataclass(frozen=True, slots=True)
class Population:
    people: int
    services: int
    events: int


def populate(app: Flask, size: Population) -> list[UUID]:
    """Fill the database; gives the people who are real."""
    runtime = runtime_of(app)
    with app.app_context():
        with storage.begin() as tx:
            _filler_people(tx, runtime, size.people)
        with storage.begin() as tx:
            _filler_history(tx, runtime, size.events, size.people)
        made = _real_people(runtime)
        with storage.once(writes=True) as tx:
            tx.execute(text("ANALYZE"))
    return made


def _filler_people(tx: storage.Tx, runtime: Runtime, count: int) -> None:
    tx.execute(text("CREATE TEMP TABLE vocabulary (part int, place int, word_index bytea) ON COMMIT DROP"))
    for part, words in enumerate((FAMILY, MIDDLE, GIVEN)):
        for place, word in enumerate(words):
            for prefix in names.search_prefixes(word):
                index = runtime.keyring.index("name", prefix)
                tx.execute(
                    text("INSERT INTO vocabulary VALUES (:part, :place, :word_index)"),
                    {"part": part, "place": place, "word_index": index},
                )
    values = {"count": count, "now": runtime.clock.now(), "kinds": len(GIVEN)}
    tx.execute(text(_SUBJECTS), values)
    tx.execute(text(_NAMES), values)
    # Names follow the squares of a draw, so that the first of each list are many and the last are few.
    tx.execute(
        text(_WORDS),
        {"count": count, "family": len(FAMILY), "middle": len(MIDDLE), "given": len(GIVEN)},
    )


_ID = "('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
_DIGEST = "substring(sha256(('{}' || n)::bytea) for 20)"
_SUBJECTS = f"""
INSERT INTO subjects (id, kind, state, account_level, proof_source, created_at, updated_at)
SELECT {_ID}, 'person', 'active', 0, 'self', :now, :now FROM generate_series(1, :count) n
"""
_NAMES = f"""
INSERT INTO sign_in_names (id, subject_id, space, kind, value_sealed, value_index, proof, created_at)
SELECT gen_random_uuid(), {_ID}, 'person', 'personal_number', '\\x00', {_DIGEST.format("number")}, 'self', :now
FROM generate_series(1, :count) n
"""
_WORDS = f"""
INSERT INTO name_words (subject_id, word_index, word_sealed)
SELECT DISTINCT ON (id, word_index) id, word_index, '\\x00'::bytea FROM (
  SELECT {_ID} AS id, floor(:family * power(random(), 2))::int AS a, floor(:middle * power(random(), 2))::int AS b,
         floor(:given * power(random(), 1.3))::int AS c FROM generate_series(1, :count) n
) drawn JOIN vocabulary v
  ON (v.part = 0 AND v.place = a) OR (v.part = 1 AND v.place = b) OR (v.part = 2 AND v.place = c)
"""
_HISTORY = """
INSERT INTO audit (id, at, event, subject_id, actor, leaf_hash)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substring(md5(n::text) for 3)
        || '8' || substring(md5(n::text) from 4 for 15))::uuid, at, event,
       ('01900000-0000-7000-8000-' || lpad(to_hex(1 + n % :people), 12, '0'))::uuid, actor, sha256(n::text::bytea)
FROM (
  SELECT n, CAST(:first AS timestamptz) + n * (interval '1 second' * :seconds / :count) AS at,
         CASE WHEN n % 1000 = 0 THEN 'account.locked' WHEN n % 100 = 1 THEN 'record.read' WHEN n % 10 = 2
              THEN 'session.expired' ELSE 'sign_in.succeeded' END AS event,
         CASE WHEN n % 1000 = 0 OR n % 100 = 1 THEN 'officer' || (n / 100) % 500 || '@H05'
              ELSE 'the person' END AS actor
  FROM generate_series(1, :count) n
) made
"""


def _filler_history(tx: storage.Tx, runtime: Runtime, count: int, people: int) -> None:
    """The events of a busy month, all in the partition of the clock's own month."""
    now = runtime.clock.now()
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    seconds = max(60, int((now - first).total_seconds()))
    tx.execute(text(_HISTORY), {"count": count, "people": people, "first": first, "seconds": seconds})


def _real_people(runtime: Runtime) -> list[UUID]:
    made = []
    hashed = flows.registration.hash_new_password(runtime, "tram huong bay xa")
    for number, (family, middle) in enumerate(itertools.islice(itertools.product(FAMILY, MIDDLE), 60)):
        claims: dict[str, object] = {"name": f"{family} {middle} {RARE}", "birthdate": "1985-01-02"}
        claims |= {"phone_number": f"+8491200{number:04d}"}
        with storage.begin() as tx:
            new = NewAccount(f"0031850{number:05d}", claims, hashed)
            made.append(flows.registration.create_account(tx, runtime, new, actor="the tests").id)
    return made
