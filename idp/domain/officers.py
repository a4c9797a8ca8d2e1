"""Who may do what: roles are bundles of permissions, held at a unit for a time; nothing is allowed by default.

Staff are no citizens: an officer is a subject of its own kind, with its own names to sign in with, and is never merged
with the same person's own account. An assignment reaches its unit and all units below.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from idp.domain.agencies import Agency
from idp.domain.refusals import Refusal

LONGEST_STAFF_CODE: Final = 24
# How long the code on paper is good that an officer's first sign-in needs, and how long a break-glass assignment lasts.
ENROLMENT_FOR: Final = timedelta(days=3)
BREAK_GLASS_FOR: Final = timedelta(days=1)
# How long a sign-in is good for what cannot be taken back, and how long an officer may be idle at the consoles.
FRESH_FOR: Final = timedelta(minutes=15)
IDLE_FOR: Final = timedelta(minutes=30)
# Who stands in an assignment that nobody approved.
BREAK_GLASS: Final = "break-glass"
_STAFF_CODE: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,22})[a-z0-9]")


class Permission(StrEnum):
    """One thing that an officer may do; each page of the consoles asks for one of these."""

    ENTER = "enter"
    FIND_PEOPLE = "people.find"
    LOCK_ACCOUNTS = "accounts.lock"
    CLOSE_ACCOUNTS = "accounts.close"
    ASK_CASES = "cases.ask"
    DECIDE_CASES = "cases.decide"
    CAPTURE_PROOFING = "proofing.capture"
    RECALL_PROOFING = "proofing.recall"
    ACT_IN_BULK = "accounts.bulk"
    MANAGE_KEYS = "keys.manage"
    MANAGE_SERVICES = "services.manage"
    DECIDE_SERVICES = "services.decide"
    MANAGE_OFFICERS = "officers.manage"
    READ_AUDIT = "audit.read"


class Role(StrEnum):
    SYSTEM_ADMINISTRATOR = "system_administrator"
    REGISTRAR = "registrar"
    APPROVER = "approver"
    SERVICE_MANAGER = "service_manager"
    HELP_DESK = "help_desk"
    AUDITOR = "auditor"


PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.SYSTEM_ADMINISTRATOR: frozenset(
        {
            Permission.ENTER,
            Permission.MANAGE_OFFICERS,
            Permission.ASK_CASES,
            Permission.RECALL_PROOFING,
            Permission.ACT_IN_BULK,
            Permission.MANAGE_KEYS,
        }
    ),
    Role.REGISTRAR: frozenset(
        {
            Permission.ENTER,
            Permission.FIND_PEOPLE,
            Permission.LOCK_ACCOUNTS,
            Permission.CLOSE_ACCOUNTS,
            Permission.ASK_CASES,
            Permission.CAPTURE_PROOFING,
        }
    ),
    Role.APPROVER: frozenset({Permission.ENTER, Permission.FIND_PEOPLE, Permission.DECIDE_CASES}),
    Role.SERVICE_MANAGER: frozenset({Permission.ENTER, Permission.MANAGE_SERVICES, Permission.DECIDE_SERVICES}),
    Role.HELP_DESK: frozenset({Permission.ENTER, Permission.FIND_PEOPLE, Permission.LOCK_ACCOUNTS}),
    Role.AUDITOR: frozenset({Permission.ENTER, Permission.READ_AUDIT}),
}
# For these the officer proves oneself anew when the sign-in is older than FRESH_FOR.
SENSITIVE: Final = frozenset(
    {
        Permission.CLOSE_ACCOUNTS,
        Permission.DECIDE_CASES,
        Permission.RECALL_PROOFING,
        Permission.ACT_IN_BULK,
        Permission.MANAGE_KEYS,
        Permission.DECIDE_SERVICES,
        Permission.MANAGE_OFFICERS,
    }
)
# What is decided for the whole province: these need an assignment at the root of the tree.
OF_THE_PROVINCE: Final = frozenset(
    {Permission.DECIDE_SERVICES, Permission.RECALL_PROOFING, Permission.ACT_IN_BULK, Permission.MANAGE_KEYS}
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One role of one officer at one unit, from its first to its last day (None: until it is ended)."""

    id: UUID
    subject_id: UUID
    agency: Agency
    role: Role
    valid_from: date
    valid_until: date | None
    granted_by: str = ""

    @property
    def is_break_glass(self) -> bool:
        return self.granted_by == BREAK_GLASS

    def is_in_force(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)

    def may(self, permission: Permission) -> bool:
        """Whether the role has this permission, at a unit where it counts."""
        if permission in OF_THE_PROVINCE and self.agency.parent_id is not None:
            return False
        return permission in PERMISSIONS[self.role]


def check_staff_code(text: str) -> str:
    """An officer's name to sign in with: 3 to 24 small letters, digits, dots and hyphens.

    Raises Refusal('invalid_identifier').
    """
    code = text.strip().lower()
    if not _STAFF_CODE.fullmatch(code):
        raise Refusal("invalid_identifier", "a staff code has 3 to 24 of a-z, 0-9, '.' and '-'", field="staff_code")
    return code


def actor_of(staff_code: str, agency_code: str) -> str:
    """How an officer stands in the audit: the staff code, and the unit for which the deed was done."""
    return f"{staff_code}@{agency_code}"


def read_actor(actor: str) -> tuple[str, str] | None:
    """Staff code and agency code of an audit's actor; None where no officer acted."""
    staff_code, at, agency_code = actor.partition("@")
    return (staff_code, agency_code) if at and _STAFF_CODE.fullmatch(staff_code) else None
