"""The log: one JSON object a line on standard error, with the request's id, and with secrets scrubbed.

What must not be logged is not handed to the log in the first place; the scrubber is the second net.
"""

import logging
import re
import string
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

_REMOVED: Final = "[removed]"
_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
LONGEST: Final = 20_000
_OF_SECRETS: Final = string.ascii_letters + string.digits + "._+- '\"@$="
# Fields of the log itself that hold a secret whatever it looks like (`code` is there the code of a refusal).
_SECRETS: Final = frozenset(
    "access_token refresh_token id_token id_token_hint client_secret password parked logout_token code_verifier "
    "login_hint authorization cookie".split()
)
# Words in a text after which a secret follows, in quotes or up to the next mark.
_NAMED: Final = re.compile(
    rf"""(?ix) \b ({"|".join(sorted(_SECRETS))}|code|state|nonce|set-cookie) (["']?\s*[=:]\s*)
    ("[^"]*" | '[^']*' | (?:(?:bearer|basic)\s+)?[^\s"'&,;]+)"""
)
# No part may be tried from every place of a long run of its own characters: strangers choose what is logged.
# Shapes that are one: JWTs, personal numbers, phones, e-mail addresses, and whatever is as long as our own secrets.
_SHAPED: Final = re.compile(
    r"""(?x) (?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]* | (?<![\w-])[\w-]{43,}(?![\w-]) | \$argon2\S+ | (?i:bearer|basic)\s+\S+
    | \b\d{3}(?:[ .-]?\d{3}){3}\b | (?:\+|\b)84(?:[ .-]?\d){9}\b | \b0[35789](?:[ .-]?\d){8}\b
    | (?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+ | (?i:cookie):[^"'\n]+"""
)


def scrub(text: str) -> str:
    """The text without anything that looks like a secret or a person's data; of a very long one only the beginning."""
    if len(text) > LONGEST:
        # Of what the cut goes through nothing stays: half a secret has no shape to know it by.
        text = text[:LONGEST].rstrip(_OF_SECRETS)
    return _SHAPED.sub(_REMOVED, _NAMED.sub(rf"\1\2{_REMOVED}", text))


def _scrub_all(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key not in ("level", "timestamp", "request", "logger"):
            event[key] = _scrubbed(key, value)
    return event


def _scrubbed(key: object, value: object) -> object:
    if key in _SECRETS:
        return _REMOVED
    if isinstance(value, Mapping):
        return {inner: _scrubbed(inner, each) for inner, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrubbed(None, each) for each in value]
    return value if value is None or isinstance(value, bool | int | float) else scrub(str(value))


class _Lines:
    """Takes finished lines to the handler's stream; the method for each level is the same."""

    def __init__(self, handler: "logging.StreamHandler[Any]", name: str) -> None:
        self._handler, self.name = handler, name

    def info(self, line: str) -> None:
        self._handler.acquire()
        try:
            self._handler.stream.write(line)
            self._handler.stream.flush()
        finally:
            self._handler.release()

    debug = warning = error = critical = exception = info


def _as_json(event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(event, option=_OPTIONS).decode()


def _render(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return _as_json(event)


# Where `write_plain` writes; None where the level leaves such lines out.
_plain: _Lines | None = None


def write_plain(name: str, event: str, **said: str | float | None) -> None:
    """A line at level info, like those of `get(name)` but not looked through: the caller scrubs what strangers chose.

    For the one line that every request has: the chain of processors would cost as much as the smallest request.
    """
    if _plain is not None:
        line = {**said, "event": event, "level": "info", "logger": name, "timestamp": datetime.now(UTC)}
        _plain.info(_as_json(line))


def configure(level: str) -> None:
    """Send this process's log, the libraries' included, to standard error as JSON lines."""
    global _plain
    handler = logging.StreamHandler(sys.stderr)
    _plain = _Lines(handler, "") if logging.getLevelNamesMapping()[level.upper()] <= logging.INFO else None
    said: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _scrub_all,
    ]
    # Our own lines go straight to the stream: the standard library's records would double what a line costs.
    structlog.configure(
        processors=[*said, _render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda name: _Lines(handler, name),
        cache_logger_on_first_use=False,
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=said[:-1],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.stdlib.PositionalArgumentsFormatter(),
                _scrub_all,
                lambda _logger, _method, event: _as_json(event).rstrip(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Authlib writes whole tokens at debug, SQLAlchemy whole parameter lists at info.
    for name, floor in (("authlib", logging.INFO), ("sqlalchemy", logging.WARNING), ("werkzeug", logging.WARNING)):
        logging.getLogger(name).setLevel(max(floor, root.level))


def get(name: str) -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger
