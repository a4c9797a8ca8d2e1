"""Mail and text messages: one message to one person, by whichever gateway the settings name.

A gateway is a plug-in: anything with `send`. Mail goes by SMTP (RFC 5321) under TLS, as plain text (RFC 5322).
"""

import smtplib
import ssl
import sys
from dataclasses import asdict, dataclass, field
from email.message import EmailMessage
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Final, Protocol

import orjson

from idp.runtime.outbound import Outbound, OutboundFailure
from idp.runtime.settings import Messages as Settings
from idp.runtime.settings import WrongSetting

SMS: Final = "sms"
MAIL: Final = "mail"
NONE: Final = "none"
_TLS_FROM_THE_FIRST_BYTE: Final = 465
_PATIENCE: Final = 10


class Undelivered(Exception):
    """The gateway did not take a message; says why without anything personal."""


@dataclass(frozen=True, slots=True)
class Message:
    """`to` is an E.164 number or an e-mail address; a text message has no subject."""

    channel: str
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)


class Gateway(Protocol):
    def send(self, message: Message) -> None:
        """Hand a message over; raises Undelivered."""


class Messages:
    """The gateways of the settings, by channel."""

    def __init__(self, settings: Settings, outbound: Outbound, root: Path) -> None:
        self._gateways: dict[str, Gateway] = {}
        for channel, name in ((SMS, settings.sms), (MAIL, settings.mail)):
            if name != NONE:
                self._gateways[channel] = _gateway(channel, name, settings, outbound, root)

    def offers(self, channel: str) -> bool:
        return channel in self._gateways

    def send(self, message: Message) -> None:
        """Hand a message over; raises Undelivered."""
        gateway = self._gateways.get(message.channel)
        if gateway is None:
            raise Undelivered("there is no gateway")
        try:
            gateway.send(message)
        except Undelivered:
            raise
        except Exception as error:  # a plug-in's own; its text may name the person
            raise Undelivered(type(error).__name__) from None


class _Console:
    def send(self, message: Message) -> None:
        head = f"{message.channel} to {message.to}: {message.subject}".rstrip(": ")
        sys.stderr.write(f"{head}\n{message.text}\n\n")
        sys.stderr.flush()


class _File:
    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, Lock()

    def send(self, message: Message) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock, (self._folder / f"{message.channel}.jsonl").open("ab") as file:
            file.write(orjson.dumps(asdict(message)) + b"\n")


class _Http:
    def __init__(self, url: str, token: str, outbound: Outbound) -> None:
        self._url, self._token, self._outbound = url, token, outbound

    def send(self, message: Message) -> None:
        try:
            form = {"to": message.to, "text": message.text, "token": self._token}
            status = self._outbound.post(self._url, form).status
        except OutboundFailure as failure:
            raise Undelivered(str(failure)) from None
        if not 200 <= status < 300:
            raise Undelivered(f"answered {status}")


class _Smtp:
    def __init__(self, settings: Settings, password: str) -> None:
        self._settings, self._password = settings, password

    def send(self, message: Message) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._settings.mail_from, message.to, message.subject
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834 5: no robot answers it
        mail.set_content(message.text)
        try:
            with self._connect() as server:
                if self._settings.smtp_user:
                    server.login(self._settings.smtp_user, self._password)
                server.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            raise Undelivered(type(error).__name__) from None

    def _connect(self) -> smtplib.SMTP:
        host, port, trusted = self._settings.smtp_host, self._settings.smtp_port, ssl.create_default_context()
        if port == _TLS_FROM_THE_FIRST_BYTE:
            return smtplib.SMTP_SSL(host, port, timeout=_PATIENCE, context=trusted)
        server = smtplib.SMTP(host, port, timeout=_PATIENCE)
        server.starttls(context=trusted)
        return server


def _gateway(channel: str, name: str, settings: Settings, outbound: Outbound, root: Path) -> Gateway:
    match channel, name:
        case _, "console":
            return _Console()
        case _, "file":
            return _File(root / settings.folder)
        case "sms", "http" if settings.sms_url:
            return _Http(settings.sms_url, _read(root, settings.sms_token_file, "sms_token_file"), outbound)
        case "mail", "smtp" if settings.smtp_host:
            return _Smtp(settings, _read(root, settings.smtp_password_file, "smtp_password_file"))
        case _, _ if ":" in name:
            return _plug_in(channel, name, settings)
    raise WrongSetting(f"The setting messages.{channel} names no gateway, or one whose address is missing.")


def _plug_in(channel: str, name: str, settings: Settings) -> Gateway:
    module, _, factory = name.partition(":")
    try:
        made: Gateway = getattr(import_module(module), factory)(settings)
    except (ImportError, AttributeError, ValueError):
        raise WrongSetting(f"The setting messages.{channel} names a plug-in that is not there.") from None
    return made


def _read(root: Path, file: str, name: str) -> str:
    if not file:
        return ""
    try:
        return (root / file).read_text("utf-8").strip()
    except (OSError, ValueError):
        raise WrongSetting(f"The file of the setting messages.{name} cannot be read.") from None
