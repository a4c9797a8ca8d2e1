"""What people (and operators, and the worker) do: one function per deed; flows never call flows."""

from idp.flows import (
    account_care,
    consent,
    contacts,
    counter_screens,
    delivery,
    factors,
    housekeeping,
    key_care,
    one_time_codes,
    proofing,
    recovery,
    registration,
    second_factor,
    service_registry,
    sign_in,
    sign_out,
)

__all__ = [
    "account_care",
    "consent",
    "contacts",
    "counter_screens",
    "delivery",
    "factors",
    "housekeeping",
    "key_care",
    "one_time_codes",
    "proofing",
    "recovery",
    "registration",
    "second_factor",
    "service_registry",
    "sign_in",
    "sign_out",
]
