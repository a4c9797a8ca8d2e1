"""The provider put together: what refuses to start, and what one application shares with another."""

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from idp.app import create_app
from idp.runtime.keyring import DEVELOPMENT_MARK
from idp.runtime.settings import Settings, WrongSetting, load_settings
from tests.builders import a_citizen, a_service, obtain_tokens, userinfo
from tests.doubles import FixedClock, RecordingOutbound
from tests.stores import close

GOOD_KEY = base64.urlsafe_b64encode(b"k" * 32).decode()


def production(database_url: str, key_file: Path) -> Settings:
    return load_settings(
        {
            "IDP_PROFILE": "production",
            "IDP_ISSUER": "https://dinh-danh.example",
            "IDP_DATABASE_URL": database_url,
            "IDP_KEYS_MASTER_KEY_FILE": str(key_file),
            "IDP_LOG_HEADS_FILE": str(key_file.with_name("heads.txt")),
        }
    )


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "master.key"
    file.write_text(GOOD_KEY)
    file.chmod(0o600)
    return file


@pytest.mark.postgres
def test_production_refuses_a_store_that_loses_committed_work(postgres_url: str, key_file: Path) -> None:
    """The tests' own server runs with fsync off, as no server with people in it may."""
    with pytest.raises(WrongSetting) as refused:
        create_app(production(postgres_url, key_file))
    assert str(refused.value) == "The PostgreSQL setting fsync is off, so committed work could be lost."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "names master.key, which cannot be read"),
        (f"{DEVELOPMENT_MARK}{GOOD_KEY}", "names a development key, which production refuses"),
        (base64.urlsafe_b64encode(b"k" * 16).decode(), "must be 32 bytes in base64url"),
        ("", "must be 32 bytes in base64url"),
        ("đây không phải khóa", "cannot be read"),
    ],
)
def test_production_refuses_a_missing_development_or_short_master_key(
    key_file: Path, text: str | None, sentence: str
) -> None:
    if text is None:
        key_file.unlink()
    else:
        key_file.write_text(text, "utf-8")
    with pytest.raises(WrongSetting) as refused:
        create_app(production("postgresql+psycopg://nobody@127.0.0.1:1/none", key_file))
    assert sentence in str(refused.value)
    assert GOOD_KEY not in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_production_refuses_a_master_key_that_others_may_touch(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(WrongSetting) as refused:
        create_app(production("postgresql+psycopg://nobody@127.0.0.1:1/none", key_file))
    assert str(refused.value) == (
        "The master key in master.key (keys.master_key_file) must be readable by its owner alone."
    )


@pytest.mark.parametrize(
    "change",
    [
        {"IDP_ISSUER": "http://localhost:8000"},
        {"IDP_DATABASE_URL": "sqlite:///var/x.sqlite3"},
        {"IDP_REGISTRATION_OPEN": "true"},
        {"IDP_THROTTLE_ENABLED": "false"},
        {"IDP_PASSWORDS_MEMORY_KIB": "1024"},
    ],
)
def test_production_refuses_what_is_only_for_trying_out(key_file: Path, change: dict[str, str]) -> None:
    good = {
        "IDP_PROFILE": "production",
        "IDP_ISSUER": "https://dinh-danh.example",
        "IDP_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none",
        "IDP_KEYS_MASTER_KEY_FILE": str(key_file),
        "IDP_LOG_HEADS_FILE": str(key_file.with_name("heads.txt")),
    }
    assert load_settings(good).is_production
    with pytest.raises(WrongSetting):
        load_settings({**good, **change})


def test_two_processes_on_one_database_understand_each_others_tokens(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    one, other = make_app(sqlite_url), make_app(sqlite_url)
    tokens = obtain_tokens(one.test_client(), a_service(one), a_citizen(one), scope="openid email")
    assert userinfo(other.test_client(), tokens["access_token"]).status_code == 200


def test_an_application_starts_before_its_database_does(clock: FixedClock, outbound: RecordingOutbound) -> None:
    """Started together, as after a power cut: it answers 503 until the database is there."""
    settings = load_settings({"IDP_PROFILE": "testing"})
    database = replace(settings.database, url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    app = create_app(replace(settings, database=database), clock=clock, outbound=outbound)
    assert app.test_client().get("/services").status_code == 503
    assert app.test_client().get("/help").status_code == 200
    close(app)
