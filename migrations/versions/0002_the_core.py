"""Machine access, spent assertions, interfaces and origins of services, registration tokens.

Only adds: the version before runs on this schema unchanged.
"""

import json
from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "machine_grants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", sa.String(length=1000), nullable=False),
        sa.Column("resource", sa.String(length=255), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_machine_grants"),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_table(
        "spent_tokens",
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("token_digest", name="pk_spent_tokens"),
    )
    op.create_index("ix_spent_tokens_expires_at", "spent_tokens", ["expires_at"])
    op.create_table(
        "initial_access_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=True),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_initial_access_tokens_agency_id"),
        sa.PrimaryKeyConstraint("id", name="pk_initial_access_tokens"),
        sa.UniqueConstraint("token_digest", name="uq_initial_access_tokens_token_digest"),
    )
    op.create_table(
        "service_origins",
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["relying_services.id"], name="fk_service_origins_service_id"),
        sa.PrimaryKeyConstraint("origin", "service_id", name="pk_service_origins"),
    )
    op.create_index("ix_service_origins_service_id", "service_origins", ["service_id"])
    op.create_table(
        "service_resources",
        sa.Column("resource", sa.String(length=255), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["relying_services.id"], name="fk_service_resources_service_id"),
        sa.PrimaryKeyConstraint("resource", name="pk_service_resources"),
    )
    op.create_index("ix_service_resources_service_id", "service_resources", ["service_id"])
    op.add_column("grants", sa.Column("resource", sa.String(length=255), nullable=True))
    op.add_column("relying_services", sa.Column("secret_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("relying_services", sa.Column("registration_token_digest", sa.LargeBinary(length=32), nullable=True))
    _list_origins()


def _list_origins() -> None:
    """Services that are there already are found by their web origins too."""
    services = sa.table("relying_services", sa.column("id", sa.Uuid()), sa.column("metadata", sa.JSON()))
    origins = sa.table("service_origins", sa.column("origin", sa.String()), sa.column("service_id", sa.Uuid()))
    connection = op.get_bind()
    for service_id, metadata in connection.execute(sa.select(services.c.id, services.c.metadata)):
        document = json.loads(metadata) if isinstance(metadata, str) else metadata
        parts = [urlsplit(uri) for uri in document["redirect_uris"]]
        found = {f"{part.scheme}://{part.netloc}" for part in parts if part.scheme in ("https", "http")}
        for origin in sorted(found):
            connection.execute(sa.insert(origins).values(origin=origin, service_id=service_id))


def downgrade() -> None:
    op.drop_column("relying_services", "registration_token_digest")
    op.drop_column("relying_services", "secret_sealed")
    op.drop_column("grants", "resource")
    for table in ("service_resources", "service_origins", "initial_access_tokens", "spent_tokens", "machine_grants"):
        op.drop_table(table)
