"""What was sent to a person is found by the person, who may see it.

The version before runs on this schema unchanged.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OF_A_PERSON = sa.text("subject_id IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_outbox_subject_id",
        "outbox",
        ["subject_id", "id"],
        postgresql_where=OF_A_PERSON,
        sqlite_where=OF_A_PERSON,
    )


def downgrade() -> None:
    op.drop_index("ix_outbox_subject_id", table_name="outbox")
