"""Requests of people about their own data, with the days on which they are due and what was done when by whom.

The version before runs on this schema unchanged: it knows nothing of the table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "rights_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("through_others", sa.Boolean(), nullable=False),
        sa.Column("answer_by", sa.Date(), nullable=False),
        sa.Column("done_by", sa.Date(), nullable=False),
        sa.Column("legal_ground", sa.String(length=200), nullable=True),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("received_by", sa.String(length=64), nullable=False),
        sa.Column("received_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("answered_by", sa.String(length=64), nullable=True),
        sa.Column("answered_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("extended_at", MOMENT, nullable=True),
        sa.Column("extended_by", sa.String(length=64), nullable=True),
        sa.Column("extended_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.Column("ended_sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_rights_requests_subject_id"),
        sa.PrimaryKeyConstraint("id", name="pk_rights_requests"),
    )
    op.create_index("ix_rights_requests_subject_id", "rights_requests", ["subject_id", "id"])
    where = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_rights_requests_open", "rights_requests", ["done_by"], postgresql_where=where, sqlite_where=where
    )


def downgrade() -> None:
    op.drop_table("rights_requests")
