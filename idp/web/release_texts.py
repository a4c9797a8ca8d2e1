"""Facts in a person's words: what a service receives, the very value, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from flask_babel import gettext

from idp.domain.accounts import Profile

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
    ("locale", ("zoneinfo", "locale", "updated_at")),
)


@dataclass(frozen=True, slots=True)
class ReleaseItem:
    what: str
    value: str
    why: str | None = None


def release_items(profile: Profile, names: Iterable[str]) -> list[ReleaseItem]:
    """The rows of the consent page, none where no fact is asked for."""
    wanted = frozenset(names)
    items = []
    for first, group in _TOGETHER:
        asked = [name for name in group if name in wanted]
        if asked:
            shown = first if first in wanted else asked[0]
            items.append(ReleaseItem(label(first), display(profile, shown)))
    return items


def not_sent(names: Iterable[str]) -> list[str]:
    """What people fear most to give away, where it is not given."""
    wanted = frozenset(names)
    feared = [name for name in ("personal_id_number", "phone_number", "address") if name not in wanted]
    return [gettext("Your password"), *(label(name) for name in feared)]


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
    }
    first = next((first for first, group in _TOGETHER if name in group), name)
    return str(texts.get(first, name))


def display(profile: Profile, name: str) -> str:
    """A fact's value as a person reads it."""
    value = profile.claims.get(name, "")
    if name == "gender":
        return {"male": gettext("Male"), "female": gettext("Female")}.get(str(value)) or str(value)
    if name == "phone_number":
        return _phone(str(value))
    if name == "birthdate":
        return _date(str(value))
    if isinstance(value, dict):
        return str(value.get("formatted", ""))
    return str(value)


def _phone(text: str) -> str:
    """A Vietnamese number as people write it; others as they are."""
    national = f"0{text[3:]}" if text.startswith("+84") else text
    return f"{national[:4]} {national[4:7]} {national[7:]}" if len(national) == 10 else national


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).strftime("%d/%m/%Y")
    except ValueError:
        return text
