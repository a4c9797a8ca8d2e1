"""What the documents say is there: links, commands, steps, settings, errors, tables; and nothing of one machine."""

import ast
import importlib.util
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask

from idp.domain import claims
from idp.flows import service_registry
from idp.protocol import wording
from idp.storage import db, tables

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = sorted(path for path in (README, ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")))
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
ONE_SCREEN, LONGEST_DECISION = 45, 40
# Files that say to a service's developer what was wrong, beside those of idp/protocol.
SPEAKING = (
    "idp/domain/assertions.py",
    "idp/domain/claims.py",
    "idp/domain/invitations.py",
    "idp/domain/metadata_members.py",
    "idp/domain/next_step.py",
    "idp/domain/relying_services.py",
    "idp/domain/service_metadata.py",
    "idp/domain/shared_sectors.py",
    "idp/flows/service_registry.py",
    "idp/web/forms.py",
    "idp/web/oidc/asked.py",
    "idp/web/oidc/registration.py",
    "idp/web/sign_in/consent.py",
)
# Sentences in those files that no service's developer is told.
UNSAID = {
    "this request came without a transaction",
    "this request was not proved",
    "the file must hold a list of objects, or an object with a list named clients",
    "no service has the client_id",
    "was not approved yet",
    "the province suspended it, and lets it go on",
    *wording.OF_AUTHLIB,
}
# What a sentence is made of beside words: the bare name of a place in a specification.
BARE_PLACE = re.compile(r"(?:RFC|OpenID Connect|Decree)[\w ./-]*")


def shown(path: Path) -> str:
    """A file's name as a failing test shows it."""
    return str(path.relative_to(ROOT))


def one_line(text: str) -> str:
    return " ".join(text.split())


# -- the door ------------------------------------------------------------------------------------------------------


def test_the_readme_fits_one_screen_and_names_both_commands() -> None:
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= ONE_SCREEN
    assert {"make demo", "make test"} <= set(text.splitlines())


def installed_by_hand(readme: str) -> set[str]:
    """Debian's packages that the README has installed before anything is run."""
    lines = re.findall(r"(?m)^apt-get install -y (.+)$", readme)
    return {package for line in lines for package in line.split()}


def demanded(makefile: str) -> set[str]:
    """Debian's packages that `make system` stops for where nobody may install them."""
    recipe = re.search(r"(?m)^system:.*\n((?:\t.*\n)+)", makefile)
    return set(re.findall(r'missing="\$\$missing ([\w-]+)"', recipe[1])) if recipe else set()


def test_the_readme_has_installed_what_make_test_demands() -> None:
    """Whoever is not root cannot be helped by make."""
    readme, makefile = README.read_text("utf-8"), (ROOT / "Makefile").read_text("utf-8")
    before_there_is_make = {"git", "make", "python3"}
    assert len(demanded(makefile)) > 3
    assert demanded(makefile) == installed_by_hand(readme) - before_there_is_make
    assert demanded('system:\n\t@ls /x || missing="$$missing x-y"\nother:\n\t@ls /z || missing="$$missing z"\n') == {
        "x-y"
    }


def test_the_readme_tells_the_demos_people_and_addresses_as_they_are() -> None:
    from demo.config import KINDS
    from demo.run import PASSWORD, PEOPLE

    text = README.read_text("utf-8")
    assert PEOPLE[0][0] in text
    assert PASSWORD in text
    assert all(f"http://localhost:{8000 + kind.port_offset}" in text for kind in KINDS.values())


# -- links ---------------------------------------------------------------------------------------------------------


def broken_links(path: Path, text: str) -> list[str]:
    """Relative links of a document that lead nowhere, by file or by heading."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_fences(text)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (heading and heading not in headings(there)):
            broken.append(f"{shown(path)}: {target}")
    return broken


def headings(path: Path) -> set[str]:
    """The anchors of a document, as they are made of its headings."""
    titles = re.findall(r"(?m)^#+ (.+)$", path.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def without_fences(text: str) -> str:
    return re.sub(r"(?ms)^```.*?^```$", "", text)


@pytest.mark.parametrize("path", DOCS, ids=shown)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    assert broken_links(path, path.read_text("utf-8")) == []


def test_a_link_to_a_missing_file_or_heading_is_found() -> None:
    text = "[a](nowhere.md) [b](CHANGELOG.md#unreleased) [c](CHANGELOG.md#never) [d](https://example.vn)"
    assert broken_links(README, text) == ["README.md: nowhere.md", "README.md: CHANGELOG.md#never"]


# -- commands ------------------------------------------------------------------------------------------------------


def commands_of(text: str, program: str) -> Iterator[list[str]]:
    """What a document tells to type after `program`, in fences and between backticks, as words."""
    for fence in re.findall(r"(?ms)^```\n(.*?)^```$", text):
        for line in fence.replace("\\\n", " ").splitlines():
            if found := re.match(rf"(?:\S+=\S+ )*(?:\.venv/bin/)?{program} (.+)", line):
                yield shlex.split(found[1])
    for phrase in re.findall(rf"`(?:[A-Z_]+=\S+ )?(?:\.venv/bin/)?{program} ([^`…]+)`", without_fences(text)):
        yield phrase.split()


def faults_of_flask(words: list[str], app: Flask) -> str | None:
    """What of a flask command does not exist, or None."""
    from flask_migrate.cli import db as database_commands

    command: click.Command | None = None
    known: dict[str, click.Command] = {**app.cli.commands, "db": database_commands}
    words = words[2:] if words[:1] == ["--app"] else words
    for word in words:
        if word.startswith("--"):
            options = {name for each in command.params for name in each.opts} if command else set()
            if word.partition("=")[0] not in options:
                return f"{word} of {' '.join(words)}"
        elif not isinstance(command, click.Command) or isinstance(command, click.Group):
            command = known.get(word)
            if command is None:
                return " ".join(words)
            known = dict(command.commands) if isinstance(command, click.Group) else {}
    return None if command and not isinstance(command, click.Group) else " ".join(words)


def test_every_flask_command_in_the_documents_exists(sqlite_app: Flask) -> None:
    told = [words for path in DOCS for words in commands_of(path.read_text("utf-8"), "flask")]
    assert len(told) > 10
    assert [fault for words in told if (fault := faults_of_flask(words, sqlite_app))] == []


def test_a_flask_command_or_option_that_is_not_there_is_found(sqlite_app: Flask) -> None:
    assert faults_of_flask(["--app", "wsgi", "accounts", "create", "--number", "1"], sqlite_app) is None
    assert faults_of_flask(["accounts", "create", "--size", "1"], sqlite_app) == "--size of accounts create --size 1"
    assert faults_of_flask(["accounts", "forget"], sqlite_app) == "accounts forget"
    assert faults_of_flask(["db"], sqlite_app) == "db"


def test_every_make_command_in_the_documents_exists() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8")))
    told = {words[0] for path in DOCS for words in commands_of(path.read_text("utf-8"), "make")}
    assert {"demo", "test", "help"} <= told
    assert told - targets == set()


# -- settings, steps, tables ---------------------------------------------------------------------------------------


def test_the_settings_page_is_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "settings.py"))
    page: Path = made["PAGE"]
    assert page.read_text("utf-8") == made["write_page"](ROOT / "config"), "run .venv/bin/python docs/settings.py"


def test_every_profile_is_named_where_one_reads_of_them() -> None:
    from idp.runtime.settings import PROFILES

    made = runpy.run_path(str(ROOT / "docs" / "settings.py"))
    assert (
        set(made["PROFILES"]) == set(PROFILES) == {path.stem for path in (ROOT / "config").glob("*.toml")} - {"default"}
    )
    preamble = (ROOT / "config" / "default.toml").read_text("utf-8").partition("\n\n")[0]
    for text in (made["HEAD"], preamble):
        assert {name for name in PROFILES if name not in text} == set()


def test_every_setting_has_a_line_in_the_page() -> None:
    from idp.runtime.settings import load_settings

    text = (ROOT / "docs" / "operate" / "settings.md").read_text("utf-8")
    settings = load_settings({})
    names = {
        f"{table}.{key}" for table in settings.__slots__ for key in getattr(getattr(settings, table), "__slots__", ())
    }
    assert len(names) > 30
    assert {name for name in names if f"`{name}`" not in text} == set()


def names_in(path: Path) -> set[str]:
    """Functions of a file, and methods with their class before them."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return found


def test_every_step_of_the_walks_is_in_the_code() -> None:
    steps = re.findall(r"`([\w/]+\.py):([\w.]+)`", (ROOT / "docs" / "walks.md").read_text("utf-8"))
    assert len(steps) > 40
    missing = [
        f"{file}:{name}"
        for file, name in steps
        if not (ROOT / "idp" / file).is_file() or name not in names_in(ROOT / "idp" / file)
    ]
    assert missing == []


def test_the_data_model_names_every_table_and_its_sealed_columns() -> None:
    text = (ROOT / "docs" / "understand" / "README.md").read_text("utf-8")
    rows = {row[0]: row[2] for row in re.findall(r"(?m)^\| `(\w+)` \| (.+?) \| (.*?) ?\| ", text)}
    declared = db.metadata.tables
    assert tables.PARTITIONED
    assert set(rows) == set(declared)
    for name, table in declared.items():
        sealed = {column.name for column in table.columns if column.name.endswith("_sealed")}
        assert set(re.findall(r"`(\w+_sealed)`", rows[name])) == sealed, name


def test_the_scopes_table_names_every_claim_of_every_scope() -> None:
    text = (ROOT / "docs" / "integrate" / "README.md").read_text("utf-8")
    said = {
        scope: set(re.findall(r"`(\w+)`", listed))
        for scope, listed in re.findall(r"(?m)^\| `(\w+)` \| (.+?) \|$", text)
    }
    assert {scope: said.get(scope) for scope in claims.SCOPE_CLAIMS} == {
        scope: set(names) for scope, names in claims.SCOPE_CLAIMS.items()
    }


def test_the_members_table_names_what_province_and_agency_agree_on() -> None:
    """Each member that only a trusted file sets; not what an invitation bounds, nor what the consoles alone write."""
    text = (ROOT / "docs" / "administer" / "README.md").read_text("utf-8")
    named = {name for row in re.findall(r"(?m)^\| (`.+?) \|", text) for name in re.findall(r"`(\w+)`", row)}
    elsewhere = {"invited_scopes", "invited_hosts", "environment", "secret_terms", "test_people"}
    assert {*service_registry.AGREED, "client_id", "sector", "agency_code"} - elsewhere <= named


# -- decisions -----------------------------------------------------------------------------------------------------


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=shown)
def test_a_decision_has_its_three_parts_and_is_short(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].startswith(f"# {path.name[:4]} ")
    assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Consequences"]
    assert len(lines) <= LONGEST_DECISION


# -- errors --------------------------------------------------------------------------------------------------------


def sentences_of(source: str) -> Iterator[str]:
    """Every text of three words or more in a module, docstrings apart; of an f-string its fixed parts."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            if node.value.strip().count(" ") >= 2:
                yield node.value.strip()


def test_every_error_description_is_explained_to_developers() -> None:
    page = one_line((ROOT / "docs" / "integrate" / "troubleshoot.md").read_text("utf-8"))
    files = [*sorted((ROOT / "idp" / "protocol").glob("*.py")), *(ROOT / name for name in SPEAKING)]
    said = {text: shown(path) for path in files for text in sentences_of(path.read_text("utf-8"))}
    assert len(said) > 50
    meant = {text: file for text, file in said.items() if text not in UNSAID and not BARE_PLACE.fullmatch(text)}
    assert {text: file for text, file in meant.items() if one_line(text) not in page} == {}


def test_sentences_are_found_in_plain_texts_and_in_f_strings() -> None:
    source = '"""A docstring of words."""\nraise X("it is wrong", f"{name} is too long by {more}", "short one")'
    assert list(sentences_of(source)) == ["it is wrong", "is too long by"]


def test_what_authlib_says_is_known_as_it_says_it() -> None:
    """We put Authlib's words into ours; a new release that words them anew must be seen here."""
    spec = importlib.util.find_spec("authlib.oauth2")
    assert spec is not None
    assert spec.origin is not None
    source = "".join(path.read_text("utf-8") for path in Path(spec.origin).parent.rglob("*.py"))
    said = re.sub(r'"\s+f?"', "", source)
    assert wording.OF_AUTHLIB
    assert [text for text in wording.OF_AUTHLIB if text not in said] == []


# -- whose machine -------------------------------------------------------------------------------------------------

_NOT_OURS = {".git", ".venv", "var", "__pycache__", "node_modules"}
_TEXTS = {"", ".cfg", ".css", ".html", ".in", ".ini", ".js", ".json", ".mako", ".md", ".po", ".py", ".sh", ".sql"}
_TEXTS |= {".svg", ".toml", ".txt", ".yaml", ".yml"}
# A folder of one machine, or the address of a package index: the first is of no use elsewhere, the second is not ours.
_OF_A_MACHINE = re.compile(
    r"(?<![\w.\-/])/(?:work|root|home/\w+|Users/\w+|mnt|workspace)/[\w.]|--(?:extra-)?index-url|--trusted-host"
    r"|https?://[\w.:-]*(?:pypi|pythonhosted|artifactory|nexus|devpi)[\w.:-]*"
)


def repository_texts() -> Iterator[Path]:
    stack = [ROOT]
    while stack:
        for path in sorted(stack.pop().iterdir()):
            cached = path.name.startswith(".") and path.name.endswith(("_cache", "hypothesis"))
            if path.name in _NOT_OURS or cached or path.name.endswith(".egg-info"):
                continue
            if path.is_dir():
                stack.append(path)
            elif path.suffix in _TEXTS and path != Path(__file__).resolve():
                yield path


def test_no_text_names_a_folder_of_a_machine_or_a_package_index() -> None:
    texts = list(repository_texts())
    assert {README, ROOT / "Makefile", ROOT / "requirements.txt"} <= set(texts)
    found = {}
    for path in texts:
        hits = [hit[0] for hit in _OF_A_MACHINE.finditer(path.read_text("utf-8", errors="replace"))]
        if hits:
            found[shown(path)] = hits
    assert found == {}


@pytest.mark.parametrize("text", ["see /work/x", "`/home/an/idp`", "--index-url x", "https://pypi.org/simple"])
def test_a_folder_of_a_machine_or_an_index_is_found(text: str) -> None:
    assert _OF_A_MACHINE.search(text)


@pytest.mark.parametrize("text", ["/etc/idp/idp.env", "docs/work/x", "http://localhost:8000/root"])
def test_paths_that_everybody_has_are_let_pass(text: str) -> None:
    assert not _OF_A_MACHINE.search(text)
