"""Settings refuse to start with one sentence that names what is wrong; config/default.toml is their manual."""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from idp.app import create_app
from idp.runtime import keyring
from idp.runtime.keyring import DEVELOPMENT_MARK
from idp.runtime.settings import ROOT, WrongSetting, load_settings

SAFE = {
    "IDP_PROFILE": "production",
    "IDP_ISSUER": "https://id.example",
    "IDP_DATABASE_URL": "postgresql+psycopg://idp@db.example/idp",
    "IDP_KEYS_MASTER_KEY_FILE": "/run/credentials/idp/master-key",
    "IDP_LOG_HEADS_FILE": "/srv/tree-heads/heads.txt",
}
KEY = "A" * 43


def refusal(environ: Mapping[str, str]) -> str:
    with pytest.raises(WrongSetting) as refused:
        load_settings(environ)
    return str(refused.value)


def is_one_sentence(text: str) -> bool:
    return text.endswith(".") and not re.search(r"[.!?]\s+[A-Z]", text) and "\n" not in text


def test_without_any_environment_it_is_development_on_localhost() -> None:
    settings = load_settings({})
    assert (settings.profile, settings.issuer) == ("development", "http://localhost:8000")
    assert settings.database.url == "sqlite:///var/idp.sqlite3"
    assert settings.insecure_loopback
    assert not settings.is_production


def test_the_port_moves_the_default_issuer_and_a_named_issuer_stays() -> None:
    assert load_settings({"IDP_PORT": "9100"}).issuer == "http://localhost:9100"
    named = {"IDP_PROFILE": "development", "IDP_PORT": "9100", "IDP_ISSUER": "https://id.example"}
    assert load_settings(named).issuer == "https://id.example"


@pytest.mark.parametrize("issuer", ["https://id.example", "https://192.0.2.7", "https://localhost.example"])
def test_a_public_issuer_starts_under_no_profile_that_was_forgotten(issuer: str) -> None:
    said = refusal({"IDP_ISSUER": issuer})
    assert "IDP_PROFILE" in said
    assert is_one_sentence(said)
    for profile in ("development", "testing"):
        assert load_settings({"IDP_ISSUER": issuer, "IDP_PROFILE": profile}).profile == profile


@pytest.mark.parametrize("issuer", ["http://localhost:9100", "http://127.0.0.1:9100", "http://[::1]:9100"])
def test_on_this_machine_alone_no_profile_needs_to_be_named(issuer: str) -> None:
    assert load_settings({"IDP_ISSUER": issuer}).profile == "development"


def test_a_safe_production_starts() -> None:
    settings = load_settings(SAFE)
    assert settings.is_production
    assert not settings.insecure_loopback
    assert not settings.registration.open
    assert settings.passwords.memory_kib >= 19456


def test_the_environment_overrides_every_kind_of_setting() -> None:
    settings = load_settings(
        {
            "IDP_SESSIONS_IDLE_FOR": "60",
            "IDP_WORKER_POLL_EVERY": "0.25",
            "IDP_THROTTLE_ENABLED": "FALSE",
            "IDP_OUTBOUND_ALLOWED_HOSTS": "one.example, two.example:8443,",
            "IDP_PROVINCE_NAME_VI": "Tỉnh Mẫu",
        }
    )
    assert settings.sessions.idle_for == 60
    assert settings.worker.poll_every == 0.25
    assert settings.throttle.enabled is False
    assert settings.outbound.allowed_hosts == ("one.example", "two.example:8443")
    assert settings.province.name_vi == "Tỉnh Mẫu"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"IDP_PROFILE": "staging"}, "IDP_PROFILE"),
        ({"IDP_SESIONS_IDLE_FOR": "60"}, "IDP_SESIONS_IDLE_FOR"),
        ({"IDP_THROTTLE": "false"}, "IDP_THROTTLE"),
        ({"IDP_PORT": "eight"}, "IDP_PORT"),
        ({"IDP_PORT": ""}, "IDP_PORT"),
        ({"IDP_PORT": "0"}, "port"),
        ({"IDP_PORT": "70000"}, "port"),
        ({"IDP_WORKER_POLL_EVERY": "often"}, "IDP_WORKER_POLL_EVERY"),
        ({"IDP_WORKER_POLL_EVERY": "nan"}, "worker.poll_every"),
        ({"IDP_REGISTRATION_OPEN": "maybe"}, "IDP_REGISTRATION_OPEN"),
        ({"IDP_ISSUER": "https://id.example/"}, "issuer"),
        ({"IDP_ISSUER": "https://id.example/idp"}, "issuer"),
        ({"IDP_ISSUER": "https://id.example?a=b"}, "issuer"),
        ({"IDP_ISSUER": "https://id.example#a"}, "issuer"),
        ({"IDP_ISSUER": "https://id.example?"}, "issuer"),
        ({"IDP_ISSUER": "https://user@id.example"}, "issuer"),
        ({"IDP_ISSUER": "https://id.example:port"}, "issuer"),
        ({"IDP_ISSUER": "https://[id.example"}, "issuer"),
        ({"IDP_ISSUER": "id.example"}, "issuer"),
        ({"IDP_ISSUER": "http://id.example"}, "issuer"),
        ({"IDP_ISSUER": "http://localhost.evil.example"}, "issuer"),
        ({"IDP_COUNTER_MODE_IDLE_FOR": "59"}, "counter_mode.idle_for"),
        ({"IDP_COUNTER_MODE_IDLE_FOR": "301"}, "counter_mode.idle_for"),
        ({"IDP_TOKENS_CODE_FOR": "0"}, "tokens.code_for"),
        ({"IDP_SESSIONS_TOUCH_EVERY": "-1"}, "sessions.touch_every"),
        ({"IDP_PASSWORDS_HASH_SLOTS": "0"}, "passwords.hash_slots"),
        ({"IDP_PASSWORDS_LANES": "0"}, "passwords.lanes"),
        ({"IDP_DATABASE_POOL_SIZE": "0"}, "database.pool_size"),
        ({"IDP_OUTBOUND_TIMEOUT": "-5"}, "outbound.timeout"),
        ({"IDP_LOGGING_LEVEL": "loud"}, "logging.level"),
        ({"IDP_PROVINCE_TIME_ZONE": "Asia/Nowhere"}, "province.time_zone"),
        ({"IDP_PROVINCE_TIME_ZONE": "../../etc/passwd"}, "province.time_zone"),
        ({"IDP_PROVINCE_HOLIDAYS": "2027-02-05,05/02/2027"}, "province.holidays"),
        ({"IDP_PROVINCE_HOLIDAYS": "2027-02-29"}, "province.holidays"),
        ({"IDP_DATABASE_URL": "mysql://localhost/idp"}, "database.url"),
        ({"IDP_DATABASE_URL": "postgresql+asyncpg://localhost/idp"}, "database.url"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence_that_names_it(changed: dict[str, str], named: str) -> None:
    said = refusal(changed)
    assert named in said
    assert is_one_sentence(said), said


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"IDP_ISSUER": ""}, "IDP_ISSUER"),
        ({"IDP_ISSUER": "http://localhost"}, "issuer"),
        ({"IDP_DATABASE_URL": "sqlite:////var/lib/idp.sqlite3"}, "database.url"),
        ({"IDP_KEYS_MASTER_KEY_FILE": ""}, "keys.master_key_file"),
        ({"IDP_REGISTRATION_OPEN": "true"}, "registration.open"),
        ({"IDP_THROTTLE_ENABLED": "false"}, "throttle.enabled"),
        ({"IDP_RETENTION_HISTORY_FOR_MONTHS": "11"}, "retention.history_for_months"),
        ({"IDP_PASSWORDS_MEMORY_KIB": "19455"}, "passwords.memory_kib"),
        ({"IDP_PASSWORDS_PASSES": "1"}, "passwords.passes"),
    ],
)
def test_production_refuses_what_is_not_safe(changed: dict[str, str], named: str) -> None:
    said = refusal({**SAFE, **changed})
    assert named in said
    assert is_one_sentence(said), said


@pytest.mark.parametrize("name", ["IDP_ISSUER", "IDP_DATABASE_URL", "IDP_KEYS_MASTER_KEY_FILE"])
def test_production_has_no_default_for_what_only_the_operator_knows(name: str) -> None:
    said = refusal({key: value for key, value in SAFE.items() if key != name})
    assert is_one_sentence(said)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgresql_database_is_named_as_postgresql_names_it(scheme: str) -> None:
    settings = load_settings({"IDP_DATABASE_URL": f"{scheme}://idp@db.example/idp"})
    assert settings.database.url == "postgresql+psycopg://idp@db.example/idp"


def _profile(folder: Path, text: str) -> Path:
    (folder / "default.toml").write_bytes((ROOT / "config/default.toml").read_bytes())
    (folder / "development.toml").write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour = 'red'", "colour"),
        ("[sessions]\ncolour = 'red'", "sessions.colour"),
        ("[port]\nnumber = 1", "port"),
        ("sessions = 5", "sessions"),
        ("[sessions]\nidle_for = '60'", "sessions.idle_for"),
        ("[sessions]\nidle_for = true", "sessions.idle_for"),
        ("[outbound]\nallowed_hosts = 'localhost'", "outbound.allowed_hosts"),
        ("[outbound]\nallowed_hosts = [1]", "outbound.allowed_hosts"),
        ("[database]\nurl = 5", "database.url"),
        ("[worker]\npoll_every = true", "worker.poll_every"),
        ("[sessions", "config/development.toml"),
    ],
)
def test_a_wrong_profile_file_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(WrongSetting) as refused:
        load_settings({}, folder=_profile(tmp_path, text))
    assert named in str(refused.value)


def test_a_default_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = _profile(tmp_path, "")
    default = folder / "default.toml"
    default.write_text(default.read_text("utf-8").replace("idle_for = 1800\n", ""), "utf-8")
    with pytest.raises(WrongSetting, match=r"^The setting sessions\.idle_for is missing\.$"):
        load_settings({}, folder=folder)


def test_a_missing_settings_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match=r"config/default\.toml cannot be read"):
        load_settings({}, folder=tmp_path)


def uncommented(text: str) -> list[str]:
    """The settings without a comment of their own on the line above."""
    lines = text.splitlines()
    settings = [place for place, line in enumerate(lines) if re.match(r"\w+ =", line)]
    return [lines[place] for place in settings if not lines[place - 1].startswith("# ")]


def test_every_setting_has_a_comment_of_its_own() -> None:
    text = (ROOT / "config/default.toml").read_text("utf-8")
    assert uncommented(text) == []
    assert uncommented(text + "\n[new]\nsetting = 1\n") == ["setting = 1"]


def test_no_profile_file_holds_a_secret() -> None:
    for file in (ROOT / "config").glob("*.toml"):
        assert not re.search(r"[\w-]{40,}", file.read_text("utf-8")), file.name


def write_key(file: Path, text: str) -> None:
    file.write_text(text, "utf-8")
    file.chmod(0o600)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o604, 0o644])
def test_production_reads_a_master_key_only_its_owner_can_read(tmp_path: Path, mode: int) -> None:
    for name in ("master.key", "earlier.key"):
        write_key(tmp_path / name, KEY)
    for changed in ("master.key", "earlier.key"):
        (tmp_path / changed).chmod(mode)
        if mode & 0o077:
            with pytest.raises(
                WrongSetting, match=rf"{changed} \(keys\.master_key_file\) must be readable by its owner"
            ):
                keyring.read_masters("master.key", ("earlier.key",), root=tmp_path, development=False)
            (tmp_path / changed).chmod(0o600)
        assert keyring.read_masters("master.key", ("earlier.key",), root=tmp_path, development=False)


def test_production_refuses_the_master_key_of_a_development_start(tmp_path: Path) -> None:
    made = keyring.read_masters("master.key", (), root=tmp_path, development=True)
    assert (tmp_path / "master.key").read_text().startswith(DEVELOPMENT_MARK)
    assert (tmp_path / "master.key").stat().st_mode & 0o077 == 0
    assert keyring.read_masters("master.key", (), root=tmp_path, development=True) == made
    with pytest.raises(WrongSetting, match=r"keys\.master_key_file names a development key"):
        keyring.read_masters("master.key", (), root=tmp_path, development=False)


def test_production_does_not_start_with_a_development_key_or_without_one(tmp_path: Path) -> None:
    keyring.read_masters("master.key", (), root=tmp_path, development=True)
    for name in ("master.key", "missing.key"):
        settings = load_settings({**SAFE, "IDP_KEYS_MASTER_KEY_FILE": str(tmp_path / name)})
        with pytest.raises(WrongSetting, match=r"keys\.master_key_file"):
            create_app(settings)


def test_production_never_makes_a_master_key(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match=r"keys\.master_key_file"):
        keyring.read_masters("master.key", (), root=tmp_path, development=False)
    assert list(tmp_path.iterdir()) == []


def test_a_master_key_reads_with_or_without_padding(tmp_path: Path) -> None:
    write_key(tmp_path / "plain", KEY + "\n")
    write_key(tmp_path / "padded", KEY + "=")
    plain, padded = keyring.read_masters("plain", ("padded",), root=tmp_path, development=False)
    assert plain == padded
    assert len(plain.key) == 32
    assert plain.key not in plain.id


@pytest.mark.parametrize("text", ["", KEY[:-2], KEY + "AA", KEY[:-1] + "!", f"{KEY[:20]} {KEY[20:]}", "khóa" + KEY[4:]])
def test_a_damaged_master_key_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    write_key(tmp_path / "master.key", text)
    with pytest.raises(WrongSetting, match=r"keys\.master_key_file") as refused:
        keyring.read_masters("master.key", (), root=tmp_path, development=False)
    assert KEY[:10] not in str(refused.value)


def test_a_missing_earlier_master_key_is_refused(tmp_path: Path) -> None:
    write_key(tmp_path / "master.key", KEY)
    with pytest.raises(WrongSetting, match="earlier"):
        keyring.read_masters("master.key", ("earlier",), root=tmp_path, development=False)


def test_holidays_are_days() -> None:
    settings = load_settings({"IDP_PROVINCE_HOLIDAYS": "2027-02-05, 2027-04-16"})
    assert settings.province.days_off == {date(2027, 2, 5), date(2027, 4, 16)}
    assert load_settings({}).province.days_off == frozenset()


def test_production_keeps_the_strict_rules() -> None:
    assert "services.strict must be true" in refusal({**SAFE, "IDP_SERVICES_STRICT": "false"})


def test_the_interop_profile_holds_services_to_what_they_registered_and_throttles_nothing() -> None:
    settings = load_settings({"IDP_PROFILE": "interop", "IDP_ISSUER": "http://localhost:8000"})
    assert not settings.services.strict
    assert not settings.throttle.enabled
    assert settings.registration.open
    assert settings.tokens.code_for < load_settings({}).tokens.code_for
    assert settings.outbound.allowed_hosts
    assert not settings.is_production
    assert load_settings({}).services.strict


@pytest.mark.parametrize(
    "issuer",
    [
        "http://localhost:8000",
        "https://127.0.0.1:8443",
        "https://[::1]:8443",
        "https://10.0.0.7",
        "https://server:8443",
        "https://id.localhost",
        "https://id.example",
        "https://id.suite.test:8443",
        "https://host.docker.internal",
        "https://localhost.emobix.co.uk:8443",
    ],
)
def test_the_interop_profile_starts_at_the_names_of_tests(issuer: str) -> None:
    assert load_settings({"IDP_PROFILE": "interop", "IDP_ISSUER": issuer}).issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "https://dinhdanh.bacninh.gov.vn",
        "https://id.example.com",
        "https://notexample.vn",
        "https://test.vn",
        "https://emobix.co.uk",
        "https://8.8.8.8",
    ],
)
def test_the_interop_profile_never_starts_where_the_public_could_come(issuer: str) -> None:
    environ = {"IDP_PROFILE": "interop", "IDP_ISSUER": issuer}
    said = refusal(environ)
    assert "profile interop" in said
    assert "services.test_hosts" in said
    assert is_one_sentence(said)
    host = issuer.removeprefix("https://")
    assert load_settings({**environ, "IDP_SERVICES_TEST_HOSTS": f"other.vn,{host}"}).profile == "interop"
    assert "profile interop" in refusal({**environ, "IDP_SERVICES_TEST_HOSTS": "other.vn"})
