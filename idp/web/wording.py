"""What leaves the house in words: the messages that carry a code, and what pages say when one did not come or fit.

No message has a link, so that nobody learns to follow one.
"""

from flask import url_for
from flask_babel import format_date, format_datetime, gettext

from idp import storage
from idp.domain import passwords
from idp.domain.identifiers import ContactKind
from idp.domain.merging import UNDO_FOR
from idp.domain.notices import Notice
from idp.domain.one_time_codes import NotSent
from idp.domain.relying_services import RelyingService
from idp.domain.service_secrets import SecretTerm
from idp.flows.one_time_codes import CHANNELS, Wording
from idp.web import given, language


def code_message() -> Wording:
    """The message that carries a code; {code} stands where the code belongs."""
    settings = given.runtime().settings
    site = f"{getattr(settings.province, f'service_name_{language.current()}')} {settings.province.name_vi}"
    minutes = settings.codes.good_for // 60
    return Wording(
        gettext("Your code: %(code)s", code="{code}"),
        gettext(
            "%(code)s is your code for %(site)s. It is good for %(minutes)s minutes. We never call you to ask for it.",
            code="{code}",
            site=site,
            minutes=minutes,
        ),
    )


def new_device() -> Notice:
    """What contacts are told of a sign-in in a browser that was not known."""
    runtime = given.runtime()
    address = f"{runtime.settings.issuer}{url_for('lock.not_me')}"
    when = format_datetime(runtime.clock.now(), "HH:mm dd/MM/yyyy")
    return Notice(
        gettext("Signed in on a new device"),
        gettext(
            "Your account was signed in on a new device at %(when)s. If this was not you, lock your account now, "
            "or call %(hotline)s.",
            when=when,
            hotline=runtime.settings.province.hotline,
        ),
        in_mail=gettext("This was not me, lock the account: %(address)s", address=f"{address}?token={{token}}"),
    )


def asked_back() -> Notice:
    """What contacts are told when somebody asks for an account; {token} stands where that of the link belongs."""
    address = f"{given.runtime().settings.issuer}{url_for('recover.cancel')}?token={{token}}"
    return Notice(
        str(gettext("Somebody asks for your account back")),
        str(
            gettext(
                "Somebody who can read a phone or mailbox of your account asks to get it back. If this was not you, "
                "sign in and change your password, lock your account, or call us."
            )
        ),
        in_mail=f"{gettext('To say no, open this page:')} {address}",
    )


def opened_again() -> Notice:
    """What contacts are told when a lock has ended with its ground."""
    return Notice(
        gettext("Your account is open again"),
        gettext(
            "Your account was locked for a time, and that time is over: you can sign in again. "
            "If you fear that somebody else may, call %(hotline)s.",
            hotline=given.runtime().settings.province.hotline,
        ),
    )


def secret_ends(service: RelyingService, term: SecretTerm) -> Notice:
    """What the contacts of a service are told before one of its secrets ends."""
    day = format_date(term.expires_at, "dd/MM/yyyy")
    return Notice(
        gettext("A secret of %(name)s ends on %(day)s", name=service.name("vi"), day=day),
        gettext(
            "Secret %(mark)s of %(name)s (%(client)s) counts until %(day)s. Ask the service manager of your agency for "
            "a second one, put it in place, and have this one ended.",
            mark=term.mark,
            name=service.name("vi"),
            client=service.client_id,
            day=day,
        ),
    )


def locked_with_many() -> Notice:
    """What contacts are told when an account is locked together with many others, after a leak."""
    return Notice(
        gettext("Your account is locked"),
        gettext(
            "To protect you, the authority has locked your account together with others. Nobody can sign in with it. "
            "It opens again at any Public Administration Service Centre, with your ID card. Questions: %(hotline)s.",
            hotline=given.runtime().settings.province.hotline,
        ),
    )


def proof_recalled() -> Notice:
    """What contacts are told when the check of the person was taken back."""
    hotline = given.runtime().settings.province.hotline
    return Notice(
        gettext("The check of your identity was taken back"),
        gettext(
            "The check of who you are was taken back, and you were signed out everywhere. Your account stays yours. "
            "Come to a counter with your ID card to be checked again. Questions: call %(hotline)s.",
            hotline=hotline,
        ),
    )


def accounts_merged() -> Notice:
    """What the contacts of both accounts are told when two officers merged them."""
    return Notice(
        gettext("Two accounts of yours were merged"),
        gettext(
            "Two accounts were made one, because they are the same person’s. The one that was checked stays; with the "
            "other one nobody signs in any more. If they are not both yours, call %(hotline)s within %(days)s days.",
            hotline=given.runtime().settings.province.hotline,
            days=UNDO_FOR.days,
        ),
    )


def merge_undone() -> Notice:
    """What the contacts of both accounts are told when their merging was undone."""
    return Notice(
        gettext("Two accounts are two again"),
        gettext(
            "The merging of two accounts was undone: each is as it was before. Please sign in anew. "
            "Questions: call %(hotline)s.",
            hotline=given.runtime().settings.province.hotline,
        ),
    )


def is_held_up(kind: ContactKind) -> bool:
    """Whether messages of this kind do not get through just now."""
    with storage.once() as tx:
        return storage.outbox.count_held_up(tx, CHANNELS[kind], given.runtime().clock.now()) > 0


def not_sent(why: NotSent) -> str:
    """Why no code went out, and what to do instead."""
    if why is NotSent.TOO_MANY:
        return str(gettext("Too many codes were asked for. Please wait an hour, or use another way."))
    return str(gettext("A code cannot be sent there just now. Use another way, or come to a counter."))


def wrong_code() -> str:
    return str(gettext("That is not the code, or it is too old. Look at the newest message, or have a new code sent."))


def weak_password(password: str) -> str:
    """What is wrong with a new password that was refused, in the person's words."""
    if len(password) < passwords.SHORTEST:
        return str(gettext("The password needs at least %(count)s characters.", count=passwords.SHORTEST))
    if len(password) > passwords.LONGEST:
        return str(gettext("The password has at most %(count)s characters.", count=passwords.LONGEST))
    return str(gettext("This password is easy to guess. Put three or four words together that nobody would guess."))
