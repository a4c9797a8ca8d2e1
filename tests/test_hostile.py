"""Thousands of hostile requests over everything that is mounted, on both stores; tests/hostile says what they are.

Whatever comes: no fault of ours (5xx but for an intended 503), no way to an address that nobody registered, no markup
handed back, the security headers on everything, an error that says something on each refusal, an answer in a moment;
and strangers leave nothing behind, neither rows nor memory.
"""

import gc
import itertools
import random
import re
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from idp.protocol.answers import repeated
from idp.protocol.registry import ROOM
from tests.builders import REDIRECT_URI, follow, parked_in, request_of
from tests.builders_provider import Provider, open_provider, provider
from tests.hostile.faults import SLOW, find_fault
from tests.hostile.household import BACK, Household
from tests.hostile.mutation import Mutator, put
from tests.hostile.noise import Noise
from tests.hostile.request import Hostile, send
from tests.hostile.valid import ValidRequests
from tests.hostile.words import EVIL, FORM, MARKUP, TEXTS
from tests.rows import count_rows
from tests.stores import Stores

__all__ = ["provider"]

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
MAY_GO = (REDIRECT_URI, BACK)
# Seeds, and requests of each.
NOISE, NOISE_SLOW = (range(6), 300), (range(100, 120), 500)
MUTATED, MUTATED_SLOW = (range(4), 400), (range(200, 220), 600)
STRANGERS, STRANGERS_SLOW, STRANGERS_TRACED = 1_000, 4_000, 1_500
# What the memory may have grown by while strangers asked; caches were full before.
MOST_BYTES = 400_000


@pytest.fixture(scope="module", params=BOTH)
def household(request: pytest.FixtureRequest, stores: Stores) -> Iterator[Household]:
    """Open registration, so that what strangers register is attacked too."""
    with open_provider(stores, request.param, IDP_LOGGING_LEVEL="error") as opened:
        yield Household(opened)


def check(household: Household, hostile: Hostile, what: str) -> int:
    """Send a request and look at the answer; gives the status."""
    began = time.monotonic()
    response = send(household.provider.app, hostile)
    took = time.monotonic() - began
    fault = find_fault(response, household.may_go()) or (f"it took {took:.0f} s" if took > SLOW else None)
    assert fault is None, f"{what}: {fault}\n{hostile}"
    response.close()
    return response.status_code


# -- from anything -----------------------------------------------------------------------------------------------------


def make_noise(household: Household, seed: int, times: int) -> None:
    provider = household.provider
    household.renew()
    rules, good = list(provider.app.url_map.iter_rules()), list(request_of(provider.service).items())
    noise = Noise(random.Random(seed), rules, good, household.values())
    statuses, endpoints = Counter[int](), Counter[str]()
    for number in range(times):
        endpoint, hostile = noise.make()
        statuses[check(household, hostile, f"request {number} of seed {seed}")] += 1
        endpoints[endpoint] += 1
    assert {200, 303, 400, 405} <= set(statuses), f"the requests did not get far: {statuses}"


@pytest.mark.parametrize("seed", NOISE[0])
def test_300_hostile_requests_are_answered_as_they_should_be(household: Household, seed: int) -> None:
    make_noise(household, seed, NOISE[1])


@pytest.mark.slow
@pytest.mark.parametrize("seed", NOISE_SLOW[0])
def test_500_hostile_requests_are_answered_as_they_should_be(household: Household, seed: int) -> None:
    make_noise(household, seed, NOISE_SLOW[1])


# -- from good requests ------------------------------------------------------------------------------------------------


def test_each_endpoint_is_attacked_from_a_request_that_is_good(household: Household) -> None:
    """A route without a good request would be attacked from its refusals alone."""
    valid = ValidRequests(household.provider.app, household)
    # Nothing is there, or only for some, or is signed by nobody.
    strange = {
        "logos.logo",
        "static_files.favicon",
        "sign_in.submit_passkey",
        "staff.submit_passkey",
        "other_screen.go_on",
        "rights.withdraw",
    }
    for endpoint, make in valid:
        household.keep_up()
        draft = make()
        status = check(household, draft.finish(), endpoint)
        assert status < 400 or endpoint in strange, f"{endpoint}: {status} for {draft}"
    assert {endpoint for endpoint, _ in valid} == {
        rule.endpoint for rule in household.provider.app.url_map.iter_rules()
    }


def put_everywhere(household: Household, values: Sequence[str]) -> None:
    """Each value into each parameter, member, header and cookie of each good request, one by one."""
    for endpoint, make in ValidRequests(household.provider.app, household):
        for value in values:
            for place in itertools.count():
                household.keep_up()
                draft = make()
                if not put(draft, place, value):
                    break
                check(household, draft.finish(), f"{endpoint}, place {place}, {value[:20]!a}")


def test_markup_in_each_place_of_each_good_request_is_never_handed_back(household: Household) -> None:
    put_everywhere(household, [MARKUP])


@pytest.mark.slow
def test_each_text_in_each_place_of_each_good_request_is_answered_as_it_should_be(household: Household) -> None:
    put_everywhere(household, sorted(set(TEXTS)))


def mutate(household: Household, seed: int, times: int) -> None:
    """Every endpoint's good requests in turn, each time changed otherwise."""
    chance, provider = random.Random(seed), household.provider
    household.renew()
    rules, good = list(provider.app.url_map.iter_rules()), list(request_of(provider.service).items())
    mutator = Mutator(chance, Noise(chance, rules, good, household.values()))
    makers = list(ValidRequests(provider.app, household))
    statuses = Counter[int]()
    for number in range(times):
        endpoint, make = makers[(seed * times + number) % len(makers)]
        household.keep_up()
        hostile = mutator.mutate(make())
        statuses[check(household, hostile, f"mutation {number} of seed {seed}, from {endpoint}")] += 1
    assert {200, 303, 400, 401, 404} <= set(statuses), f"the mutations did not get far: {statuses}"


@pytest.mark.parametrize("seed", MUTATED[0])
def test_400_mutations_of_good_requests_are_answered_as_they_should_be(household: Household, seed: int) -> None:
    mutate(household, seed, MUTATED[1])


@pytest.mark.slow
@pytest.mark.parametrize("seed", MUTATED_SLOW[0])
def test_600_mutations_of_good_requests_are_answered_as_they_should_be(household: Household, seed: int) -> None:
    mutate(household, seed, MUTATED_SLOW[1])


def test_the_slow_part_sends_20000_requests_to_each_store() -> None:
    assert sum(len(seeds) * times for seeds, times in (NOISE_SLOW, MUTATED_SLOW)) >= 20_000


# -- what strangers leave behind ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=BOTH)
def closed(request: pytest.FixtureRequest, stores: Stores) -> Iterator[Provider]:
    """As in production: nobody registers a service by himself."""
    with open_provider(stores, request.param, IDP_REGISTRATION_OPEN="false", IDP_LOGGING_LEVEL="error") as opened:
        yield opened


class Strangers:
    """They know what is public, and nothing else; all come from one network."""

    def __init__(self, provider: Provider) -> None:
        self._app, self._chance = provider.app, random.Random(7)
        self._stranger = provider.browser()
        page = follow(self._stranger, self._stranger.get("/sign-in"))
        self._parked = parked_in(page)
        public = (provider.service.client_id, provider.service.redirect_uri, self._parked)
        good = list(request_of(provider.service).items())
        self._noise = Noise(self._chance, list(provider.app.url_map.iter_rules()), good, public)

    def come(self, times: int) -> None:
        for _ in range(times):
            _, hostile = self._noise.make()
            response = send(self._app, hostile)
            assert find_fault(response, MAY_GO) is None, hostile
            response.close()

    def try_to_sign_in(self, times: int) -> None:
        """Under names that are made up, each once."""
        for _ in range(times):
            name = f"nguoi-{self._chance.randrange(10**9)}@khong-co.example"
            typed = {"parked": self._parked, "identifier": name, "password": "Doan-bua-2026!"}
            assert self._stranger.post("/sign-in", data=typed).status_code in (401, 429)

    def ask_for_services(self, times: int) -> None:
        """More than a process remembers."""
        for _ in range(times):
            asked = {"client_id": f"khong-co-{self._chance.randrange(10**9)}"}
            assert self._stranger.get("/oauth2/authorize", query_string=asked).status_code == 400


def grow(provider: Provider, times: int) -> None:
    """Rows grow up to what the throttles allow of one network, then not at all."""
    strangers, counts = Strangers(provider), []
    most = provider.app.extensions["idp"].settings.throttle.tries_per_network
    for _ in range(3):
        with provider.app.app_context():
            counts.append(Counter(count_rows()))
        strangers.come(times // 2)
        strangers.try_to_sign_in(most + 20)
    before, between, after = counts
    assert after == between
    grown = between - before
    assert set(grown) == {"audit", "throttles"}, grown
    assert grown["audit"] <= most + 1  # each try that was looked at, and the first that was not
    assert grown["throttles"] <= 2 * most + 1  # of each name two, of the network one


def test_strangers_leave_a_bounded_number_of_rows(closed: Provider) -> None:
    grow(closed, STRANGERS)


@pytest.mark.slow
def test_strangers_leave_a_bounded_number_of_rows_however_many_come(closed: Provider) -> None:
    closed.clock.advance(hours=1)
    grow(closed, STRANGERS_SLOW)


@pytest.mark.slow
def test_strangers_leave_no_memory_behind(stores: Stores) -> None:
    with open_provider(stores, IDP_REGISTRATION_OPEN="false", IDP_LOGGING_LEVEL="error") as opened:
        strangers, sizes = Strangers(opened), []
        tracemalloc.start()
        try:
            for times in (ROOM + 100, 2 * ROOM):
                strangers.ask_for_services(times)
                strangers.come(STRANGERS_TRACED)
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert sizes[1] - sizes[0] < MOST_BYTES, f"{sizes} bytes"


# -- one by one ---


def test_60_kb_of_parameters_are_read_once() -> None:
    """Comparing each name with each takes half a minute for as many."""
    distinct = [(f"a{number}", "") for number in range(60_000)]
    began = time.thread_time()
    assert repeated(distinct) == []
    assert repeated([*distinct, ("a7", ""), ("resource", ""), ("resource", "")]) == ["a7"]
    assert time.thread_time() - began < 1


@pytest.mark.parametrize("path", ["/oauth2/authorize", "/oauth2/token", "/oauth2/logout", "/oauth2/userinfo"])
def test_60_kb_of_parameters_are_answered_at_once(provider: Provider, path: str) -> None:
    pairs = "&".join(f"a{number}" for number in range(9_000))[:60_000]
    browser = provider.browser()
    for method in ("GET", "POST"):
        sent: dict[str, Any] = {"query_string": pairs} if method == "GET" else {"data": pairs}
        began = time.thread_time()
        response = browser.open(path, method=method, content_type=FORM, **sent)
        assert time.thread_time() - began < 1
        assert find_fault(response, MAY_GO) is None


@pytest.mark.parametrize("evil", EVIL)
def test_no_parameter_of_any_page_leads_away(provider: Provider, evil: str) -> None:
    """Every place that takes an address, one by one: the random requests may miss a pair."""
    browser = provider.signed_in()
    places = [
        (rule.rule, name)
        for rule in provider.app.url_map.iter_rules()
        for name in ("to", "next", "parked", "redirect_uri")
    ]
    for path, name in places:
        address = re.sub(r"<[^>]+>", "vi", path)
        response = browser.get(address, query_string={name: evil})
        assert find_fault(response, MAY_GO) is None, (address, name, response.status)
        response.close()
