"""Signing in on another screen with a phone. The version before runs on this schema unchanged: it only adds."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "other_screens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("number", sa.String(length=2), nullable=False),
        sa.Column("asking_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("amr", sa.String(length=64), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_other_screens"),
    )
    op.create_index("ix_other_screens_expires_at", "other_screens", ["expires_at"])


def downgrade() -> None:
    op.drop_table("other_screens")
