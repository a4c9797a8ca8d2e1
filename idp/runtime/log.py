"""The log: one JSON object a line on standard error, with the request's id, and with secrets scrubbed.

What must not be logged is not handed to the log in the first place; the scrubber is the second net.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

# Words after which a value is a secret, and shapes that are one: JWTs, personal numbers, phones, e-mail addresses.
_NAMED: Final = re.compile(
    r"""(?ix) \b (code|access_token|refresh_token|id_token|id_token_hint|client_secret|password|parked|
    logout_token|code_verifier|login_hint|state|nonce|authorization|cookie|set-cookie)
    (["']?\s*[=:]\s*["']?) [^\s"'&,;]+"""
)
_SHAPED: Final = re.compile(
    r"(?x) eyJ[\w-]+\.[\w-]+\.[\w-]* | \b\d{12}\b | \+84\d{8,10}\b | \b0[35789]\d{8}\b | [\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r" | \b[\w-]{60,}\b | \$argon2\S+ | (?i:bearer|basic)\s+\S+"
)


def scrub(text: str) -> str:
    """The text without anything that looks like a secret or a person's data."""
    return _SHAPED.sub("[removed]", _NAMED.sub(r"\1\2[removed]", text))


def _scrub_all(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and key not in ("level", "timestamp", "request", "path"):
            event[key] = scrub(value)
    return event


def configure(level: str) -> None:
    """Send this process's log, the libraries' included, to standard error as JSON lines."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.stdlib.PositionalArgumentsFormatter(),
                _scrub_all,
                structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=True),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Authlib writes whole tokens at debug, SQLAlchemy whole parameter lists at info.
    for name, floor in (("authlib", logging.INFO), ("sqlalchemy", logging.WARNING), ("werkzeug", logging.WARNING)):
        logging.getLogger(name).setLevel(max(floor, root.level))


def get(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
