"""The steps of the schema: numbered, one head, and after them the tables are what idp/storage/tables.py says."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask
from sqlalchemy import Connection, inspect, text

from idp import storage
from idp.domain.consent import BasisKind
from idp.runtime import chance
from idp.storage import partitions, tables
from tests.builders import a_citizen, a_service
from tests.doubles import START
from tests.stores import ROOT

MIGRATIONS = ROOT / "migrations"


def scripts() -> ScriptDirectory:
    config = Config(str(MIGRATIONS / "alembic.ini"))
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


def faults_of_numbering(folder: Path) -> list[str]:
    """What is wrong with the names of the steps in `folder`: each is its number, in order, without a gap."""
    files = sorted(file.name for file in folder.glob("*.py"))
    return [
        f"{name} should begin with {place:04}_"
        for place, name in enumerate(files, start=1)
        if not re.fullmatch(rf"{place:04}_[a-z0-9_]+\.py", name)
    ]


def test_the_steps_are_numbered_in_order(tmp_path: Path) -> None:
    assert faults_of_numbering(MIGRATIONS / "versions") == []
    for name in ("0001_first.py", "0003_third.py", "abc_other.py"):
        (tmp_path / name).touch()
    assert len(faults_of_numbering(tmp_path)) == 2


def test_there_is_one_head_and_each_step_follows_the_one_before() -> None:
    found = scripts()
    assert found.get_heads() == [storage.schema.NEWEST], "a process knows which step it needs"
    steps = list(reversed(list(found.walk_revisions())))
    assert [step.revision for step in steps] == [f"{place:04}" for place in range(1, len(steps) + 1)]
    assert [step.down_revision for step in steps] == [None, *(step.revision for step in steps[:-1])]
    assert all(Path(step.path).name.startswith(f"{step.revision}_") for step in steps)


@pytest.fixture
def migrated(app: Flask) -> Flask:
    return app


def differences(connection: Connection) -> list[Any]:
    """What the migrated database and the declared tables disagree on: tables, columns, types, defaults, indexes."""

    def include(_item: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
        return not (kind == "table" and partitions.is_partition(name))

    options = {"compare_type": True, "compare_server_default": True, "include_object": include}
    return compare_metadata(MigrationContext.configure(connection, opts=options), storage.db.metadata)


def test_after_all_steps_the_tables_are_what_is_declared(migrated: Flask) -> None:
    with migrated.app_context():
        flask_migrate.check(directory=str(MIGRATIONS))
        with storage.db.engine.connect() as connection:
            assert differences(connection) == []


SPOILT = [
    "DROP TABLE logos",
    "DROP INDEX ix_contacts_value_index",
    "DROP INDEX uq_identifiers_verified",
    "ALTER TABLE devices DROP COLUMN seen_at",
    "ALTER TABLE devices ADD COLUMN colour text",
    "CREATE TABLE stray (id int)",
]


@pytest.mark.parametrize("spoil", SPOILT)
def test_the_check_sees_each_kind_of_difference(migrated: Flask, spoil: str) -> None:
    with migrated.app_context():
        with storage.begin() as tx:
            tx.execute(text(spoil))
        with storage.db.engine.connect() as connection:
            assert differences(connection)
        with pytest.raises((SystemExit, CommandError)):
            flask_migrate.check(directory=str(MIGRATIONS))


def shape(connection: Connection) -> dict[str, Any]:
    """Columns, keys, uniques and indexes of every table, by name; without partitions."""
    looked = inspect(connection)
    return {
        name: {
            "columns": {
                column["name"]: (
                    str(column["type"].compile(connection.dialect)),
                    column["nullable"],
                    column["default"],
                )
                for column in looked.get_columns(name)
            },
            "key": looked.get_pk_constraint(name)["constrained_columns"],
            "uniques": sorted(tuple(each["column_names"]) for each in looked.get_unique_constraints(name)),
            "foreign": sorted(
                (tuple(each["constrained_columns"]), each["referred_table"]) for each in looked.get_foreign_keys(name)
            ),
            "indexes": sorted(
                (
                    str(each["name"]),
                    tuple(map(str, each["column_names"])),
                    bool(each["unique"]),
                    _condition(each.get("dialect_options", {})),
                )
                for each in looked.get_indexes(name)
                if "duplicates_constraint" not in each
            ),
        }
        for name in looked.get_table_names()
        if not partitions.is_partition(name) and name != "alembic_version"
    }


def _condition(options: dict[str, Any]) -> str:
    found = next((str(value) for name, value in options.items() if name.endswith("_where")), "")
    return re.sub(r"[()]|::\w+( varying)?", "", found)


def test_the_steps_and_the_declared_tables_make_the_same_database(
    migrated: Flask, stores: Any, make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    # Alembic's comparison overlooks what it is not told to compare; here both are made and looked at.
    with migrated.app_context():
        with storage.db.engine.connect() as connection:
            by_steps, dialect = shape(connection), connection.dialect.name
        url = stores.fresh(dialect)
    declared = make_app(url)
    try:
        with declared.app_context(), storage.begin() as tx:
            for name in inspect(tx).get_table_names():
                if not partitions.is_partition(name):
                    cascade = " CASCADE" if dialect == "postgresql" else ""
                    tx.execute(text(f"DROP TABLE {name}{cascade}"))
            storage.db.metadata.create_all(tx)
            assert shape(tx) == by_steps
    finally:
        with declared.app_context():
            storage.db.engine.dispose()
        stores.discard(url)


def test_stepping_down_to_the_bare_ground_leaves_nothing_and_up_again_works(migrated: Flask) -> None:
    with migrated.app_context():
        with storage.db.engine.connect() as connection:
            before = shape(connection)
        flask_migrate.downgrade(directory=str(MIGRATIONS), revision="base")
        with storage.db.engine.connect() as connection:
            assert inspect(connection).get_table_names() == ["alembic_version"]
            assert left_over(connection) == []
        flask_migrate.upgrade(directory=str(MIGRATIONS))
        with storage.db.engine.connect() as connection:
            assert shape(connection) == before


def left_over(connection: Connection) -> list[str]:
    """Anything of ours beside tables: indexes, sequences, types, functions, triggers."""
    if connection.dialect.name == "sqlite":
        asked = "SELECT name FROM sqlite_master WHERE tbl_name NOT LIKE 'alembic%'"
    else:
        asked = (
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'alembic%'"
            " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace"
            " AND typname NOT LIKE '%alembic%'"
        )
    return [str(name) for name in connection.scalars(text(asked))]


def test_a_second_upgrade_changes_nothing(migrated: Flask) -> None:
    with migrated.app_context():
        with storage.once() as tx:
            before = tx.execute(sqlalchemy.select(tables.keys)).all()
        flask_migrate.upgrade(directory=str(MIGRATIONS))
        with storage.once() as tx:
            assert tx.execute(sqlalchemy.select(tables.keys)).all() == before


@pytest.mark.parametrize("table", tables.PARTITIONED)
def test_on_postgresql_the_tables_that_only_grow_are_cut_by_month(migrated: Flask, table: str) -> None:
    with migrated.app_context(), storage.begin() as tx:
        if tx.dialect.name == "sqlite":
            assert not partitions.ensure_months(tx, migrated.extensions["idp"].clock.now())
            return
        kept = tx.scalar(text(f"SELECT pg_get_partkeydef('{table}'::regclass)"))
        assert kept == "RANGE (id)"
        months = tx.scalar(text(f"SELECT count(*) FROM pg_inherits WHERE inhparent = '{table}'::regclass"))
        assert months is not None
        assert months > partitions.MONTHS_AHEAD


# -- 0002: the version before runs on it ------------------------------------------------------------------------------

SERVICE_OF_0001 = text(
    "INSERT INTO relying_services (id, client_id, sector, state, metadata, secret_digests, registered_by, created_at,"
    " updated_at) VALUES (:id, :client_id, 's', 'active', :metadata, '[]', 'x', :now, :now)"
)
GRANT_OF_0001 = text(
    "INSERT INTO grants (id, session_id, subject_id, service_id, scopes, userinfo_bits, id_token_bits, auth_time, amr,"
    " auth_level, offline, generation, created_at, expires_at)"
    " VALUES (:id, :id, :id, :id, 'openid', 0, 0, :now, 'pwd', 1, false, 0, :now, :now)"
)


def insert_service_of_0001(tx: Connection, client_id: str, **metadata: Any) -> None:
    now = START if tx.dialect.name == "postgresql" else START.replace(tzinfo=None)
    document = {"names": {"": "x"}, "redirect_uris": ["https://cu.example:8443/cb"], "exceptions": [], **metadata}
    id_ = chance.new_id(START)
    values = {"id": id_ if tx.dialect.name == "postgresql" else id_.hex, "now": now}
    tx.execute(SERVICE_OF_0001, {**values, "client_id": client_id, "metadata": json.dumps(document)})
    tx.execute(GRANT_OF_0001, values)


def test_0002_lists_the_origins_of_services_that_are_there_already(migrated: Flask) -> None:
    with migrated.app_context():
        flask_migrate.downgrade(directory=str(MIGRATIONS), revision="0001")
        with storage.begin() as tx:
            insert_service_of_0001(tx, "cu")
            insert_service_of_0001(tx, "ung-dung", redirect_uris=["vn.example:/cb"])
        flask_migrate.upgrade(directory=str(MIGRATIONS))
        with storage.once() as tx:
            found = storage.relying_services.find_by_origin(tx, "https://cu.example:8443")
            assert found is not None
            assert found.client_id == "cu"
            assert tx.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(tables.service_origins)) == 1


def test_0002_the_version_before_still_writes_and_is_read(migrated: Flask) -> None:
    with migrated.app_context():
        with storage.begin() as tx:
            insert_service_of_0001(tx, "cu")
        with storage.once() as tx:
            found = storage.relying_services.find_by_client_id(tx, "cu")
            assert found is not None
            assert (found.resources, found.jwks, found.resource_token_format) == ((), None, "opaque")
            grant = storage.grants.find_grant(tx, tx.execute(sqlalchemy.select(tables.grants.c.id)).scalar_one())
            assert grant is not None
            assert grant.resource is None


# -- 0004: the version before runs on it ------------------------------------------------------------------------------

CONSENT_OF_0003 = text(
    "INSERT INTO consents (id, subject_id, service_id, kind, name_bits, offline, given_at)"
    " VALUES (:id, :subject, :service, 'consent', 1, false, :now)"
)


def test_0004_a_consent_of_the_version_before_names_no_interface(migrated: Flask) -> None:
    subject, service = a_citizen(migrated).id, a_service(migrated).id
    with migrated.app_context():
        with storage.begin() as tx:
            is_postgres = tx.dialect.name == "postgresql"
            ids = {"id": chance.new_id(START), "subject": subject, "service": service}
            values = ids if is_postgres else {name: id_.hex for name, id_ in ids.items()}
            tx.execute(CONSENT_OF_0003, {**values, "now": START if is_postgres else START.replace(tzinfo=None)})
        with storage.once() as tx:
            found = storage.consents.find_latest(tx, subject, service, BasisKind.CONSENT)
        assert found is not None
        assert found.resources == frozenset()


def test_0004_a_service_of_the_version_before_lets_nobody_in(migrated: Flask) -> None:
    with migrated.app_context():
        with storage.begin() as tx:
            insert_service_of_0001(tx, "cu", resources=["https://cu.example/api"])
        with storage.once() as tx:
            found = storage.relying_services.find_by_client_id(tx, "cu")
        assert found is not None
        assert (found.callers, found.invited_scopes, found.invited_hosts) == ((), None, ())
