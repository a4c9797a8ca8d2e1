"""Writes the file that `flask services import` reads: ports moved, this machine's secrets added."""

import json
import os
import secrets
from pathlib import Path

from demo.config import KINDS, SERVICES_FILE

SECRETS_FILE = "secrets.json"
_TEMPLATE = Path(__file__).with_name("services.json")
_TEMPLATE_PORT = 8000  # demo/services.json is written for this port, so that it reads as what it is


def prepare(directory: Path, provider_port: int) -> Path:
    """Writes `services.json` into `directory` and returns its path; secrets are kept over restarts."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    services = json.loads(_TEMPLATE.read_text(encoding="utf-8"))
    kept = _kept_secrets(directory / SECRETS_FILE)
    for service in services:
        offset = next(kind.port_offset for kind in KINDS.values() if kind.client_id == service["client_id"])
        written, wanted = _TEMPLATE_PORT + offset, provider_port + offset
        service.update(_moved(service, f"http://localhost:{written}/", f"http://localhost:{wanted}/"))
        service["client_secret"] = kept[service["client_id"]]
    path = directory / SERVICES_FILE
    _write_private(path, services)
    return path


def _moved(service: dict[str, object], written: str, wanted: str) -> dict[str, object]:
    def move(value: object) -> object:
        if isinstance(value, str):
            return value.replace(written, wanted)
        return [move(item) for item in value] if isinstance(value, list) else value

    return {name: move(value) for name, value in service.items()}


def _kept_secrets(path: Path) -> dict[str, str]:
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    missing = [kind.client_id for kind in KINDS.values() if kind.client_id not in kept]
    if missing:
        kept.update({client_id: secrets.token_urlsafe(32) for client_id in missing})
        _write_private(path, kept)
    return kept


def _write_private(path: Path, content: object) -> None:
    # A new file beside the old one, then one rename: never half written, never readable by others.
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=2)
    fresh.replace(path)
