"""`flask outbox`: the ledger as an operator sees it, without a person or a token in it, and trying again by hand."""

import pytest
from flask import Flask

from idp.runtime.outbound import Answer
from tests.builders import Service, a_citizen, a_service, follow, obtain_tokens, parked_in
from tests.cli.conftest import Type
from tests.doubles import FixedClock, RecordingOutbound
from tests.rows import events, rows_of

ADDRESSES = {"mot": "https://mot.example/out", "hai": "https://hai.example/out"}


@pytest.fixture
def services(sqlite_app: Flask, type_in: Type, outbound: RecordingOutbound) -> dict[str, Service]:
    """Somebody signed out of two services, one of which does not answer."""
    citizen, client = a_citizen(sqlite_app), sqlite_app.test_client()
    made = {name: a_service(sqlite_app, client_id=name, backchannel_logout_uri=uri) for name, uri in ADDRESSES.items()}
    for service in made.values():
        obtain_tokens(client, service, citizen)
    client.post("/sign-out", data={"parked": parked_in(follow(client, client.get("/sign-out")))})
    outbound.answer(ADDRESSES["hai"], Answer(503, {}, b""))
    type_in("worker", "--once")
    return made


def ids_of(app: Flask) -> dict[str, str]:
    """The ids of the parcels, by state."""
    with app.app_context():
        return {row.state: str(row.id) for row in rows_of("outbox")}


def test_the_ledger_is_empty_at_first(type_in: Type) -> None:
    assert type_in("outbox", "list").output == "Nothing of that is in the ledger.\n"


def test_the_ledger_says_what_became_of_each_parcel(
    sqlite_app: Flask, services: dict[str, Service], type_in: Type, clock: FixedClock
) -> None:
    head, *lines = type_in("outbox", "list").output.splitlines()
    assert head.split() == "parcel state kind service queued tries next try last failure".split()
    cells = {line.split()[3]: line.split() for line in lines}
    ids, now = ids_of(sqlite_app), f"{clock.now():%Y-%m-%d %H:%M:%S}"
    assert cells["mot"] == [ids["delivered"], "delivered", "backchannel_logout", "mot", *now.split(), "1"]
    assert cells["hai"][:7] == [ids["queued"], "queued", "backchannel_logout", "hai", *now.split(), "1"]
    assert cells["hai"][7:] == ["2026-12-01", "01:30:01", "answered", "503"]


def test_the_ledger_names_no_person_and_no_token(
    sqlite_app: Flask, services: dict[str, Service], type_in: Type, outbound: RecordingOutbound
) -> None:
    shown = type_in("outbox", "list").output
    with sqlite_app.app_context():
        hidden = {row.subject_id for row in rows_of("outbox")} | {row.session_id for row in rows_of("outbox")}
    tokens = [dict(call.form or {})["logout_token"] for call in outbound.calls]
    assert len(hidden) == len(tokens) == 2
    for text in (*(str(id_) for id_ in hidden), *(id_.hex for id_ in hidden), *tokens, "003190000013"):
        assert text not in shown


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--service", "mot"), ["mot"]),
        (("--state", "queued"), ["hai"]),
        (("--service", "mot", "--state", "queued"), []),
        (("--state", "failed"), []),
        (("--limit", "1"), ["hai"]),
    ],
)
def test_the_ledger_is_narrowed_newest_first(
    services: dict[str, Service], type_in: Type, words: tuple[str, ...], expected: list[str]
) -> None:
    lines = type_in("outbox", "list", *words).output.splitlines()
    assert [line.split()[3] for line in lines[1:]] == expected


def test_a_parcel_is_tried_again_by_hand(
    sqlite_app: Flask, services: dict[str, Service], type_in: Type, outbound: RecordingOutbound
) -> None:
    done = type_in("outbox", "retry", ids_of(sqlite_app)["queued"])
    assert (done.exit_code, done.output) == (0, "1 will be tried now\n")
    type_in("worker", "--once")
    assert len(outbound.calls_to(ADDRESSES["hai"])) == 2
    with sqlite_app.app_context():
        assert events()["outbox.retried"] == 1


def test_all_of_a_service_is_tried_again_by_hand(
    sqlite_app: Flask, services: dict[str, Service], type_in: Type, outbound: RecordingOutbound
) -> None:
    assert type_in("outbox", "retry", "--service", "hai").output == "1 will be tried now\n"
    assert type_in("outbox", "retry", "--service", "mot").output == "0 will be tried now\n"
    type_in("worker", "--once")
    assert [len(outbound.calls_to(ADDRESSES[name])) for name in ("mot", "hai")] == [1, 2]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("list", "--service", "khong-co"), "no service has the client_id khong-co"),
        (("retry", "--service", "khong-co"), "no service has the client_id khong-co"),
        (
            ("retry", "00000000-0000-0000-0000-000000000007"),
            "no parcel 00000000-0000-0000-0000-000000000007 waits or was given up",
        ),
        (("retry",), "Name either a parcel or a service."),
        (
            ("retry", "00000000-0000-0000-0000-000000000007", "--service", "mot"),
            "Name either a parcel or a service.",
        ),
        (("retry", "so-7"), "'so-7' is not a valid UUID."),
        (("list", "--state", "lost"), "'lost' is not one of 'queued', 'delivered', 'failed'."),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(type_in: Type, words: tuple[str, ...], sentence: str) -> None:
    done = type_in("outbox", *words)
    assert done.exit_code != 0
    assert done.output.splitlines()[-1].endswith(sentence), done.output
