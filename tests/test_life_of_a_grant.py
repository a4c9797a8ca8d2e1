"""The life of a grant as a state machine: whatever people, services, operators and time do, in whatever order, a token
is good exactly as long as the rules say (tests/life_model.py), nothing is minted after an ending, and each ending
leaves its audit entry and tells each visited service once. Driven through the HTTP surface, on both stores.
"""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, precondition, rule, run_state_machine_as_test

from idp.domain.audit import Event
from tests.builders import answer_in
from tests.life_checks import Answer, Compared, kid_of
from tests.life_model import Code, Machine, Token
from tests.life_world import BROWSERS, FRESH_FOR, PEOPLE, RESOURCES, SERVICES, VISITED, Tokens
from tests.stores import Stores

# Just short of and just past each lifetime.
TIMES = (1, 1, 4, 8, 11, 58, 61, 240, 299, 301, 601, 1500, 1801, 4801, 6001, 40_001)
PAUSES = st.sampled_from((0, 0, 0, 240, 301, 601, 1500, 1801, 4801))
RARELY = st.sampled_from((False, False, False, True))
MOST_ROTATIONS = 2  # RSA keys take a second to make
# Operators step in now and then: else nobody would get far.
AT_TIMES = precondition(lambda self: self.turn % 3 == 0)
ENDINGS = {f"session {reason}" for reason in "another_person expired locked signed_out".split()} | {
    f"grant {reason}"
    for reason in "another_person code_replayed expired locked refresh_reused revoked signed_out withdrawn".split()
}
NEXT_PERSON = "grant another_person"
LOCKED_LATE = "lasting access locked after its session"
BOTH_STORES = pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])


def _either(answer: Answer, is_refresh: bool) -> Token:
    return answer.refresh if is_refresh else answer.access


class LifeOfAGrant(Compared):
    """Each rule does one deed in the provider and in the model; `the_provider_agrees` compares after each."""

    codes = Bundle("codes")
    answers = Bundle("answers")
    machine_tokens = Bundle("machine tokens")

    def __init__(self, stores: Stores, kind: str, seen: Counter[str]) -> None:
        super().__init__(stores, kind, seen)
        self.rotations = 0

    # -- people ----------------------------------------------------------------------------------------------------

    @initialize(target=answers, offline=st.booleans())
    def begin(self, offline: bool) -> Any:
        """Somebody has been let into a service."""
        return self.enter(0, PEOPLE[0], "lasting", None, offline)

    @rule(browser=st.sampled_from(BROWSERS), person=st.sampled_from(PEOPLE))
    def sign_in(self, browser: int, person: str) -> None:
        self.tick()
        if person in self.life.locked:
            self.world.fail_to_sign_in(browser, person)
            self.life.note(Event.SIGN_IN_FAILED, person)
        else:
            self.world.sign_in(browser, person)
            self.signed_in(browser, person)

    @rule(
        target=codes,
        browser=st.sampled_from(BROWSERS),
        person=st.sampled_from(PEOPLE),
        service=st.sampled_from(VISITED),
        resource=st.sampled_from(RESOURCES),
        prompt=st.sampled_from((None, None, None, "none", "login")),
        offline=st.booleans(),
    )
    def authorize(
        self, browser: int, person: str, service: str, resource: str | None, prompt: str | None, offline: bool
    ) -> Any:
        """`person` is who signs in, should the page ask; who is signed in already is asked for consent at most."""
        self.tick()
        life, offline = self.life, offline and service == "lasting"
        session = life.signed_in(browser)
        asks_who = session is None or prompt == "login"
        if asks_who and prompt != "none" and person in life.locked:
            return multiple()
        scope = "openid profile offline_access" if offline else "openid profile"
        response = self.world.authorize(browser, person, service, scope=scope, resource=resource, prompt=prompt)
        if service in life.suspended:
            assert response.status_code == 400
            return multiple()
        said = answer_in(response)
        if not life.may_ask(service, resource):
            assert said["error"] == "invalid_target"
            return multiple()
        if prompt == "none" and session is None:
            assert said["error"] == "login_required"
            return multiple()
        if asks_who:
            session = self.signed_in(browser, person)
        assert session is not None
        if not life.has_agreed(session.person, service, resource, offline=offline):
            if prompt == "none":
                assert said["error"] == "consent_required"
                return multiple()
            life.agree(session, service, resource, offline=offline)
        code = Code(said["code"], session, service, offline, resource, life.now())
        life.codes.append(code)
        return code

    @rule(browser=st.sampled_from(BROWSERS), answer=st.none() | answers)
    def sign_out(self, browser: int, answer: Answer | None) -> None:
        """The person is asked unless the hint names just this session."""
        self.tick()
        session = self.life.signed_in(browser)
        is_asked = self.world.sign_out(browser, answer.id_token if answer else None)
        names_it = (
            answer is not None
            and answer.of.session is session
            and answer.of.service not in self.life.suspended
            and kid_of(answer.id_token) not in self.life.lost_kids
        )
        assert is_asked is (session is not None and not names_it)
        self.life.sign_out(browser)

    @rule(browser=st.sampled_from(BROWSERS), times=st.sampled_from((1, 1, 2, 4)), pause=st.sampled_from((0, 299, 1500)))
    def look_at_account(self, browser: int, times: int, pause: int) -> None:
        """Use keeps a session from being idle, and no session from its absolute end."""
        for _ in range(times):
            self.tick(pause)
            session = self.life.signed_in(browser)
            assert self.world.look_at_account(browser) is (session is not None)
            if session is not None:
                self.life.use(session)

    # -- services --------------------------------------------------------------------------------------------------

    @rule(
        target=answers,
        code=codes,
        how=st.sampled_from(("right", "right", "right", "other service", "verifier")),
        after=st.sampled_from((0, 0, 0, 0, 30, 58, 60, 120)),
    )
    def exchange(self, code: Code, how: str, after: int) -> Any:
        self.tick(after)
        life, sent_by = self.life, self.other(code.service) if how == "other service" else code.service
        known = {grant.id for grant in life.grants}
        form = {"redirect_uri": f"https://{code.service}.example/cb"}
        form |= {"code_verifier": "x" * 43} if how == "verifier" else {}
        said = self.world.exchange(sent_by, code.text, **form)
        if how != "right" or not life.may_ask(code.service, code.resource):
            assert isinstance(said, str)  # and nothing is spent
            self.seen[f"exchange {said}"] += 1
            return multiple()
        if not life.may_exchange(code):
            assert said == "invalid_grant"
            life.fail_exchange(code)
            return multiple()
        assert isinstance(said, Tokens), said
        return self.given(said, life.exchange(code, self.world.newest("grants", known)), code.resource)

    @rule(
        target=answers,
        browser=st.sampled_from(BROWSERS),
        person=st.sampled_from(PEOPLE),
        service=st.sampled_from(VISITED),
        resource=st.sampled_from(RESOURCES),
        offline=st.booleans(),
    )
    def enter(self, browser: int, person: str, service: str, resource: str | None, offline: bool) -> Any:
        """A whole sign-in at a service, as it mostly goes."""
        code = self.authorize(browser, person, service, resource, None, offline)
        return self.exchange(code, "right", 0) if isinstance(code, Code) else code

    @rule(target=answers, service=st.sampled_from(VISITED), ending=st.sampled_from(("sign-out", "lock", "withdrawal")))
    def enter_too_late(self, service: str, ending: str) -> Any:
        """Something ends between the code and its exchange."""
        code = self.authorize(0, PEOPLE[0], service, None, None, True)
        if not isinstance(code, Code):
            return code
        person = code.session.person
        match ending:
            case "sign-out":
                self.sign_out(0, None)
            case "lock":
                self.lock_or_unlock(person)
            case "withdrawal":
                self.withdraw(person, service)
        return self.exchange(code, "right", 0)

    @rule(browser=st.sampled_from(BROWSERS), person=st.sampled_from(PEOPLE))
    def lock_after_sign_out(self, browser: int, person: str) -> None:
        """What outlived its session ends with the account."""
        self.enter(browser, person, "lasting", None, True)
        session = self.life.signed_in(browser)
        if session is None or self.life.locked:
            return
        self.sign_out(browser, None)
        lasting = [each for each in self.life.grants if each.session is session and self.life.grant_lives(each)]
        self.lock_or_unlock(session.person)
        self.seen[LOCKED_LATE] += bool(lasting)

    @rule(target=answers, answer=answers, by_other=RARELY, after=PAUSES)
    def refresh(self, answer: Answer, by_other: bool, after: int) -> Any:
        self.tick(after)
        sent_by = self.other(answer.of.service) if by_other else answer.of.service
        said = self.world.refresh(sent_by, answer.refresh.text)
        if by_other or not self.life.may_ask(answer.of.service, answer.refresh.resource):
            assert isinstance(said, str)  # and nothing is spent
            self.seen[f"refresh {said}"] += 1
            return multiple()
        if not self.life.refresh(answer.refresh, answer.of):
            assert said == "invalid_grant"
            return multiple()
        assert isinstance(said, Tokens), said
        return self.given(said, answer.of, answer.refresh.resource)

    @rule(target=answers, answer=answers, left=st.sampled_from((0, 1, 100, 500)))
    def refresh_at_the_end(self, answer: Answer, left: int) -> Any:
        """No access token outlives its grant."""
        at = answer.of.expires_at - timedelta(seconds=left + 1)
        return self.refresh(answer, False, max(0, int((at - self.life.now()).total_seconds())))

    @rule(target=answers, answer=answers, after=PAUSES, again_after=st.sampled_from((0, 5, 8, 9, 10, 30)))
    def refresh_twice(self, answer: Answer, after: int, again_after: int) -> Any:
        """The answer was lost, or somebody else has the token too."""
        self.refresh(answer, False, after)
        return self.refresh(answer, False, again_after)

    @rule(target=machine_tokens, resource=st.sampled_from(RESOURCES))
    def machine_token(self, resource: str | None) -> Any:
        self.tick()
        said = self.world.machine_token("lasting", resource)
        if not self.life.may_ask("lasting", resource):
            assert isinstance(said, str)
            return multiple()
        assert isinstance(said, Tokens), said
        return self.keep_access(said, Machine("lasting"), resource)

    @rule(
        token=machine_tokens | st.builds(_either, answers, st.booleans()),
        by_other=RARELY,
    )
    def revoke(self, token: Token, by_other: bool) -> None:
        self.tick()
        owner = token.of.service
        status = self.world.revoke(self.other(owner) if by_other else owner, token.text)
        if (self.other(owner) if by_other else owner) in self.life.suspended:
            assert status == 401
        elif by_other:
            assert status in (200, 400)  # not its own, or no token any more
        else:
            assert status == 200
            self.life.revoke(token)

    # -- operators -------------------------------------------------------------------------------------------------

    @AT_TIMES
    @rule(person=st.sampled_from(PEOPLE))
    def lock_or_unlock(self, person: str) -> None:
        self.tick()
        person = next(iter(self.life.locked), person)
        deed = ("unlock",) if person in self.life.locked else ("lock", "--ground", "misuse")
        assert (
            self.world.command("accounts", *deed, "--number", self.world.citizens[person].number, "--reason", "thử")
            == ""
        )
        self.life.unlock(person) if deed == ("unlock",) else self.life.lock(person)

    @AT_TIMES
    @rule(person=st.sampled_from(PEOPLE), service=st.sampled_from(VISITED))
    def withdraw(self, person: str, service: str) -> None:
        self.tick()
        number, client_id = self.world.citizens[person].number, self.world.services[service].client_id
        refused = self.world.command("accounts", "withdraw", "--number", number, "--service", client_id)
        assert bool(refused) is ((person, service) not in self.life.agreed)
        if not refused:
            self.life.withdraw(person, service)

    @AT_TIMES
    @rule(service=st.sampled_from(SERVICES))
    def suspend_or_resume(self, service: str) -> None:
        self.tick()
        service = next(iter(self.life.suspended), service)
        is_on = service in self.life.suspended
        assert (
            self.world.command("services", "resume" if is_on else "suspend", self.world.services[service].client_id)
            == ""
        )
        self.life.note(Event.SERVICE_RESUMED if is_on else Event.SERVICE_SUSPENDED, service=service)
        self.life.suspended ^= {service}
        self.world.clock.advance(seconds=FRESH_FOR)

    @precondition(lambda self: self.turn % 3 == 0 and self.rotations < MOST_ROTATIONS)
    @rule()
    def rotate_keys(self) -> None:
        """What was signed before is good on; what is signed from now on is signed by another key."""
        self.world.clock.advance(seconds=16)  # the key made last must be known everywhere
        assert self.world.command("keys", "rotate") == ""
        self.rotations += 1
        self.world.clock.advance(seconds=FRESH_FOR)

    @AT_TIMES
    @rule(place=st.integers(0, 5))
    def revoke_key(self, place: int) -> None:
        """A leaked key: what it signed is worthless from then on."""
        self.tick()
        kids = [kid for alg, _, kid in self.world.list_keys() if alg == "ES256"]
        kid = kids[place % len(kids)]
        assert self.world.command("keys", "revoke", kid) == ""
        self.life.lost_kids.add(kid)
        self.world.clock.advance(seconds=FRESH_FOR)

    @AT_TIMES
    @rule()
    def worker_round(self) -> None:
        """Sessions that ran out end; every service that waits to be told is told, once."""
        self.tick()
        kept = {kid: state for _, state, kid in self.world.list_keys()}
        self.world.work()
        self.world.clock.advance(seconds=FRESH_FOR)
        let_go = set(kept) - self.world.published_kids()
        assert {kept[kid] for kid in let_go} <= {"retired"}
        assert all(self.life.is_over(token) for token in self.minted if token.kid in let_go)
        self.life.lost_kids |= let_go
        self.life.run_out()
        told = Counter({(name, self.world.sid(name, session)): n for (name, session), n in self.life.told.items()})
        assert self.world.delivered() == told

    @rule(seconds=st.sampled_from(TIMES))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds=seconds)


def run(stores: Stores, kind: str, examples: int, steps: int) -> Counter[str]:
    """Live many lives; gives what was seen in them."""
    seen: Counter[str] = Counter()
    chosen = settings(max_examples=examples, stateful_step_count=steps, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(lambda: LifeOfAGrant(stores, kind, seen), settings=chosen)  # type: ignore[no-untyped-call]
    return seen


@BOTH_STORES
def test_a_token_is_good_as_long_as_the_rules_say(stores: Stores, kind: str) -> None:
    run(stores, kind, examples=6, steps=20)


@BOTH_STORES
def test_what_outlived_its_session_ends_with_a_lock_noted_and_told(stores: Stores, kind: str) -> None:
    """One walk that few lives would come upon."""
    life = LifeOfAGrant(stores, kind, Counter())
    try:
        life.lock_after_sign_out(0, PEOPLE[0])
        life.the_provider_agrees()
        life.tokens_are_good_as_long_as_they_should_be()
        life.worker_round()
        life.the_provider_agrees()
    finally:
        life.teardown()
    assert life.seen[LOCKED_LATE] == 1


@BOTH_STORES
def test_the_next_person_in_the_same_browser_ends_what_was_given_to_the_one_before(stores: Stores, kind: str) -> None:
    """Another walk that few lives come upon."""
    life = LifeOfAGrant(stores, kind, Counter())
    try:
        life.begin(offline=False)
        life.sign_in(0, PEOPLE[1])
        life.the_provider_agrees()
        life.tokens_are_good_as_long_as_they_should_be()
    finally:
        life.teardown()
    assert life.seen[NEXT_PERSON] == 1


@pytest.mark.slow
@BOTH_STORES
def test_a_token_is_good_as_long_as_the_rules_say_in_many_lives(stores: Stores, kind: str) -> None:
    seen = run(stores, kind, examples=200, steps=60)
    assert sorted(ENDINGS - set(seen) - {NEXT_PERSON}) == []
    assert seen[LOCKED_LATE]
