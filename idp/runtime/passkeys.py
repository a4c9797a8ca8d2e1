"""Passkeys: what a browser is asked, and whether its answer holds (W3C Web Authentication 3, 7.1 and 7.2).

Always discoverable and user-verified; attestation is not asked for, since no maker of authenticators is preferred.
"""

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

LARGEST = 16_384


class NoProof(Exception):
    """The answer does not hold, whatever is wrong with it."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new passkey: its id and its public key (COSE), as the authenticator gave them."""

    credential_id: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    sign_count: int
    device_bound: bool


def options_to_make(
    issuer: str, challenge: bytes, *, user: bytes, name: str, display_name: str, have: list[bytes]
) -> str:
    """What the browser is given to make a passkey, as JSON; none beside those on the same authenticator."""
    options = webauthn.generate_registration_options(
        rp_id=_host(issuer),
        rp_name=_host(issuer),
        user_id=user,
        user_name=name,
        user_display_name=display_name,
        challenge=challenge,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in have],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
    )
    return webauthn.options_to_json(options)


def read_made(issuer: str, challenge: bytes, answer: str) -> Made:
    """The passkey that a browser made; raises NoProof."""
    try:
        verified = webauthn.verify_registration_response(
            credential=_read(answer),
            expected_challenge=challenge,
            expected_rp_id=_host(issuer),
            expected_origin=issuer,
            require_user_verification=True,
        )
    except _FAULTS:
        raise NoProof from None
    return Made(
        verified.credential_id,
        verified.credential_public_key,
        verified.sign_count,
        verified.credential_device_type == "single_device",
    )


def options_to_sign(issuer: str, challenge: bytes, *, only: list[bytes]) -> str:
    """What the browser is given to prove a passkey, as JSON; any of ours when `only` is empty."""
    options = webauthn.generate_authentication_options(
        rp_id=_host(issuer),
        challenge=challenge,
        allow_credentials=[PublicKeyCredentialDescriptor(id=each) for each in only],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def named_in(answer: str) -> bytes:
    """Which passkey an answer is by; raises NoProof."""
    try:
        return base64url_to_bytes(str(_read(answer)["id"]))
    except _FAULTS:
        raise NoProof from None


def read_signed(issuer: str, challenge: bytes, answer: str, *, public_key: bytes, sign_count: int) -> int:
    """The new count of a passkey that answered rightly; raises NoProof."""
    try:
        verified = webauthn.verify_authentication_response(
            credential=_read(answer),
            expected_challenge=challenge,
            expected_rp_id=_host(issuer),
            expected_origin=issuer,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except _FAULTS:
        raise NoProof from None
    return verified.new_sign_count


# What the library raises for what it was not made for stands beside its own: a stranger writes these texts.
_FAULTS = (WebAuthnException, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def _read(answer: str) -> dict[str, object]:
    if len(answer) > LARGEST:
        raise NoProof
    read = json.loads(answer)
    if not isinstance(read, dict):
        raise NoProof
    return read


def _host(issuer: str) -> str:
    return urlsplit(issuer).hostname or ""
