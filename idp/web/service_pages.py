"""The form of a service and what is shown once it is entered: the same for an officer and for an invited vendor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import request

from idp import flows, storage
from idp.domain import service_forms
from idp.domain.agencies import Agency
from idp.domain.claims import SCOPES_SUPPORTED
from idp.flows.registration import NewAccount
from idp.flows.service_care import Connected
from idp.runtime import chance
from idp.web import given
from idp.web.service_texts import exception_texts, labels

# The beginnings of made-up numbers: nobody's prefix, a woman and a man born in 1990.
_BEGINNINGS: Final = (("098190", "Nguyễn Thị Thử"), ("098090", "Trần Văn Thử"))
EMPTY: Final = dict.fromkeys(service_forms.FIELDS, "") | {
    "scope": "openid profile",
    "minimum_account_level": "0",
    "minimum_auth_level": "1",
}


@dataclass(frozen=True, slots=True)
class TestPeople:
    """People who are made up, as they are shown this once: their numbers, and the one password."""

    numbers: tuple[str, ...]
    password: str
    password_hash: str

    __test__ = False


def typed() -> dict[str, str]:
    """What was filled in; of the choices of what it asks for, all that were made, `openid` always."""
    given_ = {name: request.form.get(name, "")[: service_forms.LONGEST_TYPED] for name in service_forms.FIELDS}
    chosen = request.form.getlist("scope")
    given_["scope"] = " ".join(["openid", *(each for each in SCOPES_SUPPORTED[1:] if each in chosen)])
    return given_


def form_values(shown: Mapping[str, str]) -> dict[str, Any]:
    """What the template of the form needs."""
    chosen = shown["scope"].split()
    return {
        "typed": shown,
        "labels": labels(),
        "scopes": [(scope, scope in chosen) for scope in SCOPES_SUPPORTED[1:] if scope != "dvcqg"],
        "security_levels": [(str(level), str(level)) for level in range(1, 6)],
        "account_levels": [(str(level), str(level)) for level in range(3)],
        "auth_levels": [(str(level), str(level)) for level in range(1, 5)],
        "exceptions": exception_texts(),
    }


def make_up_people() -> TestPeople:
    """Numbers and a password, hashed outside any transaction; raises Refusal('busy')."""
    numbers = tuple(beginning + chance.new_digits(6) for beginning, _ in _BEGINNINGS)
    password = chance.new_secret()[:20]
    return TestPeople(numbers, password, flows.registration.hash_new_password(given.runtime(), password, *numbers))


def keep_people(tx: storage.Tx, people: TestPeople, sandbox_id: Any, actor: str) -> None:
    """Make their accounts, which nobody has proved anything of, and note them at the sandbox."""
    runtime = given.runtime()
    for number, (_, name) in zip(people.numbers, _BEGINNINGS, strict=True):
        new = NewAccount(number, {"name": name, "birthdate": "1990-01-02"}, people.password_hash)
        flows.registration.create_account(tx, runtime, new, actor=actor)
    flows.service_care.note_test_people(tx, runtime, sandbox_id, people.numbers, actor=actor)


def connect(tx: storage.Tx, agency: Agency, filled_in: Mapping[str, str], people: TestPeople, actor: str) -> Connected:
    """Enter a service with its sandbox and its test people; raises Refusal with the field that is wrong."""
    runtime = given.runtime()
    made = flows.service_care.connect(tx, runtime, agency, filled_in, actor=actor)
    keep_people(tx, people, made.sandbox.id, actor)
    flows.key_care.ensure_for(tx, runtime, made.sandbox)
    return made
