"""What happens next to an authorization request: one decision, taken anew after every page.

OIDC Core 3.1.2.1 (prompt, max_age, id_token_hint), 3.1.2.3, 3.1.2.6 (errors); RFC 8252 8.6; Initiating User
Registration via OpenID Connect 1.0. Steps never call each other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from idp.domain.consent import Consent, Need, is_settled
from idp.domain.levels import REACHABLE, AccountLevel
from idp.domain.sessions import Session

# A sign-in made for this very request may be older than max_age by the time a person needs to read the next page.
SLOW_PAGES: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the decision looks at. `session` is live or None; `asked_at` is when the request first came.

    `is_asked_each_time` where no earlier answer counts; `answered_here` when the person read this request's own page.
    `step_declined` when the person would not, or could not, take the step that was asked for this request; `level_told`
    when the person has read that the State proved too little; `is_no_test_person` where a sandbox lets only those in.
    """

    prompts: frozenset[str]
    max_age: int | None
    asked_at: datetime
    session: Session | None
    hint_names_another: bool
    account_chosen: bool
    need: Need | None
    consent: Consent | None
    required_level: int = 1
    account_level: int = 0
    required_account_level: int = 0
    is_asked_each_time: bool = False
    answered_here: bool = False
    wished_level: int = 1
    has_second_factor: bool = False
    step_declined: bool = False
    level_told: bool = False
    is_no_test_person: bool = False


@dataclass(frozen=True, slots=True)
class SignIn:
    """Show the sign-in page."""


@dataclass(frozen=True, slots=True)
class ChooseAccount:
    pass


@dataclass(frozen=True, slots=True)
class StepUp:
    """Show the page of the second step: the sign-in is good, and not strong enough."""


@dataclass(frozen=True, slots=True)
class ExplainLevel:
    """Say that the State has proved too little of the person for this service, and how more is to be had."""


@dataclass(frozen=True, slots=True)
class AskConsent:
    need: Need


@dataclass(frozen=True, slots=True)
class Issue:
    pass


@dataclass(frozen=True, slots=True)
class Refuse:
    error: str
    description: str


Step = SignIn | ChooseAccount | StepUp | ExplainLevel | AskConsent | Issue | Refuse


def decide(facts: Facts, now: datetime) -> Step:
    """The next step; with prompt=none every page becomes its error."""
    step = _next_page(facts, now)
    if "none" not in facts.prompts or isinstance(step, Issue | Refuse):
        return step
    match step:
        case SignIn():
            return Refuse("login_required", "nobody is signed in, and prompt=none forbids asking (OIDC Core 3.1.2.6)")
        case StepUp():
            return Refuse(
                "interaction_required", "a second factor is needed, and nobody may be asked (OIDC Core 3.1.2.6)"
            )
        case ExplainLevel():
            return _below_the_level()
        case ChooseAccount():
            return Refuse("account_selection_required", "the account must be chosen (OIDC Core 3.1.2.6)")
        case _ if facts.is_asked_each_time:
            return Refuse("interaction_required", "a program on the person's machine needs a page (RFC 8252 8.6)")
        case _:
            return Refuse("consent_required", "the release is not settled yet (OIDC Core 3.1.2.6)")


def _next_page(facts: Facts, now: datetime) -> Step:
    session = facts.session
    if session is None:
        return SignIn()
    signed_in_for_this = session.auth_time >= facts.asked_at
    if facts.prompts & {"login", "create"} and not signed_in_for_this:
        return SignIn()  # a new account is got on the way there
    if _is_too_old(session, facts.max_age, now) and not (signed_in_for_this and now - session.auth_time <= SLOW_PAGES):
        return SignIn()
    if facts.hint_names_another:
        # Nobody but the person of id_token_hint, or of `sub` in `claims`, may come out of this request.
        if signed_in_for_this:
            return Refuse("login_required", "another person than the one asked for signed in (OIDC Core 3.1.2.2)")
        return SignIn()
    if "select_account" in facts.prompts and not (facts.account_chosen or signed_in_for_this):
        return ChooseAccount()
    kept_out = _kept_out(facts)
    if kept_out is not None:
        return kept_out
    step = _step_up(facts, session)
    if step is not None:
        return step
    if facts.need is not None and not _is_settled(facts, facts.need):
        return AskConsent(facts.need)
    return Issue()


def _kept_out(facts: Facts) -> ExplainLevel | Refuse | None:
    """Whom no step would bring in, so that none is taken for nothing."""
    if facts.is_no_test_person:
        return Refuse("access_denied", "only test people sign in at a sandbox (RFC 6749 4.1.2.1)")
    if facts.account_level < facts.required_account_level:
        # A level that nobody has is not the person's to get.
        is_told = facts.level_told or facts.required_account_level > max(AccountLevel)
        return _below_the_level() if is_told else ExplainLevel()
    return None


def _below_the_level() -> Refuse:
    # No other way of signing in would raise what the State proved of the person, so it is not the authentication whose
    # requirements are unmet: the province denies the request.
    return Refuse(
        "access_denied",
        "the account level is below the minimum_account_level of the service, or what it asked (RFC 6749 4.1.2.1)",
    )


def _step_up(facts: Facts, session: Session) -> Step | None:
    """What the authentication level asks for; None when it is reached, or merely wished for and out of reach."""
    if session.auth_level < facts.required_level:
        if facts.required_level <= REACHABLE and not facts.step_declined:
            return StepUp()
        # No stronger sign-in is offered, or none was taken: asking again would be a dead end.
        return Refuse(
            "unmet_authentication_requirements",
            "the authentication level that is required cannot be reached (OIDC Unmet Authentication Requirements 1.0)",
        )
    if session.auth_level < min(facts.wished_level, REACHABLE) and _may_be_asked_for_more(facts):
        return StepUp()
    return None


def _may_be_asked_for_more(facts: Facts) -> bool:
    """A level that is merely wished for is asked of who can reach it, once, and never in the way of an answer."""
    return facts.has_second_factor and not facts.step_declined and "none" not in facts.prompts


def _is_settled(facts: Facts, need: Need) -> bool:
    """Whether the person has answered: once for all, or on this request's own page where each must be looked at."""
    is_asked_again = facts.is_asked_each_time or "consent" in facts.prompts
    if facts.is_asked_each_time and not facts.answered_here:
        return False
    return is_settled(need, facts.consent, asked_again_at=facts.asked_at if is_asked_again else None)


def _is_too_old(session: Session, max_age: int | None, now: datetime) -> bool:
    return max_age is not None and now - session.auth_time > timedelta(seconds=max_age)
