"""Requests about one's own data in a person's words: what may be asked, how it goes, and what the contacts are told."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from flask_babel import format_date, gettext

from idp.domain.notices import Notice
from idp.domain.rights import DONE_WITHIN, EXTENSION, RequestState, RightKind, RightsRequest
from idp.web import given
from idp.web.texts import N_


@dataclass(frozen=True, slots=True)
class Choice:
    """One kind as the form offers it: its name, how it goes, and how long it takes."""

    kind: str
    name: str
    how: str
    days: str


# What each kind is called, and how it goes.
KINDS: Final = {
    RightKind.ACCESS: (
        N_("See my data"),
        N_("You see most of it at once under My identity. We tell you what else is kept, why, and who received it."),
    ),
    RightKind.COPY: (
        N_("Receive a copy of my data"),
        N_("You can take a file at once under Devices and history. A copy on paper is fetched with your ID card."),
    ),
    RightKind.CORRECT: (
        N_("Have my data corrected"),
        N_("Say what is wrong and what is right. An officer compares it with your ID card, at a Centre."),
    ),
    RightKind.ERASE: (
        N_("Have my data erased"),
        N_("An officer makes sure that it is you. What no law asks to keep is erased, and your account ends for good."),
    ),
    RightKind.WITHDRAW: (
        N_("Withdraw my agreement"),
        N_("You end what you agreed to with a service at once under My identity. Ask here where that is not enough."),
    ),
    RightKind.RESTRICT: (
        N_("Have the use of my data restricted"),
        N_("Say which use is to stop, and until when. Your data are kept, and not used for it."),
    ),
    RightKind.OBJECT: (
        N_("Object to a use of my data"),
        N_("Say which use, and why. What a law orders goes on, and you are told which law it is."),
    ),
}
_STATES: Final = {
    RequestState.RECEIVED: N_("Received"),
    RequestState.ANSWERED: N_("Answered, being done"),
    RequestState.EXTENDED: N_("Needs more time"),
    RequestState.DONE: N_("Done"),
    RequestState.REFUSED: N_("Refused"),
    RequestState.WITHDRAWN: N_("You took it back"),
}
_NOTICES: Final = {
    RequestState.RECEIVED: N_(
        "Your request about your personal data was received on %(asked)s. We answer by %(answer_by)s, and it is done "
        "by %(done_by)s. If you did not ask for it, call %(hotline)s."
    ),
    RequestState.ANSWERED: N_(
        "Your request of %(asked)s about your personal data was answered. It is done by %(done_by)s. Sign in to read "
        "the answer, or call %(hotline)s."
    ),
    RequestState.EXTENDED: N_(
        "Your request of %(asked)s about your personal data needs more time. It is done by %(done_by)s. Sign in to "
        "read why, or call %(hotline)s."
    ),
    RequestState.DONE: N_(
        "What you asked for on %(asked)s about your personal data is done. Sign in to read what was done, or call "
        "%(hotline)s."
    ),
    RequestState.REFUSED: N_(
        "Your request of %(asked)s about your personal data was refused. Sign in to read why and by which law, or call "
        "%(hotline)s."
    ),
    RequestState.WITHDRAWN: N_(
        "Your request of %(asked)s about your personal data was taken back. If that was not you, call %(hotline)s."
    ),
}


def choices() -> list[Choice]:
    return [Choice(kind.value, kind_name(kind), gettext(how), _days(kind)) for kind, (_, how) in KINDS.items()]


def kind_name(kind: RightKind) -> str:
    return str(gettext(KINDS[kind][0]))


def state_name(state: RequestState) -> str:
    return str(gettext(_STATES[state]))


def procedure() -> list[str]:
    """How every request goes, step by step; the law has it published."""
    return [
        gettext("You ask here, by phone, or at a Centre. Every phone and mailbox of your account is told."),
        gettext(
            "Within 2 working days an officer answers: what happens next, and what you have to bring, if anything."
        ),
        gettext(
            "It is done within the days that stand beside your choice. Once, and with a reason that you read, it may "
            "take %(days)s days longer.",
            days=EXTENSION.days,
        ),
        gettext("If it is refused, you read why, and by which law. You may complain to the authority named below."),
    ]


def notice(request: RightsRequest) -> Notice:
    """What the contacts are told of a request as it stands now: that there is one, not what it is about."""
    text = gettext(
        _NOTICES[request.state],
        asked=day(given.runtime().day_of(request.received.at)),
        answer_by=day(request.due.answer_by),
        done_by=day(request.due.done_by),
        hotline=given.runtime().settings.province.hotline,
    )
    return Notice(str(gettext("Your request about your data")), str(text))


def day(value: date) -> str:
    return str(format_date(value, "dd/MM/yyyy"))


def _days(kind: RightKind) -> str:
    alone, with_others = DONE_WITHIN[kind]
    if alone == with_others:
        return str(gettext("Done within %(days)s days.", days=alone))
    return str(gettext("Done within %(days)s days; %(more)s where others must act too.", days=alone, more=with_others))
