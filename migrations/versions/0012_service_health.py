"""How a service does: what happened at it is counted over an index of its own.

The version before runs on this schema unchanged.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = ("releases", "audit", "outbox")


def upgrade() -> None:
    for table in TABLES:
        op.create_index(f"ix_{table}_service_id", table, ["service_id", "id"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_index(f"ix_{table}_service_id", table)
