"""Every table, declared once. No relationships, no entities: rows move by Core statements.

Personal values stand in columns ending in `_sealed` (AES-256-GCM under the person's data key), and are found by columns
ending in `_index` (keyed digests). Tables that only grow (PARTITIONED) have a UUIDv7 as key and, on PostgreSQL, are cut
by month along it: purging drops a partition. They carry no foreign keys, so that neither a purge nor a hot insert waits
for another table.

Long because a schema is read in one place.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from idp.storage.database import db


class Moment(TypeDecorator[datetime]):
    """A point in time, aware and in UTC; SQLite, which knows no time zones, is told nothing of them."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.replace(tzinfo=UTC)


# A month of these goes when every token of it is dead; of those when it is older than the law asks to keep.
OF_TOKENS = ("grants", "machine_grants")
# The leaves of the log are the last of them: they go with the entries that they prove, not before.
HISTORY = ("releases", "authentications", "audit", "log_leaves")
PARTITIONED = (*OF_TOKENS, *HISTORY)


def _table(name: str, *items: Any) -> sa.Table:
    options = {"postgresql_partition_by": "RANGE (id)"} if name in PARTITIONED else {}
    return db.Table(name, *items, **options)


def _id(name: str = "id") -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid, primary_key=True)


def _to(name: str, target: str, *, nullable: bool = False, primary_key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid, sa.ForeignKey(target), nullable=nullable, primary_key=primary_key)


def _loose(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid, nullable=nullable)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, Moment, nullable=nullable)


def _sealed(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary, nullable=nullable)


def _index(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(20), nullable=nullable)


def _number(name: str, *, default: int | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=None if default is None else str(default))


def _big(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False)


# -- people --------------------------------------------------------------------------------------------------------

subjects = _table(
    "subjects",
    _id(),
    _text("kind", 8),
    _text("state", 8),
    _text("state_reason", 64, nullable=True),
    _text("state_source", 64, nullable=True),
    _text("state_legal_basis", 200, nullable=True),
    _at("state_until", nullable=True),
    _number("account_level"),
    _text("proof_source", 16),
    _at("created_at"),
    _at("updated_at"),
)
data_keys = _table(
    "data_keys",
    _id(),
    _to("subject_id", "subjects.id", nullable=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    _at("created_at"),
    sa.UniqueConstraint("subject_id"),
)
identifiers = _table(
    "identifiers",
    _id(),
    _to("subject_id", "subjects.id"),
    _text("space", 8),
    _text("kind", 20),
    _text("country", 2),
    _sealed("value_sealed"),
    _index("value_index"),
    _text("source", 16),
    _at("verified_at", nullable=True),
    _text("verified_by", 64, nullable=True),
    sa.Column("valid_from", sa.Date, nullable=True),
    sa.Column("valid_until", sa.Date, nullable=True),
    _at("created_at"),
    _at("ended_at", nullable=True),
    sa.Index("ix_identifiers_subject_id", "subject_id"),
    sa.Index("ix_identifiers_value_index", "value_index"),
    # A self-asserted number reserves nothing; a verified one belongs to one living record of its space.
    sa.Index(
        "uq_identifiers_verified",
        "space",
        "kind",
        "country",
        "value_index",
        unique=True,
        postgresql_where=sa.text("verified_at IS NOT NULL AND ended_at IS NULL"),
        sqlite_where=sa.text("verified_at IS NOT NULL AND ended_at IS NULL"),
    ),
)
contacts = _table(
    "contacts",
    _id(),
    _to("subject_id", "subjects.id"),
    _text("kind", 8),
    _sealed("value_sealed"),
    _index("value_index"),
    _index("last_four_index", nullable=True),
    _at("verified_at", nullable=True),
    _flag("is_shared"),
    _at("created_at"),
    _at("ended_at", nullable=True),
    sa.Index("ix_contacts_subject_id", "subject_id"),
    sa.Index("ix_contacts_value_index", "value_index"),
    sa.Index("ix_contacts_last_four_index", "last_four_index"),
)
sign_in_names = _table(
    "sign_in_names",
    _id(),
    _to("subject_id", "subjects.id"),
    _text("space", 8),
    _text("kind", 20),
    _sealed("value_sealed"),
    _index("value_index"),
    _text("proof", 16),
    _at("created_at"),
    sa.Index("ix_sign_in_names_subject_id", "subject_id"),
    sa.Index("ix_sign_in_names_value_index", "value_index"),
    # What people say of themselves, and phones that a family shares, name several; what was proved names one.
    sa.Index(
        "uq_sign_in_names_proved",
        "space",
        "kind",
        "value_index",
        unique=True,
        postgresql_where=sa.text("proof NOT IN ('self', 'code')"),
        sqlite_where=sa.text("proof NOT IN ('self', 'code')"),
    ),
)
facts = _table(
    "facts",
    _id(),
    _to("subject_id", "subjects.id"),
    _text("name", 40),
    _sealed("value_sealed"),
    _text("source", 16),
    _text("method", 40),
    _text("verified_by", 64),
    _at("verified_at", nullable=True),
    _sealed("evidence_sealed", nullable=True),
    _at("valid_from"),
    _at("valid_until", nullable=True),
    _at("superseded_at", nullable=True),
    sa.Index("ix_facts_subject_id", "subject_id", "name"),
    # To find what one officer or one source vouched for in some days, for a recall.
    sa.Index(
        "ix_facts_vouched",
        "verified_at",
        postgresql_where=sa.text("source <> 'self' AND superseded_at IS NULL"),
        sqlite_where=sa.text("source <> 'self' AND superseded_at IS NULL"),
    ),
)
profiles = _table(
    "profiles",
    _to("subject_id", "subjects.id", primary_key=True),
    _sealed("claims_sealed"),
    _at("updated_at"),
)
name_words = _table(
    "name_words",
    _to("subject_id", "subjects.id", primary_key=True),
    sa.Column("word_index", sa.LargeBinary(20), primary_key=True),
    _sealed("word_sealed"),
    sa.Index("ix_name_words_word", "word_index", "subject_id"),
)
identity_links = _table(
    "identity_links",
    _id(),
    _to("subject_id", "subjects.id"),
    _text("issuer", 255),
    _sealed("upstream_sealed"),
    _index("upstream_index"),
    _number("account_level"),
    _at("linked_at"),
    _at("ended_at", nullable=True),
    sa.Index("ix_identity_links_subject_id", "subject_id"),
    sa.Index(
        "uq_identity_links_upstream",
        "issuer",
        "upstream_index",
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    ),
)
credentials = _table(
    "credentials",
    _id(),
    _to("subject_id", "subjects.id"),
    _text("kind", 16),
    sa.Column("secret_hash", sa.Text, nullable=False),
    _at("created_at"),
    _at("changed_at"),
    _at("ended_at", nullable=True),
    sa.Index("ix_credentials_subject_id", "subject_id", "kind"),
)
devices = _table(
    "devices",
    _id(),
    _to("subject_id", "subjects.id"),
    sa.Column("token_digest", sa.LargeBinary(32), nullable=False),
    _sealed("agent_sealed"),
    _at("first_seen_at"),
    _at("seen_at"),
    _at("ended_at", nullable=True),
    sa.UniqueConstraint("subject_id", "token_digest"),
)
throttles = _table(
    "throttles",
    sa.Column("counted_index", sa.LargeBinary(20), primary_key=True),
    _number("tries"),
    _at("window_ends_at"),
    sa.Index("ix_throttles_window_ends_at", "window_ends_at"),
)

passkeys = _table(
    "passkeys",
    _id(),
    _to("subject_id", "subjects.id"),
    sa.Column("credential_id", sa.LargeBinary(1023), nullable=False),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    _big("sign_count"),
    _flag("device_bound"),
    _sealed("name_sealed"),
    _at("created_at"),
    _at("used_at", nullable=True),
    _at("ended_at", nullable=True),
    sa.UniqueConstraint("credential_id"),
    sa.Index("ix_passkeys_subject_id", "subject_id"),
)
totp_secrets = _table(
    "totp_secrets",
    _id(),
    _to("subject_id", "subjects.id"),
    _sealed("secret_sealed"),
    # The newest time step that was spent: none is good twice (RFC 6238 5.2).
    _big("last_step"),
    _at("created_at"),
    _at("used_at", nullable=True),
    _at("ended_at", nullable=True),
    sa.Index("ix_totp_secrets_subject_id", "subject_id"),
)
recovery_codes = _table(
    "recovery_codes",
    _id(),
    _to("subject_id", "subjects.id"),
    _text("kind", 16),
    _index("code_index"),
    _text("issued_by", 64),
    _at("created_at"),
    _at("expires_at", nullable=True),
    _at("used_at", nullable=True),
    sa.Index("ix_recovery_codes_subject_id", "subject_id"),
)
recoveries = _table(
    "recoveries",
    _id(),
    _to("subject_id", "subjects.id"),
    _text("state", 12),
    _text("proved", 64),
    _at("opened_at"),
    _at("ready_at"),
    _at("expires_at"),
    _at("ended_at", nullable=True),
    sa.Index("ix_recoveries_subject_id", "subject_id"),
)
one_time_codes = _table(
    "one_time_codes",
    _id(),
    _text("purpose", 16),
    _loose("subject_id", nullable=True),
    _index("contact_index"),
    _index("code_index"),
    _number("tries"),
    _at("created_at"),
    _at("expires_at"),
    _at("used_at", nullable=True),
    sa.Index("ix_one_time_codes_expires_at", "expires_at"),
)
other_screens = _table(
    "other_screens",
    _id(),
    _text("state", 8),
    _text("number", 2),
    _sealed("asking_sealed"),
    _loose("subject_id", nullable=True),
    _text("amr", 64, nullable=True),
    _at("created_at"),
    _at("expires_at"),
    sa.Index("ix_other_screens_expires_at", "expires_at"),
)

# -- sign-ins ------------------------------------------------------------------------------------------------------

sessions = _table(
    "sessions",
    _id(),
    _to("subject_id", "subjects.id"),
    sa.Column("token_digest", sa.LargeBinary(32), nullable=False),
    _at("auth_time"),
    _text("amr", 64),
    _number("auth_level"),
    _loose("device_id", nullable=True),
    _sealed("address_sealed"),
    _sealed("agent_sealed"),
    _at("created_at"),
    _at("seen_at"),
    _at("expires_at"),
    _at("ended_at", nullable=True),
    _text("end_reason", 24, nullable=True),
    sa.Column("idle_for", sa.Integer),
    _loose("assignment_id", nullable=True),
    sa.UniqueConstraint("token_digest"),
    sa.Index("ix_sessions_subject_id", "subject_id"),
    sa.Index(
        "ix_sessions_live",
        "seen_at",
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    ),
)
authentications = _table(
    "authentications",
    _id(),
    _loose("subject_id"),
    _loose("session_id"),
    _text("source", 255),
    _text("amr", 64),
    _number("auth_level"),
    _at("at"),
    _sealed("address_sealed"),
    sa.Index("ix_authentications_subject_id", "subject_id", "id"),
)
grants = _table(
    "grants",
    _id(),
    _loose("session_id"),
    _loose("subject_id"),
    _loose("service_id"),
    _text("scopes", 255),
    _big("userinfo_bits"),
    _big("id_token_bits"),
    _at("auth_time"),
    _text("amr", 64),
    _number("auth_level"),
    _flag("offline"),
    _number("generation"),
    _at("created_at"),
    _at("refreshed_at", nullable=True),
    _at("expires_at"),
    _at("ended_at", nullable=True),
    _text("end_reason", 24, nullable=True),
    _text("resource", 255, nullable=True),
    sa.Index("ix_grants_session_id", "session_id"),
    sa.Index("ix_grants_subject_id", "subject_id", "service_id"),
)
machine_grants = _table(
    "machine_grants",
    _id(),
    _loose("service_id"),
    _text("scopes", 1000),
    _text("resource", 255, nullable=True),
    _at("created_at"),
    _at("expires_at"),
    _at("ended_at", nullable=True),
)
screen_codes = _table(
    "screen_codes",
    _id(),
    _index("code_index"),
    _text("name", 80),
    _at("expires_at"),
    sa.Index("ix_screen_codes_expires_at", "expires_at"),
)
spent_tokens = _table(
    "spent_tokens",
    sa.Column("token_digest", sa.LargeBinary(32), primary_key=True),
    _at("expires_at"),
    sa.Index("ix_spent_tokens_expires_at", "expires_at"),
)
large_requests = _table(
    "large_requests",
    _id(),
    sa.Column("body_sealed", sa.LargeBinary, nullable=False),
    _at("expires_at"),
    sa.Index("ix_large_requests_expires_at", "expires_at"),
)

# -- services ------------------------------------------------------------------------------------------------------

agencies = _table(
    "agencies",
    _id(),
    _text("code", 35),
    _text("name_vi", 200),
    _text("name_en", 200),
    _to("parent_id", "agencies.id", nullable=True),
    sa.Column("aliases", sa.JSON, nullable=False),
    sa.Column("valid_from", sa.Date, nullable=True),
    sa.Column("valid_until", sa.Date, nullable=True),
    sa.UniqueConstraint("code"),
)
assignments = _table(
    "assignments",
    _id(),
    _to("subject_id", "subjects.id"),
    _to("agency_id", "agencies.id"),
    _text("role", 24),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("valid_until", sa.Date, nullable=True),
    _text("granted_by", 64),
    _at("created_at"),
    _at("ended_at", nullable=True),
    _text("ended_by", 64, nullable=True),
    sa.Index("ix_assignments_subject_id", "subject_id"),
    sa.Index("ix_assignments_agency_id", "agency_id"),
)
cases = _table(
    "cases",
    _id(),
    _text("kind", 16),
    _text("state", 12),
    _loose("subject_id", nullable=True),
    _to("agency_id", "agencies.id"),
    _loose("asked_by"),
    _text("asked_as", 64),
    _loose("asked_session_id"),
    sa.Column("asked_device_digest", sa.LargeBinary(32), nullable=False),
    _at("asked_at"),
    _sealed("body_sealed", nullable=True),
    sa.Column("body_hash", sa.LargeBinary(32), nullable=False),
    sa.Column("due_by", sa.Date, nullable=False),
    _at("expires_at"),
    _loose("decided_by", nullable=True),
    _text("decided_as", 64, nullable=True),
    _loose("decided_session_id", nullable=True),
    _at("decided_at", nullable=True),
    _text("reason", 200, nullable=True),
    sa.Index("ix_cases_subject_id", "subject_id"),
    sa.Index("ix_cases_asked_by", "asked_by", "id"),
    sa.Index(
        "ix_cases_waiting",
        "due_by",
        "id",
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    ),
)
recalls = _table(
    "recalls",
    _id(),
    _text("officer", 64),
    _text("source", 16),
    _at("since"),
    _at("before"),
    _text("reason", 200),
    _text("state", 12),
    _number("persons"),
    _number("done"),
    _loose("cursor", nullable=True),
    _text("asked_as", 64),
    _text("approved_as", 64),
    _at("created_at"),
    _at("ended_at", nullable=True),
)
bulk_jobs = _table(
    "bulk_jobs",
    _id(),
    _text("kind", 8),
    _text("state", 12),
    sa.Column("said", sa.JSON, nullable=False),
    _text("digest", 64),
    _number("lines"),
    _number("done"),
    _number("good"),
    _number("part"),
    _text("asked_as", 64),
    _text("approved_as", 64),
    _at("created_at"),
    _at("ended_at", nullable=True),
    sa.Index(
        "ix_bulk_jobs_at_work",
        "id",
        postgresql_where=sa.text("state IN ('checking', 'running')"),
        sqlite_where=sa.text("state IN ('checking', 'running')"),
    ),
)
bulk_parts = _table(
    "bulk_parts",
    _id(),
    _to("job_id", "bulk_jobs.id"),
    _number("number"),
    _sealed("lines_sealed", nullable=True),
    sa.Column("passed", sa.JSON, nullable=False),
    sa.UniqueConstraint("job_id", "number"),
)
merges = _table(
    "merges",
    _id(),
    _to("kept_id", "subjects.id"),
    _to("merged_id", "subjects.id"),
    _at("merged_at"),
    _at("undo_until"),
    _sealed("undo_sealed", nullable=True),
    _text("asked_as", 64),
    _text("approved_as", 64),
    _at("undone_at", nullable=True),
    _text("undone_as", 64, nullable=True),
    sa.Index("ix_merges_kept_id", "kept_id"),
    sa.Index("ix_merges_merged_id", "merged_id"),
    # An account is merged into one other at a time, however many officers want it.
    sa.Index(
        "uq_merges_merged",
        "merged_id",
        unique=True,
        postgresql_where=sa.text("undone_at IS NULL"),
        sqlite_where=sa.text("undone_at IS NULL"),
    ),
)
relying_services = _table(
    "relying_services",
    _id(),
    _text("client_id", 255),
    _to("agency_id", "agencies.id", nullable=True),
    _text("sector", 255),
    _text("state", 12),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("secret_digests", sa.JSON, nullable=False),
    _sealed("secret_sealed", nullable=True),
    sa.Column("registration_token_digest", sa.LargeBinary(32), nullable=True),
    _text("registered_by", 32),
    _at("created_at"),
    _at("updated_at"),
    sa.UniqueConstraint("client_id"),
)
service_resources = _table(
    "service_resources",
    sa.Column("resource", sa.String(255), primary_key=True),
    _to("service_id", "relying_services.id"),
    sa.Index("ix_service_resources_service_id", "service_id"),
)
service_origins = _table(
    "service_origins",
    sa.Column("origin", sa.String(255), primary_key=True),
    _to("service_id", "relying_services.id", primary_key=True),
    sa.Index("ix_service_origins_service_id", "service_id"),
)
initial_access_tokens = _table(
    "initial_access_tokens",
    _id(),
    sa.Column("token_digest", sa.LargeBinary(32), nullable=False),
    _to("agency_id", "agencies.id", nullable=True),
    _number("uses_left"),
    _at("expires_at"),
    _at("created_at"),
    # What services that come by it may register: scopes and hosts, each separated by spaces.
    _text("scopes", 255, nullable=True),
    sa.Column("hosts", sa.Text, nullable=True),
    sa.UniqueConstraint("token_digest"),
)
logos = _table(
    "logos",
    _to("service_id", "relying_services.id", primary_key=True),
    _text("media_type", 40),
    sa.Column("image", sa.LargeBinary, nullable=False),
    sa.Column("image_digest", sa.LargeBinary(32), nullable=False),
    _at("fetched_at"),
)
subs = _table(
    "subs",
    sa.Column("sector", sa.String(255), primary_key=True),
    _to("subject_id", "subjects.id", primary_key=True),
    _text("sub", 255),
    sa.UniqueConstraint("sector", "sub"),
)
consents = _table(
    "consents",
    _id(),
    _to("subject_id", "subjects.id"),
    _to("service_id", "relying_services.id"),
    _text("kind", 8),
    _big("name_bits"),
    _flag("offline"),
    _text("legal_basis", 200, nullable=True),
    _at("given_at"),
    _at("withdrawn_at", nullable=True),
    # Interfaces (RFC 8707), separated by spaces, which no URI has.
    sa.Column("resources", sa.Text, nullable=True),
    sa.Index("ix_consents_subject_id", "subject_id", "service_id", "id"),
)

# -- what happened, what leaves ------------------------------------------------------------------------------------

releases = _table(
    "releases",
    _id(),
    _at("at"),
    _loose("subject_id"),
    _loose("service_id"),
    _loose("grant_id"),
    _big("name_bits"),
    _text("basis_kind", 8),
    _loose("basis_id"),
    _text("legal_basis", 200, nullable=True),
    _text("personal_number_basis", 200, nullable=True),
    sa.Column("leaf_hash", sa.LargeBinary(32), nullable=False),
    sa.Index("ix_releases_subject_id", "subject_id", "id"),
    sa.Index("ix_releases_service_id", "service_id", "id"),
)
# What the law asks to be shown of a request stays readable: its kind, days and states, who acted when, on what ground.
rights_requests = _table(
    "rights_requests",
    _id(),
    _to("subject_id", "subjects.id"),
    _text("kind", 12),
    _text("state", 12),
    _flag("through_others"),
    sa.Column("answer_by", sa.Date, nullable=False),
    sa.Column("done_by", sa.Date, nullable=False),
    _text("legal_ground", 200, nullable=True),
    _at("received_at"),
    _text("received_by", 64),
    _sealed("received_sealed", nullable=True),
    _at("answered_at", nullable=True),
    _text("answered_by", 64, nullable=True),
    _sealed("answered_sealed", nullable=True),
    _at("extended_at", nullable=True),
    _text("extended_by", 64, nullable=True),
    _sealed("extended_sealed", nullable=True),
    _at("ended_at", nullable=True),
    _text("ended_by", 64, nullable=True),
    _sealed("ended_sealed", nullable=True),
    sa.Index("ix_rights_requests_subject_id", "subject_id", "id"),
    sa.Index(
        "ix_rights_requests_open",
        "done_by",
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    ),
)
# What people do by themselves all day is looked for by person or kind, not by who did it. A query says it alike, word
# for word, or the index is not used.
BY_OFFICERS = "event NOT LIKE 'sign_in.%' AND event NOT LIKE 'session.%'"
audit = _table(
    "audit",
    _id(),
    _at("at"),
    _text("event", 40),
    _loose("subject_id", nullable=True),
    _loose("service_id", nullable=True),
    _loose("session_id", nullable=True),
    _text("actor", 64),
    _sealed("details_sealed", nullable=True),
    sa.Column("leaf_hash", sa.LargeBinary(32), nullable=False),
    sa.Index("ix_audit_subject_id", "subject_id", "id"),
    sa.Index("ix_audit_service_id", "service_id", "id"),
    sa.Index("ix_audit_event", "event", "id"),
    sa.Index(
        "ix_audit_actor",
        "actor",
        "id",
        postgresql_where=sa.text(BY_OFFICERS),
        sqlite_where=sa.text(BY_OFFICERS),
    ),
)
# One Merkle tree a month: what it has grown to, and the right edge that it grows on from.
log_trees = _table(
    "log_trees",
    sa.Column("month", sa.String(7), primary_key=True),
    _big("size"),
    sa.Column("frontier", sa.LargeBinary, nullable=False),
    _loose("newest_id"),
)
log_leaves = _table(
    "log_leaves",
    _id(),
    sa.Column("kind", sa.String(8), primary_key=True),
    _text("month", 7),
    _big("number"),
    sa.Column("leaf_hash", sa.LargeBinary(32), nullable=False),
    sa.Index("ix_log_leaves_number", "month", "number"),
)
# The roots of perfect subtrees of 256, 65,536, … leaves (level 1, 2, …), which proofs are made from.
log_nodes = _table(
    "log_nodes",
    sa.Column("month", sa.String(7), primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
)
log_heads = _table(
    "log_heads",
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("month", 7),
    _big("size"),
    _at("at"),
    sa.Column("jws", sa.Text, nullable=False),
    sa.Index("ix_log_heads_month", "month", "size"),
)
outbox = _table(
    "outbox",
    _id(),
    _text("kind", 24),
    _loose("service_id", nullable=True),
    _loose("subject_id", nullable=True),
    _loose("session_id", nullable=True),
    sa.Column("body_sealed", sa.LargeBinary, nullable=False),
    _text("state", 12),
    _number("tries"),
    _at("created_at"),
    _at("next_try_at"),
    _at("leased_until", nullable=True),
    _at("delivered_at", nullable=True),
    _text("last_failure", 120, nullable=True),
    sa.Index(
        "ix_outbox_queued",
        "next_try_at",
        postgresql_where=sa.text("state = 'queued'"),
        sqlite_where=sa.text("state = 'queued'"),
    ),
    sa.Index(
        "ix_outbox_failed",
        "id",
        postgresql_where=sa.text("state = 'failed'"),
        sqlite_where=sa.text("state = 'failed'"),
    ),
    sa.Index("ix_outbox_session_id", "session_id"),
    sa.Index("ix_outbox_service_id", "service_id", "id"),
    sa.Index(
        "ix_outbox_subject_id",
        "subject_id",
        "id",
        postgresql_where=sa.text("subject_id IS NOT NULL"),
        sqlite_where=sa.text("subject_id IS NOT NULL"),
    ),
)
leases = _table(
    "leases",
    sa.Column("name", sa.String(24), primary_key=True),
    _loose("holder"),
    _at("ends_at"),
)
keys = _table(
    "keys",
    sa.Column("kid", sa.String(64), primary_key=True),
    _text("purpose", 12),
    _text("alg", 8),
    _text("state", 8),
    _sealed("private_sealed"),
    _at("created_at"),
    _at("activated_at", nullable=True),
    _at("retired_at", nullable=True),
    # At most one current key for a purpose and algorithm, however many workers start at once.
    sa.Index(
        "uq_keys_current",
        "purpose",
        "alg",
        unique=True,
        postgresql_where=sa.text("state = 'current'"),
        sqlite_where=sa.text("state = 'current'"),
    ),
)
