"""Gateways: each hands a message over or says why not, without anything of the person in what it says."""

import json
import smtplib
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from idp.runtime.messages import Message, Messages, Undelivered
from idp.runtime.outbound import Answer, OutboundFailure
from idp.runtime.settings import WrongSetting
from tests.builders_settings import testing_settings
from tests.doubles import RecordingOutbound

TEXT = Message("sms", "+84912000013", "", "Mã: 123456")
LETTER = Message("mail", "lua@nguoi-mau.example", "Mã xác nhận", "Mã: 123456")
GATEWAY = "https://tin-nhan.example/gui"


def gateways(root: Path, outbound: RecordingOutbound | None = None, **set_to: str) -> Messages:
    overrides = {f"IDP_MESSAGES_{name.upper()}": value for name, value in set_to.items()}
    settings = testing_settings("sqlite://", **overrides)
    return Messages(settings.messages, outbound or RecordingOutbound(), root)


def test_file_appends_each_message_to_its_channels_file(tmp_path: Path) -> None:
    carried = gateways(tmp_path, folder="tin")
    for message in (TEXT, LETTER, TEXT):
        carried.send(message)
    lines = (tmp_path / "tin" / "sms.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == [TEXT.text, TEXT.text]
    [letter] = (tmp_path / "tin" / "mail.jsonl").read_text("utf-8").splitlines()
    assert json.loads(letter) == {
        "channel": "mail", "to": LETTER.to, "subject": LETTER.subject, "text": LETTER.text
    }  # fmt: skip


def test_console_writes_it_where_one_looks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    carried = gateways(tmp_path, sms="console", mail="console")
    carried.send(TEXT)
    carried.send(LETTER)
    seen = capsys.readouterr().err
    assert "sms to +84912000013\nMã: 123456\n" in seen
    assert "mail to lua@nguoi-mau.example: Mã xác nhận\nMã: 123456\n" in seen


def test_http_posts_number_text_and_token(tmp_path: Path) -> None:
    (tmp_path / "khoa").write_text("bi-mat\n")
    outbound = RecordingOutbound()
    gateways(tmp_path, outbound, sms="http", sms_url=GATEWAY, sms_token_file="khoa").send(TEXT)
    [call] = outbound.calls
    assert (call.method, call.url) == ("POST", GATEWAY)
    assert call.form == {"to": TEXT.to, "text": TEXT.text, "token": "bi-mat"}


@pytest.mark.parametrize("answer", [Answer(503, {}, b"+84912000013"), OutboundFailure("it takes too long")])
def test_what_a_gateway_does_not_take_is_said_without_the_person(tmp_path: Path, answer: Any) -> None:
    outbound = RecordingOutbound()
    outbound.answer(GATEWAY, answer)
    with pytest.raises(Undelivered) as refused:
        gateways(tmp_path, outbound, sms="http", sms_url=GATEWAY).send(TEXT)
    assert TEXT.to not in str(refused.value)


class FakeServer:
    """smtplib's face with nothing behind it."""

    made: "list[FakeServer]"

    def __init__(self, host: str, port: int, **_: Any) -> None:
        self.where, self.did, self.mail = (host, port), [], EmailMessage()
        FakeServer.made.append(self)

    def __enter__(self) -> "FakeServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.did.append("quit")

    def starttls(self, context: Any) -> None:
        assert context.check_hostname
        self.did.append("starttls")

    def login(self, user: str, password: str) -> None:
        self.did.append(f"login {user} {password}")

    def send_message(self, mail: EmailMessage) -> None:
        self.mail = mail
        self.did.append("send")


class RefusingServer(FakeServer):
    def send_message(self, mail: EmailMessage) -> None:
        raise smtplib.SMTPRecipientsRefused({str(mail["To"]): (550, b"no such user")})


@pytest.mark.parametrize(("port", "did"), [("465", ["login u p", "send", "quit"]), ("587", ["starttls"])])
def test_rfc5321_mail_goes_under_tls_as_plain_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: str, did: list[str]
) -> None:
    FakeServer.made = []
    for name in ("SMTP", "SMTP_SSL"):
        monkeypatch.setattr(smtplib, name, FakeServer)
    (tmp_path / "mk").write_text("p")
    carried = gateways(
        tmp_path, mail="smtp", smtp_host="thu.example", smtp_port=port, smtp_user="u", smtp_password_file="mk"
    )
    carried.send(LETTER)
    [server] = FakeServer.made
    assert server.where == ("thu.example", int(port))
    assert server.did[: len(did)] == did
    assert (server.mail["To"], server.mail["Subject"]) == (LETTER.to, LETTER.subject)
    assert server.mail["Auto-Submitted"] == "auto-generated"
    assert server.mail.get_content_type() == "text/plain"
    assert server.mail.get_content().strip() == LETTER.text


def test_a_mail_server_that_refuses_is_said_without_the_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeServer.made = []
    monkeypatch.setattr(smtplib, "SMTP_SSL", RefusingServer)
    with pytest.raises(Undelivered) as refused:
        gateways(tmp_path, mail="smtp", smtp_host="thu.example").send(LETTER)
    assert str(refused.value) == "SMTPRecipientsRefused"


def test_a_plug_in_is_called_and_its_faults_are_kept_from_the_ledger(tmp_path: Path) -> None:
    carried = gateways(tmp_path, sms="tests.doubles:RefusingGateway")
    with pytest.raises(Undelivered) as refused:
        carried.send(TEXT)
    assert str(refused.value) == "RuntimeError"


def test_where_there_is_none_nothing_is_offered(tmp_path: Path) -> None:
    carried = gateways(tmp_path, sms="none")
    assert (carried.offers("sms"), carried.offers("mail")) == (False, True)
    with pytest.raises(Undelivered):
        carried.send(TEXT)


@pytest.mark.parametrize(
    "set_to",
    [
        {"sms": "smtp"},
        {"sms": "http"},
        {"mail": "http"},
        {"mail": "smtp"},
        {"sms": "khong.co:gi"},
        {"sms": "tests.doubles:KhongCo"},
        {"sms": "http", "sms_url": GATEWAY, "sms_token_file": "khong-co"},
    ],
    ids=str,
)
def test_a_gateway_that_cannot_be_refuses_to_start(tmp_path: Path, set_to: dict[str, str]) -> None:
    with pytest.raises(WrongSetting, match="messages"):
        gateways(tmp_path, **set_to)
