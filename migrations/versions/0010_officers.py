"""Officers: assignments at units, the assignment that a session works under, and cases that a second officer decides.

The version before runs on this schema unchanged: it knows nothing of the tables, and writes no assignment.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
# What people do by themselves all day is looked for by person or kind, not by who did it.
BY_OFFICERS = sa.text("event NOT LIKE 'sign_in.%' AND event NOT LIKE 'session.%'")
WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    op.create_table(
        "assignments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("granted_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_assignments_subject_id"),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_assignments_agency_id"),
        sa.PrimaryKeyConstraint("id", name="pk_assignments"),
    )
    op.create_index("ix_assignments_subject_id", "assignments", ["subject_id"])
    op.create_index("ix_assignments_agency_id", "assignments", ["agency_id"])
    op.create_table(
        "cases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_as", sa.String(length=64), nullable=False),
        sa.Column("asked_session_id", sa.Uuid(), nullable=False),
        sa.Column("asked_device_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("body_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("due_by", sa.Date(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_as", sa.String(length=64), nullable=True),
        sa.Column("decided_session_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_cases_agency_id"),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
    )
    op.create_index("ix_cases_subject_id", "cases", ["subject_id"])
    op.create_index("ix_cases_asked_by", "cases", ["asked_by", "id"])
    op.create_index("ix_cases_waiting", "cases", ["due_by", "id"], postgresql_where=WAITING, sqlite_where=WAITING)
    op.add_column("sessions", sa.Column("assignment_id", sa.Uuid(), nullable=True))
    op.create_index("ix_name_words_word", "name_words", ["word_index", "subject_id"])
    op.drop_index("ix_name_words_word_index", table_name="name_words")
    op.create_index("ix_audit_event", "audit", ["event", "id"])
    op.create_index("ix_audit_actor", "audit", ["actor", "id"], postgresql_where=BY_OFFICERS, sqlite_where=BY_OFFICERS)


def downgrade() -> None:
    op.create_index("ix_name_words_word_index", "name_words", ["word_index"])
    op.drop_index("ix_name_words_word", table_name="name_words")
    op.drop_index("ix_audit_actor", table_name="audit")
    op.drop_index("ix_audit_event", table_name="audit")
    op.drop_column("sessions", "assignment_id")
    op.drop_table("cases")
    op.drop_table("assignments")
