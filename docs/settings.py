"""Writes docs/operate/settings.md from config/default.toml, the manual of all settings, and the profiles over it.

Run it after changing a setting: `.venv/bin/python docs/settings.py`. A test holds that the page is up to date.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "operate" / "settings.md"
PROFILES = ("development", "interop", "production", "testing")
HEAD = """\
# Settings

Made from `config/default.toml` by `docs/settings.py`; change the comments there, not this page.

Read once at start, in this order, the later over the earlier: `config/default.toml`, `config/PROFILE.toml`, the
environment. `IDP_PROFILE` names the profile: `development` (the default), `testing`, `interop` (for [foreign test
suites](foreign-suites.md)) or `production`. In the environment lists are separated by commas, and `true`, `false`, `1`,
`0` are flags. A setting that is unknown, missing, of the wrong type or unsafe in production refuses to start with one
sentence that names it. Secrets are not settings: the master key is a file.
"""


class Setting(NamedTuple):
    """One line of the manual. `table` is '' for those that stand in no table."""

    table: str
    key: str
    comment: str

    @property
    def name(self) -> str:
        return f"{self.table}.{self.key}" if self.table else self.key

    @property
    def environment(self) -> str:
        return "_".join(part.upper() for part in ("IDP", self.table, self.key) if part)


def read_manual(text: str) -> list[Setting]:
    """The settings in the order of the file, each with the comment right above it; the file's own preamble is none."""
    found, table, comment = [], "", []
    for line in text.splitlines():
        if line.startswith("#"):
            comment.append(line.lstrip("# ").rstrip())
        elif header := re.fullmatch(r"\[(\w+)\]", line):
            table, comment = header[1], []
        elif key := re.match(r"(\w+)\s*=", line):
            found.append(Setting(table, key[1], " ".join(comment)))
            comment = []
        else:
            comment = []
    return found


def write_page(config: Path) -> str:
    """The page as it must read."""
    manual = (config / "default.toml").read_text("utf-8")
    defaults = tomllib.loads(manual)
    profiles = {name: tomllib.loads((config / f"{name}.toml").read_text("utf-8")) for name in PROFILES}
    lines, table = [HEAD], None
    for setting in read_manual(manual):
        if setting.table != table:
            table = setting.table
            lines += [f"\n## {table or 'Everything'}\n", "| setting | in the environment | default | meaning |"]
            lines += ["|---|---|---|---|"]
        default = _shown(_value(defaults, setting))
        for name, values in profiles.items():
            own = _value(values, setting)
            if own is not None:
                default += f"; {name}: {'must be set' if own == '' else _shown(own)}"
        comment = setting.comment.replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| `{setting.name}` | `{setting.environment}` | {default} | {comment} |")
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _value(values: dict[str, Any], setting: Setting) -> Any:
    return (values.get(setting.table, {}) if setting.table else values).get(setting.key)


def _shown(value: Any) -> str:
    return "(empty)" if value in ("", []) else f"`{json.dumps(value, ensure_ascii=False)}`"


if __name__ == "__main__":
    PAGE.write_text(write_page(ROOT / "config"), "utf-8")
