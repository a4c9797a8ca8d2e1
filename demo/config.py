"""What one demonstration service is told at its start: its name, its port, its provider, its secret."""

import json
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_DIRECTORY = ROOT / "var" / "demo"
SERVICES_FILE = "services.json"


@dataclass(frozen=True, slots=True)
class Kind:
    """What the program itself knows of a service; names and addresses come from the services file."""

    client_id: str
    port_offset: int
    cookie_name: str
    accent: str


# Cookies are shared by all ports of localhost, so each service needs a name of its own.
KINDS = {
    "portal": Kind("cong-dich-vu-cong", 1, "dich_vu_cong", "jade"),
    "one-stop": Kind("mot-cua-dien-tu", 2, "mot_cua", "plum"),
}


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The other service, to which a page links."""

    name_vi: str
    name_en: str
    url: str

    def name(self, language: str) -> str:
        return self.name_en if language == "en" else self.name_vi


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """One relying service; `kind` chooses its words, `accent` its colour, `issuer` starts discovery."""

    kind: str
    name_vi: str
    name_en: str
    port: int
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    cookie_name: str
    accent: str
    neighbour: Neighbour

    @property
    def base_url(self) -> str:
        return f"http://localhost:{self.port}"

    def name(self, language: str) -> str:
        return self.name_en if language == "en" else self.name_vi


def load_service(kind: str, directory: Path, provider_port: int, issuer: str) -> ServiceConfig:
    """The configuration of one service, from the file that `prepare` wrote for the provider to import."""
    listed = json.loads((directory / SERVICES_FILE).read_text(encoding="utf-8"))
    metadata = {service["client_id"]: service for service in listed}
    own = KINDS[kind]
    other = next(known for name, known in KINDS.items() if name != kind)
    mine, theirs = metadata[own.client_id], metadata[other.client_id]
    return ServiceConfig(
        kind=kind,
        name_vi=mine["client_name#vi"],
        name_en=mine["client_name#en"],
        port=provider_port + own.port_offset,
        issuer=issuer,
        client_id=own.client_id,
        client_secret=mine["client_secret"],
        cookie_name=own.cookie_name,
        accent=own.accent,
        neighbour=Neighbour(theirs["client_name#vi"], theirs["client_name#en"], theirs["client_uri"]),
    )
