"""Merges of two accounts of one person: a row for each, with what an undo needs as long as there is one.

The version before runs on this schema unchanged: it knows nothing of the table, and reads `subs` as ever.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
STANDS = sa.text("undone_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "merges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kept_id", sa.Uuid(), nullable=False),
        sa.Column("merged_id", sa.Uuid(), nullable=False),
        sa.Column("merged_at", MOMENT, nullable=False),
        sa.Column("undo_until", MOMENT, nullable=False),
        sa.Column("undo_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("asked_as", sa.String(length=64), nullable=False),
        sa.Column("approved_as", sa.String(length=64), nullable=False),
        sa.Column("undone_at", MOMENT, nullable=True),
        sa.Column("undone_as", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["kept_id"], ["subjects.id"], name="fk_merges_kept_id"),
        sa.ForeignKeyConstraint(["merged_id"], ["subjects.id"], name="fk_merges_merged_id"),
        sa.PrimaryKeyConstraint("id", name="pk_merges"),
    )
    op.create_index("ix_merges_kept_id", "merges", ["kept_id"])
    op.create_index(
        "uq_merges_merged", "merges", ["merged_id"], unique=True, postgresql_where=STANDS, sqlite_where=STANDS
    )
    op.create_index("ix_merges_merged_id", "merges", ["merged_id"])


def downgrade() -> None:
    op.drop_table("merges")
