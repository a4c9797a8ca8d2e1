"""The authorization endpoint: the spine that every page comes back to.

Read it from top to bottom: what was asked (protocol/authorize.py), who is signed in, what was agreed, what happens next
(domain/next_step.py). Steps never call each other; each answer is one redirect.
"""

from dataclasses import replace
from datetime import datetime

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from idp import protocol, storage
from idp.domain import claims, next_step
from idp.domain import consent as consent_rules
from idp.domain.claims import Release
from idp.domain.consent import Consent
from idp.domain.identifiers import TEST_PREFIXES
from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.protocol.answers import Answer, Pairs
from idp.protocol.authorize import AuthorizationRequest, RefusedAtService
from idp.protocol.response_modes import Sent
from idp.runtime import chance
from idp.storage.sessions import SignedIn
from idp.web import cookies, forms, given, language, step_up
from idp.web.errors import send
from idp.web.forms import Parked
from idp.web.pages import ends_of, page

blueprint = Blueprint("authorize", __name__)
DOOR = "authorize.authorize"


@blueprint.route("/oauth2/authorize", methods=["GET", "POST"])
def authorize() -> ResponseReturnValue:
    if request.method == "POST":
        return forms.park_post(DOOR)
    parked, server = forms.taken_up(DOOR), given.server()
    language.wish(parked.language_wanted)
    try:
        parked = replace(parked, pairs=protocol.request_object.unpack(server, parked.pairs))
        language.wish(parked.language_wanted)
        asked = protocol.authorize.read(server, parked.pairs)
    except RefusedAtService as refused:
        # Nobody is looked up for what is wrong by its form: the browser stays as it is known to be.
        return _refuse(refused, cookies.read(cookies.BROWSER_STATE))
    try:
        return _next(asked, parked)
    except RefusedAtService as refused:
        return refuse(refused)


def at_once(pairs: Pairs, session_secret: str, browser_state: str) -> Answer | None:
    """The answer to a new request that needs no page, no refusal, no row, no cookie; None for every other."""
    server, now = given.server(), given.runtime().clock.now()
    if any(name in protocol.request_object.PARAMETERS for name, _ in pairs):
        return None
    try:
        asked = protocol.authorize.read(server, pairs)
        signed_in = given.find_signed_in(session_secret)
        facts, release = look(asked, Parked(DOOR, pairs, now), signed_in)
    except (Refusal, RefusedAtService, storage.Unavailable):
        return None
    is_settled = isinstance(next_step.decide(facts, now), next_step.Issue)
    if signed_in is None or facts.consent is None or not is_settled or not asked.is_plain_code:
        return None
    if browser_state != _state_of(signed_in):
        return None
    code = protocol.authorization_code.make_code(server, asked, signed_in, release, consent=facts.consent, now=now)
    text = protocol.authorization_code.seal_code(server, code)
    return _redirect(protocol.authorize_answer.success(server, asked, {"code": text}, browser_state)) if text else None


def _next(asked: AuthorizationRequest, parked: Parked) -> ResponseReturnValue:
    now = given.runtime().clock.now()
    signed_in = given.signed_in()
    facts, release = look(asked, parked, signed_in)
    match next_step.decide(facts, now):
        case next_step.SignIn():
            return forms.go("sign_in.sign_in", parked)
        case next_step.ChooseAccount():
            return forms.go("choose_account.choose_account", parked)
        case next_step.StepUp() if signed_in is not None:
            return step_up.start(parked, signed_in.subject.id, session=signed_in.session.id.hex)
        case next_step.ExplainLevel():
            return forms.go("account_level.account_level", parked)
        case next_step.AskConsent():
            return forms.go("consent.consent", parked)
        case next_step.Refuse(error, description):
            raise RefusedAtService(asked.back, error, description)
        case next_step.Issue() if signed_in is not None and facts.consent is not None:
            return _issue(asked, signed_in, release, facts.consent, now)
    raise LookupError("nothing is issued without a person and a basis")


def look(asked: AuthorizationRequest, parked: Parked, signed_in: SignedIn | None) -> tuple[next_step.Facts, Release]:
    """Everything the decision looks at, and what would be released: one read more when somebody is signed in."""
    service = asked.service
    need, consent, hint_names_another = None, None, False
    release = Release(frozenset(), frozenset())
    if signed_in is not None:
        release = claims.plan_release(
            service, asked.scopes, asked.claims, signed_in.profile, has_userinfo=asked.wanted != {"id_token"}
        )
        need = consent_rules.need_of(service, release.names, offline=asked.offline, resource=asked.resource)
        with storage.once() as tx:
            consent = storage.consents.find_latest(tx, signed_in.subject.id, service.id, need.kind)
        wanted = asked.subs_wanted
        hint_names_another = wanted is not None and sub_at(service, signed_in) not in wanted
    facts = next_step.Facts(
        prompts=asked.prompts,
        max_age=asked.max_age,
        asked_at=parked.at,
        session=signed_in.session if signed_in else None,
        hint_names_another=hint_names_another,
        account_chosen=signed_in is not None and parked.chosen == signed_in.session.id.hex,
        need=need,
        consent=consent,
        required_level=asked.required_level,
        account_level=signed_in.subject.account_level if signed_in else 0,
        # The State proves nothing of who is made up.
        required_account_level=0 if service.is_sandbox else asked.required_account_level,
        is_asked_each_time=service.cannot_be_told_apart_at(asked.redirect_uri),
        answered_here=signed_in is not None and bool(parked.shown) and parked.session == signed_in.session.id.hex,
        wished_level=asked.wished_level,
        has_second_factor=signed_in is not None and _has_second_factor(asked, signed_in),
        step_declined=parked.went_without == forms.SECOND_STEP,
        level_told=parked.went_without == forms.LEVEL,
        is_no_test_person=service.is_sandbox and signed_in is not None and not _is_test_person(signed_in),
    )
    return facts, release


def _is_test_person(signed_in: SignedIn) -> bool:
    number = signed_in.profile.claims.get("personal_id_number")
    return isinstance(number, str) and number.startswith(TEST_PREFIXES)


def _has_second_factor(asked: AuthorizationRequest, signed_in: SignedIn) -> bool:
    """Looked at only where a stronger sign-in is wished for."""
    if signed_in.session.auth_level >= asked.wished_level:
        return False
    with storage.once() as tx:
        return storage.factors.count_ways(tx, signed_in.subject.id, given.runtime().clock.now()) > 0


def sub_at(service: RelyingService, signed_in: SignedIn) -> str:
    """The person's identifier at a service, from the override table where that names one."""
    with storage.once() as tx:
        override = storage.grants.find_sub_override(tx, service.sector, signed_in.subject.id)
    return given.server().sub_of(service, signed_in.subject.id, override)


def _issue(
    asked: AuthorizationRequest, signed_in: SignedIn, release: Release, consent: Consent, now: datetime
) -> ResponseReturnValue:
    server = given.server()
    code = protocol.authorization_code.make_code(server, asked, signed_in, release, consent=consent, now=now)
    text = None
    if "code" in asked.wanted:
        text = protocol.authorization_code.seal_code(server, code)
        if text is None:
            with storage.begin() as tx:
                text = protocol.authorization_code.keep_large_code(tx, server, code)
    said: dict[str, str | None] = {"code": text}
    if not asked.is_plain_code:
        server.recall()
        with storage.once(writes=True) as tx:
            said = protocol.front_channel.hand_out(tx, server, asked, code, text)
    browser_state = _state_of(signed_in)
    return _send_back(protocol.authorize_answer.success(server, asked, said, browser_state), browser_state)


def refuse(refused: RefusedAtService) -> ResponseReturnValue:
    """The browser takes a refusal to the service."""
    return _refuse(refused, _state_of(given.signed_in()))


def _refuse(refused: RefusedAtService, browser_state: str) -> ResponseReturnValue:
    return _send_back(protocol.authorize_answer.refusal(given.server(), refused, browser_state), browser_state)


def _state_of(signed_in: SignedIn | None) -> str:
    """What the frame of Session Management knows the browser by."""
    session_id = signed_in.session.id if signed_in is not None else None
    return protocol.session_management.browser_state(given.runtime().keyring, session_id)


def _send_back(sent: Sent, browser_state: str) -> ResponseReturnValue:
    """The browser takes the answer to the service: by redirect, or by a form that posts itself."""
    redirect_answer = _redirect(sent)
    if redirect_answer is not None:
        response = send(redirect_answer)
    else:
        response = page(
            "sign_in/form_post.html",
            form_action=ends_of(sent.redirect_uri),
            nonce=chance.new_secret(),
            action=sent.redirect_uri,
            fields=sent.parameters,
        )
    cookies.show_state(response, browser_state)
    return response


def _redirect(sent: Sent) -> Answer | None:
    return None if sent.location is None else Answer(303, b"", {"Location": sent.location})
