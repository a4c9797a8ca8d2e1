"""How wrong passwords are slowed down, and that nobody can lock another person out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.throttles import ACCOUNT_ANYWHERE, ACCOUNT_HERE, NETWORK, Counts, Limits, is_refused, keys, network_of

LIMITS = Limits(per_account=5, per_account_under_attack=2, wide_attack_from=50, per_network=300)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("203.0.113.0", "203.0.113.0/24"),
        ("203.0.114.77", "203.0.114.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("2001:db8:2::1", "2001:db8:2::/48"),
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
    ("here", "anywhere", "network", "known_device", "refused"),
    [
        pytest.param(5, 5, 5, False, False, id="the fifth try"),
        pytest.param(6, 6, 6, False, True, id="the sixth try"),
        pytest.param(5, 400, 9999, True, False, id="a known device, whatever strangers did"),
        pytest.param(6, 6, 6, True, True, id="a known device has its own limit"),
        pytest.param(2, 51, 2, False, False, id="a wide attack: a few tries are left to an unknown network"),
        pytest.param(3, 51, 3, False, True, id="a wide attack: no more than a few"),
        pytest.param(3, 50, 3, False, False, id="not wide yet"),
        pytest.param(1, 1, 300, False, False, id="a busy network"),
        pytest.param(1, 1, 301, False, True, id="a network that tries everybody"),
    ],
)
def test_which_try_is_one_too_many(here: int, anywhere: int, network: int, known_device: bool, refused: bool) -> None:
    assert is_refused(Counts(here, anywhere, network), LIMITS, known_device=known_device) is refused


counts = st.integers(1, 1000)


@given(counts, counts, counts, st.booleans())
def test_a_further_try_is_never_judged_more_kindly(here: int, anywhere: int, network: int, known_device: bool) -> None:
    before = is_refused(Counts(here, anywhere, network), LIMITS, known_device=known_device)
    after = is_refused(Counts(here + 1, anywhere + 1, network + 1), LIMITS, known_device=known_device)
    assert after >= before
