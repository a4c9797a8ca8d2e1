"""Settings, typed, read once; a wrong or missing one refuses to start with one sentence that names it.

Order: config/default.toml, config/<profile>.toml, the environment (IDP_…). config/default.toml is the manual.

Long because each setting is declared, read and checked in one place.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

POSTGRESQL: Final = "postgresql+psycopg://"
PROFILES = ("development", "testing", "interop", "production")
ROOT = Path(__file__).resolve().parents[2]


class WrongSetting(Exception):
    """A setting that cannot be used; the message is one sentence naming it."""


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    processes: int
    at_work: int
    under_way: int
    threads: int
    backlog: int
    lifetime: int
    grace: int


@dataclass(frozen=True, slots=True)
class Database:
    url: str
    pool_size: int
    pool_timeout: int


@dataclass(frozen=True, slots=True)
class Keys:
    master_key_file: str
    previous_master_key_files: tuple[str, ...]
    pkcs11_module: str
    pkcs11_token: str
    pkcs11_pin_file: str


@dataclass(frozen=True, slots=True)
class Sessions:
    idle_for: int
    absolute_for: int
    touch_every: int
    page_for: int
    device_for: int


@dataclass(frozen=True, slots=True)
class CounterMode:
    idle_for: int


@dataclass(frozen=True, slots=True)
class Tokens:
    code_for: int
    access_token_for: int
    id_token_for: int
    grant_for: int
    offline_grant_for: int
    refresh_grace: int


@dataclass(frozen=True, slots=True)
class Passwords:
    memory_kib: int
    passes: int
    lanes: int
    hash_slots: int
    hash_queue: int
    breach_file: str


@dataclass(frozen=True, slots=True)
class Messages:
    sms: str
    mail: str
    folder: str
    sms_url: str
    sms_token_file: str
    smtp_host: str
    smtp_port: int
    smtp_user: str
    smtp_password_file: str
    mail_from: str


@dataclass(frozen=True, slots=True)
class Codes:
    good_for: int
    tries: int
    per_contact: int
    per_contact_per_day: int
    per_network: int
    sms_per_day: int


@dataclass(frozen=True, slots=True)
class Throttle:
    enabled: bool
    tries_per_account: int
    tries_per_account_under_attack: int
    wide_attack_from: int
    tries_per_network: int
    window: int


@dataclass(frozen=True, slots=True)
class Registration:
    open: bool


@dataclass(frozen=True, slots=True)
class Services:
    strict: bool
    sandbox_loopback: bool
    test_hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metrics:
    folder: str


@dataclass(frozen=True, slots=True)
class Outbound:
    allowed_hosts: tuple[str, ...]
    ca_bundle: str
    timeout: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Proxy:
    hops: int


@dataclass(frozen=True, slots=True)
class Worker:
    poll_every: float
    parallel: int
    lease_for: int


@dataclass(frozen=True, slots=True)
class Retention:
    ended_sessions_for_days: int
    ledger_for_days: int
    history_for_months: int


@dataclass(frozen=True, slots=True)
class Log:
    heads_file: str


@dataclass(frozen=True, slots=True)
class Province:
    name_vi: str
    name_en: str
    service_name_vi: str
    service_name_en: str
    hotline: str
    hotline_hours_vi: str
    hotline_hours_en: str
    authority_vi: str
    authority_en: str
    operator_vi: str
    operator_en: str
    time_zone: str
    holidays: tuple[str, ...]

    @property
    def days_off(self) -> frozenset[date]:
        """The holidays that fall on another day each year."""
        return frozenset(map(date.fromisoformat, self.holidays))


@dataclass(frozen=True, slots=True)
class Proofing:
    trust_store: str


@dataclass(frozen=True, slots=True)
class Logging:
    level: str


@dataclass(frozen=True, slots=True)
class Settings:
    profile: str
    port: int
    issuer: str
    server: Server
    database: Database
    keys: Keys
    sessions: Sessions
    counter_mode: CounterMode
    tokens: Tokens
    passwords: Passwords
    messages: Messages
    codes: Codes
    throttle: Throttle
    registration: Registration
    services: Services
    metrics: Metrics
    outbound: Outbound
    proxy: Proxy
    worker: Worker
    retention: Retention
    log: Log
    province: Province
    proofing: Proofing
    logging: Logging

    @property
    def is_production(self) -> bool:
        return self.profile == "production"

    @property
    def insecure_loopback(self) -> bool:
        """Whether the provider itself runs on plain http, which only a loopback address outside production may."""
        return self.issuer.startswith("http://")


def load_settings(environ: Mapping[str, str], *, folder: Path = ROOT / "config") -> Settings:
    """Read, merge, type and check all settings; raises WrongSetting."""
    profile = environ.get("IDP_PROFILE", "development")
    if profile not in PROFILES:
        raise WrongSetting(f"IDP_PROFILE must be one of {', '.join(PROFILES)}, not {profile!r}.")
    values = _read(folder / "default.toml")
    _lay_over(values, _read(folder / f"{profile}.toml"), where=f"config/{profile}.toml")
    _lay_environment_over(values, environ)
    values["profile"] = profile
    # The plain scheme of other tools means the one driver there is.
    values["database"]["url"] = re.sub(r"^postgres(ql)?://", POSTGRESQL, str(values["database"]["url"]))
    settings = cast(Settings, _build(Settings, values, ""))
    if not settings.issuer and not settings.is_production:
        settings = cast(Settings, _build(Settings, {**values, "issuer": f"http://localhost:{settings.port}"}, ""))
    _check(settings)
    if "IDP_PROFILE" not in environ and not settings.insecure_loopback:
        # A forgotten profile must not open a public provider's doors.
        raise WrongSetting("IDP_PROFILE must be set where the issuer is a public address: production, most likely.")
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise WrongSetting(f"The settings file config/{path.name} cannot be read: {error}.") from None


def _lay_over(values: dict[str, Any], upper: Mapping[str, Any], *, where: str) -> None:
    for key, value in upper.items():
        if key not in values:
            raise WrongSetting(f"{where} names an unknown setting: {key}.")
        if isinstance(value, Mapping) is not isinstance(values[key], Mapping):
            raise WrongSetting(f"{where} must give {key} as config/default.toml does: as a table or as one value.")
        if not isinstance(value, Mapping):
            values[key] = value
            continue
        for inner, inner_value in value.items():
            if inner not in values[key]:
                raise WrongSetting(f"{where} names an unknown setting: {key}.{inner}.")
            values[key][inner] = inner_value


def _lay_environment_over(values: dict[str, Any], environ: Mapping[str, str]) -> None:
    names = {f"IDP_{key}".upper(): (key, None) for key, value in values.items() if not isinstance(value, dict)}
    for table, inner in values.items():
        if isinstance(inner, dict):
            names |= {f"IDP_{table}_{key}".upper(): (table, key) for key in inner}
    for name, text in environ.items():
        if not name.startswith("IDP_") or name == "IDP_PROFILE":
            continue
        if name not in names:
            raise WrongSetting(f"The environment variable {name} names no setting; config/default.toml lists all.")
        table, key = names[name]
        holder = values if key is None else values[table]
        holder[key or table] = _from_text(name, text, holder[key or table])


def _from_text(name: str, text: str, example: object) -> object:
    try:
        if isinstance(example, bool):
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        if isinstance(example, int):
            return int(text)
        if isinstance(example, float):
            return float(text)
    except (ValueError, KeyError):
        raise WrongSetting(f"{name} must be a {type(example).__name__}, not {text!r}.") from None
    if isinstance(example, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _build(cls: type, values: Mapping[str, Any], path: str) -> object:
    """Make the frozen bundle `cls` from plain values, each held to the type its field declares."""
    made: dict[str, object] = {}
    for field in fields(cls):
        name = f"{path}{field.name}"
        if field.name not in values:
            raise WrongSetting(f"The setting {name} is missing.")
        value, kind = values[field.name], field.type
        if isinstance(kind, type) and is_dataclass(kind):
            made[field.name] = _build(kind, value, f"{name}.")
        elif kind == tuple[str, ...]:
            if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
                raise WrongSetting(f"The setting {name} must be a list of texts.")
            made[field.name] = tuple(value)
        elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
            made[field.name] = float(value)
        elif type(value) is not kind:
            raise WrongSetting(f"The setting {name} must be of type {cast(type, kind).__name__}, not {value!r}.")
        else:
            made[field.name] = value
    unknown = set(values) - {field.name for field in fields(cls)}
    if unknown:
        raise WrongSetting(f"Unknown setting: {path}{sorted(unknown)[0]}.")
    return cls(**made)


def _check(settings: Settings) -> None:
    _check_ranges(settings)
    _check_issuer(settings)
    for table in fields(settings):
        _check_numbers(table.name, getattr(settings, table.name))
    if settings.logging.level not in ("debug", "info", "warning", "error"):
        raise WrongSetting("The setting logging.level must be debug, info, warning or error.")
    try:
        ZoneInfo(settings.province.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise WrongSetting("The setting province.time_zone names no time zone.") from None
    try:
        _ = settings.province.days_off
    except ValueError:
        raise WrongSetting("The setting province.holidays must list days such as 2027-02-05.") from None
    if not settings.database.url.startswith(("sqlite://", POSTGRESQL)):
        raise WrongSetting("The setting database.url must begin with sqlite:// or postgresql://.")
    server, passwords = settings.server, settings.passwords
    if not server.at_work <= server.under_way < server.threads:
        raise WrongSetting("The setting server.under_way must be at least server.at_work and below server.threads.")
    if passwords.hash_slots + passwords.hash_queue >= server.under_way:
        raise WrongSetting("passwords.hash_slots and passwords.hash_queue must together be below server.under_way.")
    if settings.is_production:
        _check_production(settings)
    if settings.profile == "interop":
        _check_interop(settings)


def _check_ranges(settings: Settings) -> None:
    if not 1 <= settings.port <= 65535:
        raise WrongSetting("The setting port must be between 1 and 65535.")
    if not 60 <= settings.counter_mode.idle_for <= 300:
        raise WrongSetting("The setting counter_mode.idle_for must be between 60 and 300.")


# RFC 6761 6 and ICANN's name for private use resolve nowhere in public; the last is the conformance suite's own.
_TEST_DOMAINS = ("localhost", "test", "example", "internal", "emobix.co.uk")


def _check_interop(settings: Settings) -> None:
    """Registration is open and nothing is throttled: never where the public could come by mistake."""
    host = urlsplit(settings.issuer).hostname or ""
    if host not in settings.services.test_hosts and not _is_of_tests(host):
        raise WrongSetting(
            "In the profile interop the issuer must be on this machine, at a private address, at a name without a dot "
            f"or under {', '.join(_TEST_DOMAINS)}, or its host must be named in services.test_hosts."
        )


def _is_of_tests(host: str) -> bool:
    """Whether nobody from outside comes to this host by its name or address."""
    try:
        return ip_address(host).is_private  # loopback included
    except ValueError:
        return "." not in host or host.endswith(tuple(f".{domain}" for domain in _TEST_DOMAINS))


# Numbers that may be nought; of any other, nought would mean that nothing works, or that nothing is bounded.
_MAY_BE_NOUGHT = frozenset(
    f"{table}.{key}"
    for table, keys in {
        "server": ("lifetime",),
        "sessions": ("touch_every",),
        "tokens": ("refresh_grace",),
        "passwords": ("hash_queue",),
        "throttle": ("tries_per_account_under_attack", "wide_attack_from"),
        "proxy": ("hops",),
    }.items()
    for key in keys
)


def _check_numbers(name: str, table: object) -> None:
    if not is_dataclass(table):
        return
    for field in fields(table):
        value, full_name = getattr(table, field.name), f"{name}.{field.name}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if full_name in _MAY_BE_NOUGHT and value < 0:
            raise WrongSetting(f"The setting {full_name} must not be negative.")
        if full_name not in _MAY_BE_NOUGHT and not 0 < value < float("inf"):
            raise WrongSetting(f"The setting {full_name} must be more than 0.")


def _check_issuer(settings: Settings) -> None:
    if not settings.issuer:
        raise WrongSetting("The setting issuer is missing: set IDP_ISSUER to the provider's public https address.")
    try:
        parts = urlsplit(settings.issuer)
        _ = parts.port
    except ValueError:
        raise WrongSetting("The setting issuer is not an address.") from None
    if not parts.hostname or "@" in parts.netloc or settings.issuer != f"{parts.scheme}://{parts.netloc}":
        raise WrongSetting("The setting issuer must be an address without user, path, query or trailing slash.")
    loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise WrongSetting("The setting issuer must be an https address (http only on localhost, for trying out).")


def _check_production(settings: Settings) -> None:
    if not settings.issuer.startswith("https://"):
        raise WrongSetting("In production the setting issuer must be an https address.")
    if not settings.database.url.startswith(POSTGRESQL):
        raise WrongSetting("In production the setting database.url must name a PostgreSQL database, which is durable.")
    _check_files_of_production(settings)
    if settings.registration.open:
        raise WrongSetting("In production the setting registration.open must be false.")
    if not settings.services.strict:
        raise WrongSetting("In production the setting services.strict must be true.")
    if not settings.throttle.enabled:
        raise WrongSetting("In production the setting throttle.enabled must be true.")
    if settings.retention.history_for_months < 12:
        raise WrongSetting("In production the setting retention.history_for_months must be at least 12.")
    if settings.passwords.memory_kib < 19456 or settings.passwords.passes < 2:
        raise WrongSetting("In production passwords.memory_kib must be at least 19456 and passwords.passes at least 2.")
    for channel in ("sms", "mail"):
        _refuse_development_gateway(channel, getattr(settings.messages, channel))


def _check_files_of_production(settings: Settings) -> None:
    if not settings.keys.master_key_file:
        raise WrongSetting("In production the setting keys.master_key_file must name the file with the master key.")
    if not settings.log.heads_file:
        raise WrongSetting("In production the setting log.heads_file must name the file that tree heads are added to.")


def _refuse_development_gateway(channel: str, name: str) -> None:
    if name in ("console", "file"):
        raise WrongSetting(f"In production the setting messages.{channel} must not be console or file.")
