"""Reads the pages in docs/integrate: the files and commands that a vendor's developer copies from them.

A fence whose info string ends in `file=NAME` is a file; one that ends in `command=NAME` is what is typed in a shell.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INTEGRATE = Path(__file__).resolve().parents[2] / "docs" / "integrate"
REGISTRATION = "registration.json"
# What a page's reader puts in the place of its own; nothing else differs between what is read and what is run.
PROVINCE, SERVICE = "localhost:8000", "localhost:9000"
CLIENT_ID, CLIENT_SECRET = "YOUR_CLIENT_ID", "YOUR_CLIENT_SECRET"
_FENCE = re.compile(r"(?ms)^```\w+ (file|command)=(\S+)\n(.*?)^```$")


@dataclass(frozen=True, slots=True)
class Page:
    """`files` by name, `commands` by name: `prepare` (if any) is run to its end, `run` is the client itself."""

    name: str
    text: str
    files: dict[str, str]
    commands: dict[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the province and the client stand in this run, and how the client was registered."""

    province: str
    service: str
    registered: dict[str, Any]

    def put_into(self, text: str) -> str:
        """The page's text with its four stand-ins replaced."""
        given = {
            PROVINCE: self.province.removeprefix("http://"),
            SERVICE: self.service.removeprefix("http://"),
            CLIENT_ID: self.registered.get("client_id"),
            CLIENT_SECRET: self.registered.get("client_secret"),
        }
        for stand_in, value in given.items():
            if value is not None:
                text = text.replace(stand_in, value)
        return text


def read_page(name: str) -> Page:
    """`read_page("openid-client")` reads docs/integrate/openid-client.md."""
    text = (INTEGRATE / f"{name}.md").read_text("utf-8")
    kinds: dict[str, dict[str, str]] = {"file": {}, "command": {}}
    for kind, named, body in _FENCE.findall(text):
        assert named not in kinds[kind], f"{name}.md shows {named} twice"
        kinds[kind][named] = body
    return Page(name, text, kinds["file"], kinds["command"])


def write_files(page: Page, standing: Standing, folder: Path) -> None:
    """The page's files as its reader would have them, `registration.json` among them."""
    for name, text in page.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        written = standing.put_into(text)
        assert "YOUR_" not in written, f"{page.name}.md leaves something unsaid in {name}"
        path.write_text(written, "utf-8")
