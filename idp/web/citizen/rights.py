"""What I asked about my own data, by when it is answered and done, and the form to ask; the procedure is published."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from idp import flows, storage
from idp.domain.refusals import Refusal
from idp.domain.rights import LONGEST, MOST, Act, RequestState, RightKind, RightsRequest
from idp.web import forms, given, rights_texts
from idp.web.forms import Parked
from idp.web.pages import FieldError, page, person_of
from idp.web.rights_texts import day

blueprint = Blueprint("rights", __name__)
DOOR: Final = "rights.rights"
SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Said:
    """What was said at one step; `what` names the step."""

    what: str
    words: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A request as the page lists it; `id` is empty where it cannot be taken back."""

    id: str
    what: str
    state: str
    when: str
    is_late: bool
    said: tuple[Said, ...]
    ground: str


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form."""

    kind: str = ""
    words: str = ""


@blueprint.get("/account/rights")
def rights() -> ResponseReturnValue:
    return forms.here(_park(), _page)


@blueprint.post("/account/rights")
def ask() -> ResponseReturnValue:
    parked = forms.own_page(DOOR, g.signed_in.session.id)
    if parked is None:
        return forms.here(_park(), _page)
    typed = Typed(request.form.get("kind", "")[:12], request.form.get("words", ""))
    try:
        kind = RightKind(typed.kind)
    except ValueError:
        return _page(parked, typed, FieldError("kind-access", str(gettext("Choose what you ask for."))), status=400)
    runtime, subject = given.runtime(), g.signed_in.subject
    try:
        with storage.begin() as tx:
            asked = flows.rights.ask(
                tx, runtime, subject.id, kind, typed.words, rights_texts.notice, actor="the person"
            )
    except Refusal as refusal:
        return _page(parked, typed, _error(refusal), status=429 if refusal.code == "too_many" else 400)
    done = gettext("We have your request. We answer by %(day)s.", day=day(asked.due.answer_by))
    return forms.here(_park(), lambda bound: _page(bound, done=str(done)))


@blueprint.post("/account/rights/withdraw")
def withdraw() -> ResponseReturnValue:
    """Take a request back; another person's is as if it was not there."""
    if forms.own_page(DOOR, g.signed_in.session.id) is None:
        return forms.here(_park(), _page)
    try:
        request_id = UUID(request.form.get("request", ""))
    except ValueError:
        raise Refusal("not_found", "no request has this id") from None
    try:
        with storage.begin() as tx:
            flows.rights.withdraw(
                tx, given.runtime(), g.signed_in.subject.id, request_id, rights_texts.notice, actor="the person"
            )
    except Refusal as refusal:
        if refusal.code != "wrong_state":
            raise
        return forms.here(_park(), _page)  # it ended meanwhile, as the page then shows
    done = str(gettext("You have taken it back."))
    return forms.here(_park(), lambda bound: _page(bound, done=done))


def _park() -> Parked:
    return forms.of_session(DOOR, g.signed_in.session.id)


def _error(refusal: Refusal) -> FieldError:
    if refusal.code == "too_many":
        text = gettext(
            "You have %(count)s requests that are open or of today. Wait for an answer, or call the help desk.",
            count=MOST,
        )
        return FieldError("", str(text))
    return FieldError("words", str(gettext("Please say it in at most %(count)s characters.", count=LONGEST)))


def _page(
    parked: Parked, typed: Typed | None = None, error: FieldError | None = None, *, done: str = "", status: int = 200
) -> ResponseReturnValue:
    runtime, subject = given.runtime(), g.signed_in.subject
    with storage.once() as tx:
        key = storage.data_keys.find_data_key(tx, runtime.keyring, subject.id)
        found = storage.rights.list_of_person(tx, key, subject.id, limit=SHOWN) if key else []
    return page(
        "account/rights.html",
        status=status,
        person=person_of(g.signed_in.profile),
        parked=forms.seal(parked),
        requests=[_shown(each) for each in found],
        choices=rights_texts.choices(),
        procedure=rights_texts.procedure(),
        typed=typed or Typed(),
        longest=LONGEST,
        errors=[error] if error else [],
        done=done,
    )


def _shown(asked: RightsRequest) -> Shown:
    said = (
        (gettext("What you said"), asked.received),
        (gettext("Our answer"), asked.answered),
        (gettext("Why it takes longer"), asked.extended),
        (gettext("Why it was refused") if asked.legal_ground else gettext("What was done"), asked.ended),
    )
    return Shown(
        id=asked.id.hex if asked.state.is_open else "",
        what=rights_texts.kind_name(asked.kind),
        state=rights_texts.state_name(asked.state),
        when=_when(asked),
        is_late=asked.is_overdue(given.today()),
        said=tuple(Said(str(what), act.words) for what, act in said if act and act.words),
        ground=asked.legal_ground,
    )


def _when(asked: RightsRequest) -> str:
    """When it was asked, and by when it is answered and done, or when it ended."""
    told = {"asked": _on(asked.received), "done_by": day(asked.due.done_by)}
    if asked.ended:
        return str(gettext("Asked on %(asked)s, ended on %(ended)s.", ended=_on(asked.ended), **told))
    if asked.state is RequestState.RECEIVED:
        answer_by = day(asked.due.answer_by)
        text = gettext(
            "Asked on %(asked)s. We answer by %(answer_by)s; done by %(done_by)s.", answer_by=answer_by, **told
        )
        return str(text)
    return str(gettext("Asked on %(asked)s. Done by %(done_by)s.", **told))


def _on(act: Act) -> str:
    return day(given.runtime().day_of(act.at))
