"""The log: the audit and the releases in one Merkle tree a month, with its signed heads.

Only adds: the version before runs on this schema unchanged, and what it writes is sealed by a worker of this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Leaves and heads are never changed; leaves go with their whole month.
APPEND_ONLY = ("log_leaves", "log_heads")
# The months of entries that are there already: their leaves get the same ones.
MONTHS = """
    SELECT DISTINCT relname, pg_get_expr(relpartbound, pg_class.oid) AS bounds
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'audit'::regclass ORDER BY relname
"""


def upgrade() -> None:
    op.create_table(
        "log_trees",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("newest_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("month", name="pk_log_trees"),
    )
    op.create_table(
        "log_leaves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", "kind", name="pk_log_leaves"),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("ix_log_leaves_number", "log_leaves", ["month", "number"])
    op.create_table(
        "log_nodes",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("month", "level", "number", name="pk_log_nodes"),
    )
    op.create_table(
        "log_heads",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_log_heads"),
    )
    op.create_index("ix_log_heads_month", "log_heads", ["month", "size"])
    _make_months()
    _refuse_changes()


def downgrade() -> None:
    for table in ("log_heads", "log_nodes", "log_leaves", "log_trees"):
        op.drop_table(table)


def _make_months() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    for month in connection.execute(sa.text(MONTHS)).all():
        name = month.relname.replace("audit_", "log_leaves_")
        op.execute(f"CREATE TABLE {name} PARTITION OF log_leaves {month.bounds}")


def _refuse_changes() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table in APPEND_ONLY:
        if is_postgresql:
            op.execute(
                f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            op.execute(
                f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
            continue
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are only ever added'); END"
            )
