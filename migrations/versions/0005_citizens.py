"""What citizens hold by themselves: codes sent to a phone or a mailbox; names to sign in with that several may have.

The version before runs on this schema unchanged: it only adds names that were proved, which stay unique.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "one_time_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("contact_index", sa.LargeBinary(length=20), nullable=False),
        sa.Column("code_index", sa.LargeBinary(length=20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_one_time_codes"),
    )
    op.create_index("ix_one_time_codes_expires_at", "one_time_codes", ["expires_at"])

    _create_factors()
    _create_recoveries()
    _index_names(unique_where="proof NOT IN ('self', 'code')")


def _create_factors() -> None:
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(length=1023), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("device_bound", sa.Boolean(), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_passkeys_subject_id"),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.UniqueConstraint("credential_id", name="uq_passkeys_credential_id"),
    )
    op.create_index("ix_passkeys_subject_id", "passkeys", ["subject_id"])
    op.create_table(
        "totp_secrets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_totp_secrets_subject_id"),
        sa.PrimaryKeyConstraint("id", name="pk_totp_secrets"),
    )
    op.create_index("ix_totp_secrets_subject_id", "totp_secrets", ["subject_id"])
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("code_index", sa.LargeBinary(length=20), nullable=False),
        sa.Column("issued_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_recovery_codes_subject_id"),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_codes"),
    )
    op.create_index("ix_recovery_codes_subject_id", "recovery_codes", ["subject_id"])


def _create_recoveries() -> None:
    op.create_table(
        "recoveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("proved", sa.String(length=64), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("ready_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_recoveries_subject_id"),
        sa.PrimaryKeyConstraint("id", name="pk_recoveries"),
    )
    op.create_index("ix_recoveries_subject_id", "recoveries", ["subject_id"])


def _index_names(unique_where: str) -> None:
    op.create_index("ix_sign_in_names_value_index", "sign_in_names", ["value_index"])
    where = sa.text(unique_where)
    op.create_index(
        "uq_sign_in_names_proved",
        "sign_in_names",
        ["space", "kind", "value_index"],
        unique=True,
        postgresql_where=where,
        sqlite_where=where,
    )
    with op.batch_alter_table("sign_in_names") as table:
        table.drop_constraint("uq_sign_in_names_space_kind_value_index", type_="unique")


def downgrade() -> None:
    """Names that several may have go: only those that were proved are unique."""
    op.execute("DELETE FROM sign_in_names WHERE proof IN ('self', 'code')")
    op.drop_index("uq_sign_in_names_proved", table_name="sign_in_names")
    op.drop_index("ix_sign_in_names_value_index", table_name="sign_in_names")
    with op.batch_alter_table("sign_in_names") as table:
        table.create_unique_constraint("uq_sign_in_names_space_kind_value_index", ["space", "kind", "value_index"])
    for table in ("one_time_codes", "recoveries", "recovery_codes", "totp_secrets", "passkeys"):
        op.drop_table(table)
