"""How wrong passwords are slowed down, and that nobody can lock another person out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.throttles import ACCOUNT_ANYWHERE, ACCOUNT_HERE, NETWORK, Counts, Limits, excess, keys, network_of

LIMITS = Limits(per_account=5, per_account_under_attack=2, wide_attack_from=50)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("203.0.113.0", "203.0.113.0/24"),
        ("203.0.114.77", "203.0.114.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("2001:db8:2::1", "2001:db8:2::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("::ffff:cb00:714d", "203.0.113.0/24"),
        ("", "unknown"),
        ("not an address", "unknown"),
        ("203.0.113.77/8", "unknown"),
        ("999.0.0.1", "unknown"),
    ],
)
def test_neighbours_share_a_network(address: str, network: str) -> None:
    assert network_of(address) == network


@given(st.text())
def test_no_address_is_a_fault(address: str) -> None:
    assert network_of(address)


def test_a_known_device_takes_the_networks_place_and_strangers_cannot_spend_its_tries() -> None:
    at_home, stranger = keys("so", "203.0.113.0/24", "thiet-bi"), keys("so", "203.0.113.0/24", None)
    assert at_home[ACCOUNT_HERE] != stranger[ACCOUNT_HERE]
    assert at_home[ACCOUNT_ANYWHERE] == stranger[ACCOUNT_ANYWHERE]
    assert at_home[NETWORK] == stranger[NETWORK]


identifiers = st.text(st.characters(exclude_characters="\0"))
networks = identifiers.map(network_of)


@given(*[st.tuples(identifiers, networks, st.none() | identifiers)] * 2)
def test_two_places_never_share_a_count(one: tuple[str, str, str | None], other: tuple[str, str, str | None]) -> None:
    same = (one[0], one[2] or one[1], bool(one[2])) == (other[0], other[2] or other[1], bool(other[2]))
    assert (keys(*one)[ACCOUNT_HERE] == keys(*other)[ACCOUNT_HERE]) is same


@pytest.mark.parametrize(
    ("here", "anywhere", "known_device", "too_many"),
    [
        pytest.param(5, 5, False, 0, id="the fifth try"),
        pytest.param(6, 6, False, 1, id="the sixth try"),
        pytest.param(8, 8, False, 3, id="each further one"),
        pytest.param(5, 400, True, 0, id="a known device, whatever strangers did"),
        pytest.param(6, 6, True, 1, id="a known device has its own limit"),
        pytest.param(2, 51, False, 0, id="a wide attack: a few tries are left to an unknown network"),
        pytest.param(3, 51, False, 1, id="a wide attack: no more than a few"),
        pytest.param(3, 50, False, 0, id="not wide yet"),
    ],
)
def test_by_how_many_tries_this_one_is_too_many(here: int, anywhere: int, known_device: bool, too_many: int) -> None:
    assert excess(Counts(here, anywhere), LIMITS, known_device=known_device) == too_many


counts = st.integers(1, 1000)


@given(counts, counts, st.booleans())
def test_a_further_try_is_never_judged_more_kindly(here: int, anywhere: int, known_device: bool) -> None:
    before = excess(Counts(here, anywhere), LIMITS, known_device=known_device)
    after = excess(Counts(here + 1, anywhere + 1), LIMITS, known_device=known_device)
    assert after >= before >= 0
