"""What must hold after each deed in tests/test_life_of_a_grant.py, and what is kept of each answer to see it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import jwt
from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.life_model import ACCESS_FOR, SIGNED_FOR, Grant, Life, Machine, Session, Token
from tests.life_world import GUARDS, SIGNED, VISITED, Tokens, World
from tests.stores import Stores


@dataclass(frozen=True, slots=True)
class Answer:
    """What the token endpoint handed out for a person."""

    of: Grant
    access: Token
    refresh: Token
    id_token: str = field(repr=False)


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


class Compared(RuleBasedStateMachine):
    """A provider beside the model of it: whatever is done to both, they agree."""

    def __init__(self, stores: Stores, kind: str, seen: Counter[str]) -> None:
        super().__init__()
        self.world, self.seen = World(stores, kind), seen
        self.life = Life(self.world.clock.now, GUARDS)
        self.minted: list[Token] = []
        self.subs: dict[tuple[str, str], str] = {}
        self.turn = 0

    def teardown(self) -> None:
        self.seen.update(f"session {each.end_reason or 'open'}" for each in self.life.sessions)
        self.seen.update(f"grant {each.end_reason or 'open'}" for each in self.life.grants)
        self.world.close()

    # -- what must hold after each ---------------------------------------------------------------------------------

    @invariant()
    def the_provider_agrees(self) -> None:
        life, world = self.life, self.world
        sessions = {row.id: (row.end_reason, row.seen_at) for row in world.rows("sessions")}
        assert sessions == {each.id: (each.end_reason, each.seen_at) for each in life.sessions}
        grants = {row.id: (row.session_id, row.generation, row.end_reason) for row in world.rows("grants")}
        assert grants == {each.id: (each.session.id, each.generation, each.end_reason) for each in life.grants}
        released = [row.grant_id for row in world.rows("releases")]
        assert sorted(released) == sorted(grants), "each exchange leaves one release entry"
        assert world.noted() == life.noted
        assert world.told() == life.told

    @invariant()
    def tokens_are_good_as_long_as_they_should_be(self) -> None:
        published = self.world.published_kids()
        for token in self.minted:
            if token.kid is not None:
                assert (token.kid in published) is (token.kid not in self.life.lost_kids)
            self.check_introspection(token)
            if token.generation is None:
                self.check_userinfo(token)

    def check_introspection(self, token: Token) -> None:
        owner, lives = token.of.service, self.life.token_lives(token)
        said = self.world.introspect(owner, token.text)
        if owner in self.life.suspended:
            assert said == 401
        else:
            assert isinstance(said, dict)
            assert said["active"] is lives
            assert not lives or said["exp"] == int(token.expires_at.timestamp())
        guard = GUARDS.get(token.resource or "")
        if guard is not None and guard not in self.life.suspended:
            at_guard = self.world.introspect(guard, token.text)
            is_told = lives and token.generation is None and owner not in self.life.suspended
            assert isinstance(at_guard, dict)
            assert at_guard["active"] is is_told

    def check_userinfo(self, token: Token) -> None:
        is_for_it = isinstance(token.of, Grant) and token.resource is None
        is_good = is_for_it and self.life.token_lives(token) and token.of.service not in self.life.suspended
        said = self.world.userinfo(token.text)
        if not is_good:
            assert said == 401
        else:
            assert isinstance(said, dict)
            assert isinstance(token.of, Grant)
            assert said["sub"] == self.subs[token.of.session.person, token.of.service]

    # -- beside the rules ------------------------------------------------------------------------------------------

    def tick(self, after: int = 0) -> None:
        """No two deeds happen at the same moment."""
        self.turn += 1
        self.world.clock.advance(seconds=after + 1)

    def signed_in(self, browser: int, person: str) -> Session:
        known = {each.id for each in self.life.sessions}
        return self.life.sign_in(browser, person, self.world.newest("sessions", known))

    def other(self, service: str) -> str:
        return next(each for each in VISITED if each != service)

    def given(self, tokens: Tokens, of: Grant, resource: str | None) -> Answer:
        """Keep what was handed out for a person, and see that it is what it must be."""
        assert self.life.grant_lives(of), "minted after its ending"
        access = self.keep_access(tokens, of, resource)
        assert access.expires_at <= of.expires_at
        assert tokens.refresh_token is not None
        assert tokens.id_token is not None
        refresh = Token(tokens.refresh_token, of, resource, of.expires_at, generation=of.generation)
        self.minted.append(refresh)
        said = self.world.read_id_token(tokens.id_token)
        person = (of.session.person, of.service)
        assert said["sub"] == self.subs.setdefault(person, said["sub"])
        assert len(set(self.subs.values())) == len(self.subs), "one sub for two people, or at two services"
        assert said["sid"] == self.world.sid(of.service, of.session.id)
        return Answer(of, access, refresh, tokens.id_token)

    def keep_access(self, tokens: Tokens, of: Grant | Machine, resource: str | None) -> Token:
        expires_at = self.life.now() + timedelta(seconds=tokens.expires_in)
        token = Token(tokens.access_token, of, resource, expires_at)
        if resource == SIGNED:
            token.kid = kid_of(token.text)
            said = jwt.decode(token.text, options={"verify_signature": False})
            assert said["exp"] == int(expires_at.timestamp())
        assert 0 < tokens.expires_in <= (SIGNED_FOR if token.kid else ACCESS_FOR)
        self.minted.append(token)
        return token
