"""Backup and restore as docs/operate/backup.md says: its own commands, an empty database, the master key, a sign-in."""

import json
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from idp import storage
from idp.domain.audit import Event
from idp.storage.tables import audit
from tests.builders import (
    Citizen,
    Service,
    a_citizen,
    a_service,
    obtain_code,
    obtain_tokens,
    refresh,
    spend,
    userinfo,
)
from tests.operations.browsing import Browser
from tests.operations.inside import inside
from tests.operations.provider_process import ROOT, ProviderProcess, bare_environment
from tests.postgres import PostgresCluster

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("operations-backup")]

PAGE = ROOT / "docs" / "operate" / "backup.md"
SCOPE = {"scope": "openid profile offline_access", "prompt": "consent"}
OTHER_KEY = (
    "The master key that keys.master_key_file names does not open the keys of this database: put the key that belongs "
    "to it there, or name it in keys.previous_master_key_files.\n"
)


def commands() -> dict[str, str]:
    """What the page tells to type, by name."""
    found = re.findall(r"(?ms)^```sh command=(\w+)\n(.*?)^```$", PAGE.read_text("utf-8"))
    assert [name for name, _ in found] == ["dump", "create", "restore"]
    return dict(found)


@dataclass
class Operator:
    """Somebody at a shell of the database's machine, who follows the page with names of this run's own."""

    admin: URL
    folder: Path
    owner: str = field(default_factory=lambda: f"idp_owner_{uuid.uuid4().hex[:8]}")
    made: list[str] = field(default_factory=list)

    def make_owner(self) -> None:
        """`createuser idp`: nobody special, as the provider should be."""
        with psycopg.connect(_plain(self.admin), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x'").format(sql.Identifier(self.owner)))

    def make_database(self) -> str:
        self.made.append(f"idp_test_kept_{uuid.uuid4().hex[:12]}")
        self.type_in(commands()["create"], self.made[-1], as_user=str(self.admin.username))
        return self.url(self.made[-1])

    def url(self, database: str) -> str:
        owned = self.admin.set(database=database, username=self.owner, password="x")
        return owned.render_as_string(hide_password=False)

    def type_in(self, command: str, database: str, *, as_user: str, **settings: str) -> str:
        """Run a fence of the page; its `idp` is this run's database, or after `--owner` this run's owner."""
        own = re.sub(r"--owner idp\b", f"--owner {self.owner}", command)
        own = re.sub(r"(?<=[ =])idp$", database, re.sub(r"--dbname=idp\b", f"--dbname={database}", own), flags=re.M)
        place = {"PGHOST": str(self.admin.host), "PGPORT": str(self.admin.port), "PGUSER": as_user}
        word = self.admin.password if as_user == self.admin.username else "x"
        given = {**place, **({"PGPASSWORD": str(word)} if word else {}), "PYTHONPATH": str(ROOT), **settings}
        done = subprocess.run(
            ["/bin/sh", "-euc", own],
            cwd=self.folder,
            env=bare_environment(given),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, f"{own}\n{done.stdout}{done.stderr}"
        return done.stdout

    def clear(self) -> None:
        with psycopg.connect(_plain(self.admin), autocommit=True) as connection:
            for name in self.made:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(self.owner)))


@dataclass
class Life:
    """What stood in the database when it was dumped, and what the services and people hold of it."""

    settings: dict[str, str]
    citizen: Citizen
    service: Service
    browser: Browser
    sub: str
    tokens: dict[str, Any]
    refreshed_since: dict[str, Any]
    spent_since: str
    audit: list[Any]


def _plain(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def audit_of(settings: dict[str, str]) -> list[Any]:
    with inside(settings) as app, app.app_context(), storage.once() as tx:
        return list(tx.execute(audit.select().order_by(audit.c.id)))


@pytest.fixture(scope="module")
def operator(postgres: PostgresCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    meeting = f"idp_test_meeting_{uuid.uuid4().hex[:12]}"
    admin = make_url(postgres.create_database(meeting))
    someone = Operator(admin, tmp_path_factory.mktemp("operator"))
    someone.make_owner()
    yield someone
    someone.clear()
    postgres.drop_database(meeting)


@pytest.fixture(scope="module")
def life(operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """A provider with people in it, dumped while it ran, and killed a little later."""
    url = operator.make_database()
    folder = tmp_path_factory.mktemp("before")
    # Codes live long enough for a restore on a busy machine.
    provider = ProviderProcess(folder, workers=1, IDP_DATABASE_URL=url, IDP_TOKENS_CODE_FOR="900")
    migrated = provider.flask("db", "upgrade")
    assert migrated.returncode == 0, migrated.stderr
    with provider, inside(provider.settings) as app, Browser(provider.address) as browser:
        citizen, service = a_citizen(app), a_service(app)
        tokens = obtain_tokens(browser, service, citizen, **SCOPE)  # type: ignore[arg-type]
        other = obtain_tokens(browser, service, **SCOPE)  # type: ignore[arg-type]
        code = obtain_code(browser, service)  # type: ignore[arg-type]
        sub = userinfo(browser, tokens["access_token"]).get_json()["sub"]  # type: ignore[arg-type]
        noted = audit_of(dict(provider.settings))
        operator.type_in(commands()["dump"], operator.made[0], as_user=operator.owner)
        assert spend(browser, service, code).status_code == 200  # type: ignore[arg-type]
        refreshed = refresh(browser, service, other["refresh_token"])  # type: ignore[arg-type]
        assert refreshed.status_code == 200
        for pid in provider.worker_pids():
            os.kill(pid, signal.SIGKILL)
        kept = {name: value for name, value in provider.settings.items() if name != "IDP_DATABASE_URL"}
        yield Life(kept, citizen, service, browser, sub, tokens, refreshed.get_json(), code, noted)


@pytest.fixture(scope="module")
def restored(life: Life, operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    url = operator.make_database()
    settings = {**life.settings, "IDP_DATABASE_URL": url, "FLASK_APP": "wsgi"}
    listed = operator.type_in(commands()["restore"], operator.made[-1], as_user=operator.owner, **settings)
    assert sorted(line.split()[:2] for line in listed.splitlines()) == [
        [alg, state] for alg in ("ES256", "RS256") for state in ("current", "next")
    ]
    of_before = {name: value for name, value in life.settings.items() if name != "IDP_PORT"}
    folder = tmp_path_factory.mktemp("after")
    # Another port, the same issuer: the new machine behind the same name.
    issuer = f"http://localhost:{life.settings['IDP_PORT']}"
    with ProviderProcess(folder, workers=1, IDP_DATABASE_URL=url, IDP_ISSUER=issuer, **of_before) as provider:
        life.browser.address = provider.address
        yield provider


def test_the_audit_is_there_to_the_last_column_and_can_be_read(life: Life, restored: ProviderProcess) -> None:
    found = audit_of(dict(restored.settings))
    assert found[: len(life.audit)] == life.audit
    assert Event.SIGNED_IN in {row.event for row in found}
    with inside(restored.settings) as app, app.app_context():
        made = next(row for row in found if row.event == Event.KEY_MADE)
        key = app.extensions["idp"].keyring.house_key_of(made.details_sealed)
        assert key.open("audit.details_sealed", made.id, made.details_sealed).startswith(("ES256", "RS256"))


def test_somebody_signs_in_with_the_password_they_had_and_is_the_same_to_the_service(
    life: Life, restored: ProviderProcess
) -> None:
    with Browser(restored.address) as browser:
        tokens = obtain_tokens(browser, life.service, life.citizen)  # type: ignore[arg-type]
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert claims["sub"] == life.sub


def test_a_session_that_was_open_is_open(life: Life, restored: ProviderProcess) -> None:
    assert obtain_code(life.browser, life.service)  # type: ignore[arg-type]  # nobody is there to type a password


def test_a_refresh_token_given_out_before_works(life: Life, restored: ProviderProcess) -> None:
    answer = refresh(life.browser, life.service, life.tokens["refresh_token"])  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    said = userinfo(life.browser, answer.get_json()["access_token"])  # type: ignore[arg-type]
    assert (said.status_code, said.get_json()["sub"]) == (200, life.sub)


def test_what_was_spent_since_is_forgotten_as_the_page_warns(life: Life, restored: ProviderProcess) -> None:
    assert spend(life.browser, life.service, life.spent_since).status_code == 200  # type: ignore[arg-type]
    newer = refresh(life.browser, life.service, life.refreshed_since["refresh_token"])  # type: ignore[arg-type]
    assert (newer.status_code, newer.get_json()["error"]) == (400, "invalid_grant")
    assert Event.REFRESH_REUSED in {row.event for row in audit_of(dict(restored.settings))}


def test_with_another_master_key_commands_and_provider_refuse_in_one_sentence(
    life: Life, restored: ProviderProcess, operator: Operator, tmp_path: Path
) -> None:
    settings = {**restored.settings, "IDP_KEYS_MASTER_KEY_FILE": str(tmp_path / "other.key")}
    for words in (("db", "upgrade"), ("keys", "list")):
        refused = restored.flask(*words, **settings)  # in development a key is made where none is: another one
        assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", OTHER_KEY)
    own = {name: value for name, value in settings.items() if name != "IDP_PORT"}
    wrong = ProviderProcess(tmp_path, workers=1, **own)
    wrong.launch()
    assert wrong.wait() != 0
    assert OTHER_KEY in wrong.output
    assert "Traceback" not in wrong.output
    assert json.dumps(life.sub) not in wrong.output


def test_the_page_says_what_a_wrong_key_says() -> None:
    quoted = re.search(r"`(The master key [^`…]+) …`", PAGE.read_text("utf-8"))
    assert quoted is not None
    assert OTHER_KEY.startswith(quoted[1])
