"""Bulk jobs: one deed for many people, and the parts of the file that it was asked with.

The version before runs on this schema unchanged: it knows nothing of the tables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
AT_WORK = sa.text("state IN ('checking', 'running')")


def upgrade() -> None:
    op.create_table(
        "bulk_jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("good", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("asked_as", sa.String(length=64), nullable=False),
        sa.Column("approved_as", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_jobs"),
    )
    op.create_index("ix_bulk_jobs_at_work", "bulk_jobs", ["id"], postgresql_where=AT_WORK, sqlite_where=AT_WORK)
    op.create_table(
        "bulk_parts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("lines_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("passed", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["bulk_jobs.id"], name="fk_bulk_parts_job_id"),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_parts"),
        sa.UniqueConstraint("job_id", "number", name="uq_bulk_parts_job_id_number"),
    )


def downgrade() -> None:
    op.drop_table("bulk_parts")
    op.drop_table("bulk_jobs")
