"""Which interfaces a consent named, and what an invitation to register allows.

Only adds: the version before runs on this schema unchanged. What it writes names no interface, so the person is asked
again; an invitation of its making allows the usual.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("consents", sa.Column("resources", sa.Text(), nullable=True))
    op.add_column("initial_access_tokens", sa.Column("scopes", sa.String(length=255), nullable=True))
    op.add_column("initial_access_tokens", sa.Column("hosts", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("initial_access_tokens", "hosts")
    op.drop_column("initial_access_tokens", "scopes")
    op.drop_column("consents", "resources")
