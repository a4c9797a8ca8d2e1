"""The names to sign in with, and the numbers, of closed accounts end, as they do from now on when one is closed.

The version before runs on this schema unchanged; what it closes keeps its names until this step is run on them again.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM sign_in_names WHERE subject_id IN (SELECT id FROM subjects WHERE state = 'closed')")
    op.execute("""
        UPDATE identifiers
        SET ended_at = (SELECT updated_at FROM subjects WHERE subjects.id = identifiers.subject_id)
        WHERE ended_at IS NULL AND subject_id IN (SELECT id FROM subjects WHERE state = 'closed')
    """)


def downgrade() -> None:
    """Nothing: a name that was taken back is not known any more."""
