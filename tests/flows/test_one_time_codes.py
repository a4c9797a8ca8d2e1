"""Codes that are sent: good once, for one purpose and contact, for minutes and a few tries; counted, and never rolled
back by a wrong one (NIST SP 800-63B 3.1.3).
"""

from uuid import UUID

import pytest
from flask import Flask

from idp import storage
from idp.domain.identifiers import ContactKind
from idp.domain.notices import Notice
from idp.domain.one_time_codes import CodePurpose, NotSent
from idp.flows import one_time_codes
from idp.flows.one_time_codes import Target, Wording
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage.factors import Reachable
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import count_rows, messages_stored, rows_of

PHONE = Target(ContactKind.PHONE, "+84912000013")
MAIL = Target(ContactKind.EMAIL, "lua@nguoi-mau.example")
WORDING = Wording("{code}", "Mã: {code}")
NETWORK = "192.0.2.1"


def send(runtime: Runtime, target: Target = PHONE, address: str = NETWORK) -> UUID | NotSent:
    with storage.begin() as tx:
        return one_time_codes.send(tx, runtime, CodePurpose.REGISTER, target, WORDING, address=address)


def sent(runtime: Runtime, target: Target = PHONE) -> UUID:
    code_id = send(runtime, target)
    assert isinstance(code_id, UUID)
    return code_id


def use(
    runtime: Runtime, code_id: UUID, typed: str, *, target: Target = PHONE, purpose: CodePurpose = CodePurpose.REGISTER
) -> bool:
    with storage.begin() as tx:
        return one_time_codes.use(tx, runtime, code_id, purpose, target, typed)


@pytest.mark.parametrize(("target", "channel"), [(PHONE, "sms"), (MAIL, "mail")])
def test_the_code_goes_where_it_was_asked_for_and_is_good_once(
    app: Flask, runtime: Runtime, target: Target, channel: str
) -> None:
    code_id = sent(runtime, target)
    [message] = messages(app)
    assert (message.channel, message.to, message.text) == (channel, target.contact, f"Mã: {message.code}")
    spaced = f" {message.code[:3]} {message.code[3:]} "
    assert use(runtime, code_id, spaced, target=target)
    assert not use(runtime, code_id, message.code, target=target)


def test_it_is_bound_to_its_purpose_and_its_contact(app: Flask, runtime: Runtime) -> None:
    code_id = sent(runtime)
    code = messages(app)[0].code
    assert not use(runtime, code_id, code, purpose=CodePurpose.RECOVER)
    assert not use(runtime, code_id, code, target=Target(ContactKind.PHONE, "+84912000021"))
    other = sent(runtime)
    assert not use(runtime, other, code) or messages(app)[1].code == code
    assert use(runtime, code_id, code)


def test_a_few_wrong_ones_make_it_worth_nothing(app: Flask, runtime: Runtime) -> None:
    code_id = sent(runtime)
    code = messages(app)[0].code
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for _ in range(runtime.settings.codes.tries):
        assert not use(runtime, code_id, wrong)
    assert not use(runtime, code_id, code)


def test_it_is_worth_nothing_after_its_minutes(app: Flask, runtime: Runtime, clock: FixedClock) -> None:
    code_id = sent(runtime)
    clock.advance(seconds=runtime.settings.codes.good_for)
    assert not use(runtime, code_id, messages(app)[0].code)


def test_neither_code_nor_contact_can_be_read_in_the_rows(app: Flask, runtime: Runtime) -> None:
    sent(runtime)
    code = messages(app)[0].code
    for row in (*rows_of("one_time_codes"), *rows_of("throttles"), *messages_stored()):
        stored = b"|".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
        assert b"84912000013" not in stored
    [message] = messages_stored()
    [kept] = rows_of("one_time_codes")
    assert code.encode() not in bytes(message.body_sealed) + bytes(kept.code_index)


def test_one_contact_gets_few_codes_in_an_hour_and_then_others_still_do(
    app: Flask, runtime: Runtime, clock: FixedClock
) -> None:
    for _ in range(runtime.settings.codes.per_contact):
        sent(runtime)
    assert send(runtime) is NotSent.TOO_MANY
    sent(runtime, MAIL)
    assert len(messages(app)) == runtime.settings.codes.per_contact + 1
    clock.advance(hours=1)
    sent(runtime)


def test_one_network_asks_for_so_many(runtime: Runtime) -> None:
    for place in range(runtime.settings.codes.per_network):
        assert isinstance(send(runtime, Target(ContactKind.EMAIL, f"n{place}@nguoi-mau.example")), UUID)
    assert send(runtime, Target(ContactKind.EMAIL, "mot@nguoi-mau.example")) is NotSent.TOO_MANY
    assert isinstance(send(runtime, MAIL, address="198.51.100.7"), UUID)


def test_the_days_text_messages_have_a_budget_and_mail_goes_on(
    make_app: object, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app: Flask = make_app(sqlite_url, IDP_CODES_SMS_PER_DAY="2")  # type: ignore[operator]
    with app.app_context():
        runtime: Runtime = app.extensions["idp"]
        for last in "13", "21":
            assert isinstance(send(runtime, Target(ContactKind.PHONE, f"+849120000{last}")), UUID)
        assert send(runtime, PHONE) is NotSent.SPENT
        assert isinstance(send(runtime, MAIL), UUID)
    assert capsys.readouterr().err.count("the day's text messages run out") == 2  # at four fifths, and at the end


def test_notices_count_in_the_days_text_messages_and_go_out_when_they_are_spent(
    make_app: object, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Spending the day's messages must silence no alarm of a thief."""
    app: Flask = make_app(sqlite_url, IDP_CODES_SMS_PER_DAY="2")  # type: ignore[operator]
    with app.app_context():
        runtime: Runtime = app.extensions["idp"]
        for last in range(13, 17):
            told = Reachable(UUID(int=last), "phone", f"+849120000{last}", False, runtime.clock.now())
            with storage.begin() as tx:
                now, subject_id = runtime.clock.now(), chance.new_id(runtime.clock.now())
                storage.outbox.insert_notices(tx, runtime.keyring, [told], Notice("A", "B"), subject_id, now)
        assert len(messages(app)) == 4
        assert send(runtime, PHONE) is NotSent.SPENT
    assert capsys.readouterr().err.count("the day's text messages run out") == 2


def test_where_there_is_no_gateway_none_is_written(make_app: object, sqlite_url: str) -> None:
    app: Flask = make_app(sqlite_url, IDP_MESSAGES_SMS="none")  # type: ignore[operator]
    with app.app_context():
        assert send(app.extensions["idp"]) is NotSent.NO_GATEWAY
        assert "one_time_codes" not in count_rows()


def test_for_a_name_that_nobody_has_the_same_rows_come_to_be_and_no_code_is_right(app: Flask, runtime: Runtime) -> None:
    sent(runtime)
    known = count_rows()
    decoy = Target(ContactKind.PHONE, "+84912000021", is_decoy=True)
    code_id = sent(runtime, decoy)
    assert count_rows() == {
        **known,
        **{name: 2 * known[name] for name in ("one_time_codes", "messages")},
        "throttles": 6,
    }
    message = messages(app)[1]
    assert message.to == ""
    assert not use(runtime, code_id, message.code, target=decoy)
