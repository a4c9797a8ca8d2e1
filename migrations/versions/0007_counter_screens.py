"""Screens at counters: codes that put their setting in place, and sessions with an idle limit of their own.

The version before runs on this schema unchanged: its sessions have no limit but the usual one, and it lets those of a
counter be idle as long as any other.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("sessions", sa.Column("idle_for", sa.Integer(), nullable=True))
    op.create_table(
        "screen_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code_index", sa.LargeBinary(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_screen_codes"),
    )
    op.create_index("ix_screen_codes_expires_at", "screen_codes", ["expires_at"])


def downgrade() -> None:
    op.drop_table("screen_codes")
    op.drop_column("sessions", "idle_for")
