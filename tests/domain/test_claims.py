"""Which facts a service receives: OIDC Core 5.1, 5.4, 5.5; the personal number only verified and with a legal basis."""

import json
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain import claims
from idp.domain.accounts import Profile
from idp.domain.claims import CLAIM_NAMES, LARGEST_REQUEST, NO_REQUEST, ClaimsRequest, read_claims_request
from idp.domain.levels import ProofSource
from idp.domain.refusals import Refusal
from tests.domain.test_relying_services import SERVICE as PLAIN_SERVICE

NUMBER = "003190000013"
PERSON = Profile(
    subject_id=UUID(int=1),
    claims={
        "name": "Nguyễn Thị Mẫu",
        "birthdate": "1990-01-02",
        "email": "mau@nguoi-mau.example",
        "email_verified": True,
        "address": {"formatted": "12 Đường Mẫu", "country": "Việt Nam"},
        "updated_at": 1764552600,
        "personal_id_number": NUMBER,
    },
    proof_source=ProofSource.COUNTER,
)
SERVICE = replace(PLAIN_SERVICE, scopes=claims.SCOPES_SUPPORTED)
WITH_LAW = replace(SERVICE, personal_number_basis="Luật 26/2023/QH15 Điều 5")


# -- scopes and the claims parameter -------------------------------------------------------------------------------


def test_oidc_core_5_4_scopes_stand_for_the_claims_of_the_specification() -> None:
    assert claims.SCOPE_CLAIMS["email"] == ("email", "email_verified")
    assert claims.SCOPE_CLAIMS["phone"] == ("phone_number", "phone_number_verified")
    assert claims.SCOPE_CLAIMS["address"] == ("address",)
    assert set(claims.SCOPE_CLAIMS["profile"]) == {
        *("name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile"),
        *("picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"),
    }


def test_oidc_core_5_4_scope_claims_go_to_userinfo_and_not_into_the_id_token() -> None:
    plan = claims.plan_release(SERVICE, ["openid", "email"], NO_REQUEST, PERSON)
    assert plan.userinfo == {"email", "email_verified"}
    assert plan.id_token == frozenset()


def test_oidc_core_5_5_the_claims_parameter_names_the_place() -> None:
    asked = ClaimsRequest(userinfo={"birthdate": {}}, id_token={"name": {"essential": True}})
    plan = claims.plan_release(SERVICE, ["openid", "email"], asked, PERSON)
    assert plan.userinfo == {"email", "email_verified", "birthdate"}
    assert plan.id_token == {"name"}
    assert plan.names == {"email", "email_verified", "birthdate", "name"}


def test_oidc_core_5_3_2_what_is_not_known_of_a_person_is_absent_and_never_null() -> None:
    plan = claims.plan_release(SERVICE, ["openid", "phone", "profile"], NO_REQUEST, PERSON)
    assert plan.userinfo == {"name", "birthdate", "updated_at"}
    assert claims.release(PERSON, ["name", "phone_number"], SERVICE) == {"name": "Nguyễn Thị Mẫu"}


def test_oidc_core_5_1_values_keep_their_json_types() -> None:
    released = claims.release(PERSON, PERSON.claims, WITH_LAW)
    assert released == dict(PERSON.claims)
    assert released["email_verified"] is True
    assert isinstance(released["updated_at"], int)
    assert isinstance(released["address"], dict)


# -- the personal number -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "source", "may"),
    [
        (WITH_LAW, ProofSource.COUNTER, True),
        (WITH_LAW, ProofSource.NATIONAL_ID, True),
        (WITH_LAW, ProofSource.SELF, False),
        (SERVICE, ProofSource.NATIONAL_ID, False),
        (SERVICE, ProofSource.SELF, False),
    ],
)
def test_the_personal_number_needs_a_proof_and_a_law_by_whatever_way_it_is_asked_for(
    service: claims.RelyingService, source: ProofSource, may: bool
) -> None:
    person = replace(PERSON, proof_source=source)
    everywhere = ClaimsRequest(userinfo={"personal_id_number": {}}, id_token={"personal_id_number": {}})
    by_scope = claims.plan_release(service, ["openid", "personal_id_number"], NO_REQUEST, person)
    by_claim = claims.plan_release(service, ["openid"], everywhere, person)
    assert ("personal_id_number" in by_scope.names) is may
    assert ("personal_id_number" in by_claim.userinfo) is may
    assert ("personal_id_number" in by_claim.id_token) is may
    # An old grant may still list it: what is released is judged anew at each use.
    assert ("personal_id_number" in claims.release(person, ["personal_id_number"], service)) is may


@pytest.mark.parametrize("source", ProofSource)
@pytest.mark.parametrize("is_verified", [True, False])
def test_the_number_is_judged_by_its_own_check_and_not_by_that_of_other_facts(
    source: ProofSource, is_verified: bool
) -> None:
    known = {**PERSON.claims, claims.NUMBER_VERIFIED: is_verified}
    person = replace(PERSON, claims=known, proof_source=source)
    plan = claims.plan_release(WITH_LAW, ["openid", "personal_id_number"], NO_REQUEST, person)
    assert ("personal_id_number" in plan.names) is is_verified
    released = claims.release(person, known, WITH_LAW)
    assert ("personal_id_number" in released) is is_verified
    assert claims.NUMBER_VERIFIED not in released


@given(st.frozensets(st.sampled_from([*claims.SCOPES_SUPPORTED, "khong-biet"])), st.sampled_from(ProofSource))
def test_no_scope_releases_the_number_without_a_law(scopes: frozenset[str], source: ProofSource) -> None:
    person = replace(PERSON, proof_source=source)
    plan = claims.plan_release(SERVICE, scopes, NO_REQUEST, person)
    assert NUMBER not in json.dumps(claims.release(person, plan.names, SERVICE))


@given(st.frozensets(st.sampled_from(claims.SCOPES_SUPPORTED)), st.frozensets(st.sampled_from(claims.SCOPES_SUPPORTED)))
def test_oidc_core_5_5_the_claims_parameter_cannot_go_round_the_registered_scopes(
    registered: frozenset[str], asked: frozenset[str]
) -> None:
    service = replace(WITH_LAW, scopes=tuple(registered))
    everything = {name: {"essential": True} for name in CLAIM_NAMES}
    plan = claims.plan_release(service, asked, ClaimsRequest(userinfo=everything, id_token=everything), PERSON)
    may = {name for scope in registered for name in claims.SCOPE_CLAIMS.get(scope, ())}
    assert plan.userinfo == plan.id_token == may & PERSON.claims.keys()
    # What an old grant lists is judged anew at each use.
    assert claims.release(PERSON, CLAIM_NAMES, service).keys() == may & PERSON.claims.keys()


# -- the room in a code --------------------------------------------------------------------------------------------


@given(st.frozensets(st.sampled_from(CLAIM_NAMES)))
def test_names_survive_their_way_through_bits(names: frozenset[str]) -> None:
    assert claims.from_bits(claims.to_bits(names)) == names


def test_a_name_given_twice_counts_once() -> None:
    assert claims.from_bits(claims.to_bits(["email", "email"])) == {"email"}


def test_stored_bits_keep_their_meaning() -> None:
    """The order is in stored rows: a name that moves would release another fact than was agreed to."""
    assert (
        *("name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture"),
        *("website", "gender", "birthdate", "zoneinfo", "locale", "updated_at", "email", "email_verified", "address"),
        *("phone_number", "phone_number_verified", "personal_id_number"),
    ) == CLAIM_NAMES


def test_bits_of_a_newer_version_are_passed_over() -> None:
    assert claims.from_bits(1 << 60 | claims.to_bits(["name"])) == {"name"}


# -- reading the claims parameter ----------------------------------------------------------------------------------


def test_oidc_core_5_5_a_request_is_read() -> None:
    text = '{"userinfo": {"name": null, "email": {"essential": true}}, "id_token": {"auth_time": {"essential": true}}}'
    read = read_claims_request(text)
    assert read.userinfo == {"name": {}, "email": {"essential": True}}
    assert read.id_token == {"auth_time": {"essential": True}}
    assert read.as_json() == {
        "userinfo": {"name": {}, "email": {"essential": True}},
        "id_token": {"auth_time": {"essential": True}},
    }


@pytest.mark.parametrize("text", [None, "", "{}", '{"userinfo": null}', '{"other": {"name": null}}'])
def test_oidc_core_5_5_nothing_asked_for(text: str | None) -> None:
    assert read_claims_request(text) == NO_REQUEST


def test_oidc_core_5_5_names_that_are_not_understood_are_ignored() -> None:
    assert read_claims_request('{"userinfo": {"shoe_size": null, "name": null}}').userinfo == {"name": {}}


def test_oidc_core_5_2_a_localised_name_stands_for_the_plain_one() -> None:
    assert read_claims_request('{"userinfo": {"name#vi-VN": null}}').userinfo == {"name": {}}


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", "null", "1", '"name"', "NaN", "{'userinfo': {}}", "\ud800", "\x00", "{}{}"),
        *('{"userinfo": []}', '{"userinfo": "name"}', '{"id_token": 1}', '{"userinfo": {"name": true}}'),
        *('{"userinfo": {"name": []}}', '{"userinfo": {"khong-biet": 1}}', '{"id_token": {"sub": "x"}}'),
        "[" * (LARGEST_REQUEST - 1),
        '{"a":' * 800,
        " " * (LARGEST_REQUEST + 1),
        json.dumps({"userinfo": {f"x{place}": None for place in range(10_000)}}),
    ],
)
def test_oidc_core_5_5_a_malformed_request_is_refused_and_never_a_fault(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_claims_request(text)
    assert refused.value.code == "request_malformed"
    assert refused.value.detail.isascii()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["name", "userinfo"]), inner),
)
requests = st.fixed_dictionaries({}, optional={"userinfo": json_values, "id_token": json_values, "x": json_values})


@given(st.text() | json_values.map(json.dumps) | requests.map(json.dumps))
def test_whatever_stands_in_claims_is_read_or_refused(text: str) -> None:
    try:
        read = read_claims_request(text)
    except Refusal as refusal:
        assert refusal.code == "request_malformed"
        return
    known = {*CLAIM_NAMES, *claims.SIGN_IN_CLAIMS}
    assert known >= read.userinfo.keys() | read.id_token.keys()
