"""What happens next to an authorization request: OIDC Core 3.1.2.1, 3.1.2.3 and 3.1.2.6, state by state."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.consent import BasisKind, Consent, Need
from idp.domain.next_step import (
    SLOW_PAGES,
    AskConsent,
    ChooseAccount,
    ExplainLevel,
    Facts,
    Issue,
    Refuse,
    SignIn,
    Step,
    StepUp,
    decide,
)
from idp.domain.sessions import Session

ASKED_AT = datetime(2026, 12, 1, 1, 30, tzinfo=UTC)
NOW = ASKED_AT + timedelta(seconds=30)
PERSON, SERVICE = UUID(int=1), UUID(int=2)
NEED = Need(BasisKind.CONSENT, frozenset({"name"}), offline=False, legal_basis=None)


def a_session(auth_time: datetime) -> Session:
    return Session(
        id=UUID(int=3),
        subject_id=PERSON,
        auth_time=auth_time,
        amr=("pwd",),
        auth_level=1,
        created_at=auth_time,
        seen_at=auth_time,
        expires_at=auth_time + timedelta(hours=12),
        ended_at=None,
    )


def a_consent(given_at: datetime, need: Need = NEED) -> Consent:
    return Consent(
        id=UUID(int=4),
        subject_id=PERSON,
        service_id=SERVICE,
        kind=need.kind,
        names=need.names,
        offline=need.offline,
        legal_basis=need.legal_basis,
        given_at=given_at,
        withdrawn_at=None,
    )


OLD, FRESH = a_session(ASKED_AT - timedelta(minutes=10)), a_session(ASKED_AT + timedelta(seconds=5))
AGREED = a_consent(ASKED_AT - timedelta(days=3))
PLAIN = Facts(
    prompts=frozenset(),
    max_age=None,
    asked_at=ASKED_AT,
    session=OLD,
    hint_names_another=False,
    account_chosen=False,
    need=NEED,
    consent=AGREED,
)
STRANGER = replace(PLAIN, session=None, need=None, consent=None)


def asks(*prompts: str, **changes: object) -> Facts:
    return replace(PLAIN, prompts=frozenset(prompts), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        pytest.param(PLAIN, Issue(), id="signed in and agreed"),
        pytest.param(STRANGER, SignIn(), id="a stranger signs in"),
        pytest.param(replace(PLAIN, consent=None), AskConsent(NEED), id="not agreed yet"),
        pytest.param(replace(PLAIN, need=None, consent=None), Issue(), id="nothing to agree to"),
        pytest.param(asks("login"), SignIn(), id="prompt=login with an older session"),
        pytest.param(asks("login", session=FRESH), Issue(), id="prompt=login is satisfied by a sign-in since"),
        pytest.param(asks(max_age=60), SignIn(), id="max_age is over"),
        pytest.param(asks(max_age=3600), Issue(), id="max_age is not over"),
        pytest.param(asks(max_age=630), Issue(), id="max_age to the second"),
        pytest.param(asks(max_age=629), SignIn(), id="max_age and one second"),
        pytest.param(asks(max_age=0), SignIn(), id="max_age=0 is as prompt=login"),
        pytest.param(asks(max_age=0, session=FRESH), Issue(), id="max_age=0 is satisfied by a sign-in since"),
        pytest.param(asks("select_account"), ChooseAccount(), id="select_account"),
        pytest.param(asks("select_account", account_chosen=True), Issue(), id="chosen"),
        pytest.param(asks("select_account", session=FRESH), Issue(), id="signing in is choosing"),
        pytest.param(asks("consent"), AskConsent(NEED), id="prompt=consent asks again"),
        pytest.param(asks("consent", consent=a_consent(NOW)), Issue(), id="prompt=consent, agreed since"),
        pytest.param(asks("login", "consent"), SignIn(), id="sign-in comes before consent"),
        pytest.param(asks("login", "consent", session=FRESH), AskConsent(NEED), id="then consent"),
        pytest.param(asks("select_account", "consent"), ChooseAccount(), id="choice comes before consent"),
        pytest.param(asks(hint_names_another=True), SignIn(), id="the hint names another person"),
        pytest.param(asks(hint_names_another=True, need=None), SignIn(), id="the hint comes before consent"),
    ],
)
def test_oidc_core_3_1_2_3_the_next_page(facts: Facts, step: Step) -> None:
    assert decide(facts, NOW) == step


def test_oidc_core_3_1_2_2_nobody_but_the_person_of_the_hint_comes_out() -> None:
    step = decide(asks(hint_names_another=True, session=FRESH), NOW)
    assert isinstance(step, Refuse)
    assert step.error == "login_required"


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        (replace(STRANGER, prompts=frozenset({"none"})), "login_required"),
        (asks("none", max_age=60), "login_required"),
        (asks("none", max_age=0), "login_required"),
        (asks("none", hint_names_another=True), "login_required"),
        (asks("none", consent=None), "consent_required"),
    ],
)
def test_oidc_core_3_1_2_6_prompt_none_tells_what_is_missing(facts: Facts, error: str) -> None:
    step = decide(facts, NOW)
    assert isinstance(step, Refuse)
    assert step.error == error
    assert step.description.isascii()


def test_oidc_core_3_1_2_1_prompt_none_issues_where_no_page_is_needed() -> None:
    assert decide(asks("none"), NOW) == Issue()


def test_oidc_core_3_1_2_1_a_sign_in_for_this_request_satisfies_max_age_for_five_minutes() -> None:
    facts = asks(max_age=10, session=FRESH)
    assert decide(facts, FRESH.auth_time + timedelta(minutes=5)) == Issue()
    assert decide(facts, FRESH.auth_time + timedelta(minutes=5, seconds=1)) == SignIn()


@pytest.mark.parametrize("prompts", ["", "none"])
def test_unmet_authentication_requirements_2_a_level_that_cannot_be_reached_is_told(prompts: str) -> None:
    for level in (3, 99):
        step = decide(asks(*prompts.split(), required_level=level, consent=None), NOW)
        assert isinstance(step, Refuse)
        assert step.error == "unmet_authentication_requirements"
    assert decide(asks(required_level=1), NOW) == Issue()


def test_oidc_core_3_1_2_6_a_level_that_can_be_reached_is_asked_for_and_told_of_where_asking_is_forbidden() -> None:
    asked = asks(required_level=2, consent=None)
    assert decide(asked, NOW) == StepUp()
    silent = decide(replace(asked, prompts=frozenset({"none"})), NOW)
    assert isinstance(silent, Refuse)
    assert silent.error == "interaction_required"
    declined = decide(replace(asked, step_declined=True), NOW)
    assert isinstance(declined, Refuse)
    assert declined.error == "unmet_authentication_requirements"


def test_oidc_core_3_1_2_1_a_level_that_is_wished_for_is_in_nobodys_way() -> None:
    wished = asks(wished_level=2)
    assert decide(wished, NOW) == Issue()
    able = replace(wished, has_second_factor=True)
    assert decide(able, NOW) == StepUp()
    assert decide(replace(able, step_declined=True), NOW) == Issue()
    assert decide(replace(able, prompts=frozenset({"none"})), NOW) == Issue()
    assert decide(replace(able, wished_level=4), NOW) == StepUp()


seconds = st.integers(-3600, 3600).map(lambda count: timedelta(seconds=count))
needs = st.builds(
    Need,
    kind=st.sampled_from(BasisKind),
    names=st.frozensets(st.sampled_from(["name", "email", "birthdate"])),
    offline=st.booleans(),
    legal_basis=st.sampled_from([None, "Luật A", "Luật B"]),
)
consents = st.builds(
    lambda at, need, withdrawn: replace(a_consent(ASKED_AT + at, need), withdrawn_at=ASKED_AT if withdrawn else None),
    seconds,
    needs,
    st.booleans(),
)
situations = st.builds(
    Facts,
    prompts=st.sampled_from(["", "none", "login", "consent", "select_account", "login consent select_account"]).map(
        lambda text: frozenset(text.split())
    ),
    max_age=st.none() | st.integers(0, 4000),
    asked_at=st.just(ASKED_AT),
    session=st.none() | seconds.map(lambda at: a_session(min(ASKED_AT + at, NOW))),
    hint_names_another=st.booleans(),
    account_chosen=st.booleans(),
    need=st.none() | needs,
    consent=st.none() | consents,
    required_level=st.sampled_from([0, 1, 1, 1, 2, 99]),
    wished_level=st.sampled_from([1, 1, 2, 4]),
    has_second_factor=st.booleans(),
    step_declined=st.booleans(),
)


@given(situations)
def test_prompt_none_never_yields_a_page(facts: Facts) -> None:
    assert isinstance(decide(replace(facts, prompts=frozenset({"none"})), NOW), Issue | Refuse)


@given(situations)
def test_a_code_is_issued_only_when_everything_is_settled(facts: Facts) -> None:
    if decide(facts, NOW) != Issue():
        return
    assert facts.session is not None
    assert not facts.hint_names_another
    since = facts.session.auth_time >= facts.asked_at
    assert since or "login" not in facts.prompts
    age = NOW - facts.session.auth_time
    assert facts.max_age is None or age <= timedelta(seconds=facts.max_age) or (since and age <= SLOW_PAGES)
    assert facts.session.auth_level >= facts.required_level
    assert since or facts.account_chosen or "select_account" not in facts.prompts
    if facts.need is not None:
        assert facts.consent is not None
        assert facts.consent.withdrawn_at is None
        assert facts.need.names <= facts.consent.names
        assert "consent" not in facts.prompts or facts.consent.given_at >= facts.asked_at


def obey(facts: Facts, step: Step, now: datetime) -> Facts:
    """The facts after the person has done what the page asked."""
    match step:
        case SignIn():
            return replace(facts, session=a_session(now), hint_names_another=False)
        case ChooseAccount():
            return replace(facts, account_chosen=True)
        case StepUp():
            assert facts.session is not None
            return replace(facts, session=replace(facts.session, auth_level=2, auth_time=now))
        case AskConsent(need):
            return replace(facts, consent=a_consent(now, need))
        case _:
            raise AssertionError(step)


@given(situations, st.booleans())
def test_who_does_what_is_asked_is_never_asked_it_again(facts: Facts, is_asked_next_morning: bool) -> None:
    now = NOW + timedelta(hours=9) if is_asked_next_morning else NOW
    asked: list[type] = []
    step = decide(facts, now)
    while not isinstance(step, Issue | Refuse):
        assert type(step) not in asked
        asked.append(type(step))
        facts, now = obey(facts, step, now), now + SLOW_PAGES / 3
        step = decide(facts, now)
    assert len(asked) <= 4


def test_oidc_core_3_1_2_6_prompt_none_keeps_the_reason_of_a_refusal() -> None:
    silent = replace(PLAIN, prompts=frozenset({"none"}), session=FRESH)
    other = decide(replace(silent, hint_names_another=True), NOW)
    assert isinstance(other, Refuse)
    assert other.error == "login_required"
    unmet = decide(replace(silent, required_level=3), NOW)
    assert isinstance(unmet, Refuse)
    assert unmet.error == "unmet_authentication_requirements"


# -- account levels, and services that cannot be told from others ---------------------------------------------------


@pytest.mark.parametrize("prompts", ["", "none", "consent"])
def test_rfc6749_4_1_2_1_a_person_below_the_services_account_level_is_denied(prompts: str) -> None:
    for has, required in ((0, 1), (0, 2), (1, 2)):
        facts = asks(*prompts.split(), account_level=has, required_account_level=required, consent=None)
        if prompts != "none":
            assert decide(facts, NOW) == ExplainLevel(), "the person is told first, and how to get it"
            facts = replace(facts, level_told=True)
        step = decide(facts, NOW)
        assert isinstance(step, Refuse)
        assert step.error == "access_denied"
        assert "minimum_account_level" in step.description
    assert decide(asks(account_level=1, required_account_level=1), NOW) == Issue()
    assert decide(asks(account_level=2, required_account_level=1), NOW) == Issue()


def test_somebody_else_may_sign_in_where_the_level_of_the_first_is_too_low() -> None:
    low = replace(PLAIN, required_account_level=2)
    assert decide(replace(low, prompts=frozenset({"login"})), NOW) == SignIn()
    assert decide(replace(low, prompts=frozenset({"select_account"})), NOW) == ChooseAccount()


ASKED_EACH_TIME = replace(PLAIN, is_asked_each_time=True)
ANSWERED = replace(ASKED_EACH_TIME, answered_here=True, consent=a_consent(NOW))


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        pytest.param(ASKED_EACH_TIME, AskConsent(NEED), id="agreed long ago"),
        pytest.param(ANSWERED, Issue(), id="agreed on this request's page"),
        pytest.param(replace(ANSWERED, answered_here=False), AskConsent(NEED), id="agreed meanwhile on another's page"),
        pytest.param(replace(ANSWERED, consent=AGREED), AskConsent(NEED), id="the page was shown, the yes is old"),
        pytest.param(replace(ASKED_EACH_TIME, session=FRESH), AskConsent(NEED), id="signing in is no answer"),
        pytest.param(replace(ASKED_EACH_TIME, session=None, need=None), SignIn(), id="a stranger signs in first"),
    ],
)
def test_rfc8252_8_6_a_service_that_anybody_could_be_is_asked_about_each_time(facts: Facts, step: Step) -> None:
    assert decide(facts, NOW) == step


def test_rfc8252_8_6_prompt_none_is_told_of_the_page_that_would_come() -> None:
    silent = frozenset({"none"})
    step = decide(replace(ASKED_EACH_TIME, prompts=silent), NOW)
    assert isinstance(step, Refuse)
    assert step.error == "interaction_required"
    nobody = decide(replace(ASKED_EACH_TIME, prompts=silent, session=None), NOW)
    assert isinstance(nobody, Refuse)
    assert nobody.error == "login_required"
