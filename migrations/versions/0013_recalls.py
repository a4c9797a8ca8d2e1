"""Recalls of checks of people: a row for each, and the index by which those are found whose checks are taken back.

The version before runs on this schema unchanged: it knows nothing of the table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
VOUCHED = sa.text("source <> 'self' AND superseded_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "recalls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("officer", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("before", MOMENT, nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Uuid(), nullable=True),
        sa.Column("asked_as", sa.String(length=64), nullable=False),
        sa.Column("approved_as", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_recalls"),
    )
    op.create_index("ix_facts_vouched", "facts", ["verified_at"], postgresql_where=VOUCHED, sqlite_where=VOUCHED)


def downgrade() -> None:
    op.drop_index("ix_facts_vouched", "facts")
    op.drop_table("recalls")
