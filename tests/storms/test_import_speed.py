"""100,000 people of an old portal taken over on PostgreSQL, 1,000 a second or more, while others sign in (issue 7)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

import pytest
from flask import Flask

from idp import flows, storage
from idp.domain import bulk_files
from idp.domain.bulk_jobs import JobKind, JobState
from idp.domain.notices import Notice
from idp.runtime.runtime import Runtime
from tests.builders import Citizen, a_citizen, lend_keys, sign_in
from tests.builders_settings import testing_settings
from tests.doubles import FixedClock
from tests.rows import events

PEOPLE, A_SECOND = 100_000, 1_000
TOLD = Notice("Khóa", "Khóa")
FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý")
MIDDLES = ("Thị", "Văn", "Đức", "Thị Bích", "Minh", "Quang", "Ngọc", "Thanh")
GIVENS = ("Lụa", "Lúa", "Mẫu", "Thử", "Hòa", "Bình", "Sen", "Cúc", "Trúc", "Mai", "Lan", "Tùng", "Phượng", "Giang")


def a_file(people: int = PEOPLE) -> bytes:
    lines = ["so_dinh_danh,ho_ten,ngay_sinh,dien_thoai,email"]
    for place in range(people):
        name = f"{FAMILIES[place % 13]} {MIDDLES[place % 8]} {GIVENS[place % 14]}"
        phone = f"09870{place % 100_000:05d}" if place % 3 else ""
        mail = f"nguoi-{place}@nguoi-mau.example" if place % 2 else ""
        number = f"003{place % 2}{50 + place % 50}{place:06d}"
        lines.append(f"{number},{name},{1950 + place % 50},{phone},{mail}")
    return "\n".join(lines).encode()


def keep_signing_in(url: str, citizen: Citizen, over: Event, told: "Connection[list[float], list[float]]") -> None:
    """In a process of its own, as another server's would be: somebody signs in ten times a second, until it is over."""
    from idp.app import create_app

    app, took = create_app(testing_settings(url)), []
    while not over.wait(max(0.0, 0.1 - (took[-1] if took else 0.0))):
        begun = time.monotonic()
        sign_in(app.test_client(), citizen)
        took.append(time.monotonic() - begun)
    told.send(took)


@contextmanager
def others_sign_in(url: str, citizen: Citizen, took: list[float]) -> Iterator[None]:
    apart = get_context("spawn")
    over, (hears, says) = apart.Event(), apart.Pipe(duplex=False)
    process = apart.Process(target=keep_signing_in, args=(url, citizen, over, says))
    process.start()
    try:
        yield
    finally:
        over.set()
        took += hears.recv()
        process.join()


@pytest.mark.slow
@pytest.mark.postgres
def test_a_hundred_thousand_are_taken_over_at_a_thousand_a_second(
    make_app: object, postgres_url: str, clock: FixedClock, capsys: pytest.CaptureFixture[str]
) -> None:
    app: Flask = make_app(postgres_url)  # type: ignore[operator]
    lend_keys(app)
    runtime: Runtime = app.extensions["idp"]
    citizen = a_citizen(app, "003190000013")
    begun = time.monotonic()
    raw = a_file()
    lines = bulk_files.read(raw, bulk_files.OF_PEOPLE)
    with app.app_context():
        with storage.begin() as tx:
            job = flows.bulk_jobs.hand_over(tx, runtime, JobKind.IMPORT, raw, lines, {"reason": "CV"}, actor="a@H05")
        handed_over = time.monotonic() - begun
        begun = time.monotonic()
        took_others: list[float] = []
        with others_sign_in(postgres_url, citizen, took_others):
            work_off(runtime)
            checked = time.monotonic() - begun
            with storage.begin() as tx:
                found = storage.bulk_jobs.find_job(tx, job.id)
                assert found is not None and found.state is JobState.CHECKED and found.good == PEOPLE
                flows.bulk_jobs.start(tx, runtime, found.body, asked_as="a@H05", approved_as="b@H05")
            begun = time.monotonic()
            work_off(runtime)
            took = time.monotonic() - begun
        assert events()["account.preloaded"] == PEOPLE
    rate, slowest = PEOPLE / took, sorted(took_others)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{PEOPLE} lines: read and sealed in {handed_over:.1f} s, checked in {checked:.1f} s, taken over in "
            f"{took:.1f} s: {rate:.0f}/s; beside it {len(slowest)} sign-ins, "
            f"p50 {slowest[len(slowest) // 2] * 1000:.0f} ms, p95 {slowest[len(slowest) * 95 // 100] * 1000:.0f} ms"
        )
    assert len(slowest) > 10
    assert rate >= A_SECOND, f"{rate:.0f} a second"


def work_off(runtime: Runtime) -> None:
    more = True
    while more:
        with storage.begin() as tx:
            more = flows.bulk_jobs.work_off(tx, runtime, TOLD)
