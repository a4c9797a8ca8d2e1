"""Facts in a person's words: what a service receives, the very value, and why."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from urllib.parse import urlsplit

from flask_babel import format_date, gettext

from idp.domain.accounts import Profile
from idp.protocol.authorize import AuthorizationRequest
from idp.web import language

# Claims that a person sees as one thing, in the order of the page.
_TOGETHER: Final = (
    ("name", ("name", "family_name", "given_name", "middle_name")),
    ("personal_id_number", ("personal_id_number",)),
    ("birthdate", ("birthdate",)),
    ("gender", ("gender",)),
    ("phone_number", ("phone_number", "phone_number_verified")),
    ("email", ("email", "email_verified")),
    ("address", ("address",)),
    ("nickname", ("nickname", "preferred_username")),
    ("picture", ("profile", "picture", "website")),
    ("locale", ("locale", "zoneinfo")),
    ("updated_at", ("updated_at",)),
)


@dataclass(frozen=True, slots=True)
class ReleaseItem:
    what: str
    value: str
    why: str | None = None


def release_items(profile: Profile, names: Iterable[str]) -> list[ReleaseItem]:
    """The rows of the consent page, none where no fact is asked for."""
    wanted = frozenset(names)
    rows = [(first, [name for name in group if name in wanted]) for first, group in _TOGETHER]
    return [ReleaseItem(label(first), _shown_together(profile, asked)) for first, asked in rows if asked]


def _shown_together(profile: Profile, asked: list[str]) -> str:
    """The values of one row. A full name says its parts; that a phone number was confirmed goes without saying."""
    if asked[0] == "name":
        return display(profile, "name")
    values = [display(profile, name) for name in asked if not name.endswith("_verified")]
    return ", ".join(filter(None, values or [display(profile, asked[0])]))


@dataclass(frozen=True, slots=True)
class Interface:
    """The system that a service would ask in the person's name: what it is called, and the host it answers at."""

    name: str
    domain: str


def interface_of(asked: AuthorizationRequest) -> Interface | None:
    """Whose data the access token is for, by its guard's registration; None where it is for facts kept here."""
    if asked.guard is None or asked.resource is None:
        return None
    return Interface(asked.guard.name(language.current()), urlsplit(asked.resource).netloc)


def not_sent(names: Iterable[str], *, is_asking_elsewhere: bool = False) -> list[str]:
    """What people fear most to give away, where it is not given; in the words of a sentence.

    What a service learns at another interface is not known here, so then nothing is promised but the password.
    """
    wanted = frozenset(names)
    feared = () if is_asking_elsewhere else ("personal_id_number", "phone_number", "address")
    told = [gettext("Your password"), *(label(name) for name in feared if name not in wanted)]
    return [text[:1].lower() + text[1:] for text in told]


def label(name: str) -> str:
    """A fact's name in the page's language."""
    texts = {
        "name": gettext("Full name"),
        "personal_id_number": gettext("Personal identification number"),
        "birthdate": gettext("Date of birth"),
        "gender": gettext("Sex"),
        "phone_number": gettext("Phone number"),
        "email": gettext("E-mail address"),
        "address": gettext("Address"),
        "nickname": gettext("Name to be shown"),
        "picture": gettext("Picture and web page"),
        "locale": gettext("Language and time zone"),
        "updated_at": gettext("Date of the last change"),
    }
    first = next((first for first, group in _TOGETHER if name in group), name)
    return str(texts.get(first, name))


def display(profile: Profile, name: str) -> str:
    """A fact's value as a person reads it, '' where there is none."""
    value = profile.claims.get(name, "")
    if isinstance(value, bool):
        return str(gettext("confirmed") if value else gettext("not confirmed"))
    if isinstance(value, dict):
        return ", ".join(str(value.get("formatted", "")).splitlines())
    shown = _SHOWN.get(name)
    return shown(str(value)) if shown and value else str(value)


def written(contact: str) -> str:
    """A phone number or an e-mail address as people write it."""
    return contact if "@" in contact else _phone(contact)


def _phone(text: str) -> str:
    """A Vietnamese number as people write it; others as they are."""
    national = f"0{text[3:]}" if text.startswith("+84") else text
    return f"{national[:4]} {national[4:7]} {national[7:]}" if len(national) == 10 else national


def shown_date(text: str) -> str:
    """A whole date as it is written here; a year alone as it is."""
    try:
        return date.fromisoformat(text).strftime("%d/%m/%Y")
    except ValueError:
        return text


def _day(seconds: str) -> str:
    return str(format_date(datetime.fromtimestamp(int(seconds), UTC), "dd/MM/yyyy"))


def _sex(text: str) -> str:
    return str({"male": gettext("Male"), "female": gettext("Female")}.get(text, text))


def _language(tag: str) -> str:
    return str({"vi": gettext("Vietnamese"), "en": gettext("English")}.get(tag.partition("-")[0].lower(), tag))


_SHOWN: Final[Mapping[str, Callable[[str], str]]] = {
    "gender": _sex,
    "phone_number": _phone,
    "birthdate": shown_date,
    "locale": _language,
    "updated_at": _day,
}
