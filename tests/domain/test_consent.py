"""The basis of a release: consent or the notice of a law (Law 91/2025/QH15), and when an earlier answer covers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.consent import BasisKind, Consent, Need, is_settled, need_of
from tests.domain.test_relying_services import SERVICE

THEN = datetime(2026, 11, 1, tzinfo=UTC)
LAW = "Nghị định 118/2025/NĐ-CP"
AGREED = Consent(
    id=UUID(int=1),
    subject_id=UUID(int=2),
    service_id=UUID(int=3),
    kind=BasisKind.CONSENT,
    names=frozenset({"name", "email"}),
    offline=False,
    legal_basis=None,
    given_at=THEN,
    withdrawn_at=None,
)
TOLD = replace(AGREED, kind=BasisKind.NOTICE, legal_basis=LAW)
WANTS_CONSENT = Need(BasisKind.CONSENT, frozenset({"name"}), offline=False, legal_basis=None)
WANTS_NOTICE = replace(WANTS_CONSENT, kind=BasisKind.NOTICE, legal_basis=LAW)
ONE, OTHER = "https://ho-tich.example/api", "https://dat-dai.example/api"
NAMED = frozenset({ONE})


@pytest.mark.parametrize(
    ("legal_basis", "offline", "kind"),
    [
        (None, False, BasisKind.CONSENT),
        (None, True, BasisKind.CONSENT),
        (LAW, False, BasisKind.NOTICE),
        (LAW, True, BasisKind.CONSENT),
    ],
)
def test_a_law_needs_a_notice_and_lasting_access_always_consent(
    legal_basis: str | None, offline: bool, kind: BasisKind
) -> None:
    need = need_of(replace(SERVICE, legal_basis=legal_basis), ["name"], offline=offline, resource=ONE)
    assert (need.kind, need.names, need.offline, need.resource) == (kind, {"name"}, offline, ONE)


@pytest.mark.parametrize(
    ("need", "consent", "settled"),
    [
        pytest.param(WANTS_CONSENT, None, False, id="never asked"),
        pytest.param(WANTS_CONSENT, AGREED, True, id="agreed to more"),
        pytest.param(replace(WANTS_CONSENT, names=AGREED.names), AGREED, True, id="agreed to just this"),
        pytest.param(replace(WANTS_CONSENT, names=frozenset()), AGREED, True, id="nothing to release"),
        pytest.param(replace(WANTS_CONSENT, names=frozenset({"name", "address"})), AGREED, False, id="one fact more"),
        pytest.param(WANTS_CONSENT, replace(AGREED, withdrawn_at=THEN), False, id="withdrawn"),
        pytest.param(WANTS_CONSENT, TOLD, False, id="a notice is no consent"),
        pytest.param(replace(WANTS_CONSENT, offline=True), AGREED, False, id="lasting access was not agreed to"),
        pytest.param(replace(WANTS_CONSENT, offline=True), replace(AGREED, offline=True), True, id="it was"),
        pytest.param(WANTS_CONSENT, replace(AGREED, offline=True), True, id="less than agreed to"),
        pytest.param(replace(WANTS_CONSENT, resource=ONE), AGREED, False, id="an interface was not named"),
        pytest.param(replace(WANTS_CONSENT, resource=ONE), replace(AGREED, resources=NAMED), True, id="it was named"),
        pytest.param(replace(WANTS_CONSENT, resource=OTHER), replace(AGREED, resources=NAMED), False, id="another one"),
        pytest.param(WANTS_CONSENT, replace(AGREED, resources=NAMED), True, id="without the interface named before"),
        pytest.param(replace(WANTS_NOTICE, resource=ONE), TOLD, False, id="the notice named no interface"),
        pytest.param(replace(WANTS_NOTICE, resource=ONE), replace(TOLD, resources=NAMED), True, id="the notice did"),
        pytest.param(WANTS_NOTICE, TOLD, True, id="a notice is shown once"),
        pytest.param(WANTS_NOTICE, replace(TOLD, legal_basis="Luật khác"), False, id="another law, another notice"),
        pytest.param(WANTS_NOTICE, replace(TOLD, withdrawn_at=THEN), False, id="notice withdrawn"),
        pytest.param(WANTS_NOTICE, AGREED, True, id="who agreed was told"),
        pytest.param(replace(WANTS_NOTICE, names=frozenset({"address"})), AGREED, False, id="told of other facts"),
    ],
)
def test_whether_an_earlier_answer_covers_the_need(need: Need, consent: Consent | None, settled: bool) -> None:
    assert is_settled(need, consent, asked_again_at=None) is settled


def test_oidc_core_3_1_2_1_prompt_consent_counts_only_an_answer_given_since() -> None:
    assert is_settled(WANTS_CONSENT, AGREED, asked_again_at=THEN)
    assert not is_settled(WANTS_CONSENT, AGREED, asked_again_at=THEN + timedelta(microseconds=1))


NAMES = st.frozensets(st.sampled_from(["name", "email", "address", "birthdate"]))


@given(asked=NAMES, agreed=NAMES, offline=st.booleans(), agreed_offline=st.booleans())
def test_no_consent_covers_more_than_was_agreed_to(
    asked: frozenset[str], agreed: frozenset[str], offline: bool, agreed_offline: bool
) -> None:
    need = Need(BasisKind.CONSENT, asked, offline=offline, legal_basis=None)
    consent = replace(AGREED, names=agreed, offline=agreed_offline)
    assert is_settled(need, consent, asked_again_at=None) is (asked <= agreed and agreed_offline >= offline)
