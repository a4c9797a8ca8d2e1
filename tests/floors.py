"""The lint of the house: reads every file of idp/ as a syntax tree and tells where a rule is broken.

It reads what is written, not what runs: an import inside a function or under TYPE_CHECKING is an import too.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

LONGEST_FILE, LONGEST_FUNCTION = 350, 60
FLOORS = {
    "app": 5,
    "cli": 5,
    "web": 4,
    "flows": 3,
    "protocol": 3,
    "storage": 2,
    "domain": 1,
    "runtime": 1,
}
_FLASK, _SQL, _RUNTIME = ("idp.web", "idp.app", "idp.cli"), ("idp.storage",), ("idp.runtime",)
# Package or module -> the rooms that may import it.
GUARDED_IMPORTS: Mapping[str, tuple[str, ...]] = {
    "authlib": ("idp.protocol",),
    **dict.fromkeys(("flask", "flask_babel", "flask_bootstrap", "flask_wtf"), _FLASK),
    "flask_migrate": (*_SQL, "idp.app", "idp.cli"),
    **dict.fromkeys(("sqlalchemy", "flask_sqlalchemy", "alembic", "psycopg", "sqlite3"), _SQL),
    **dict.fromkeys(("passlib", "argon2", "zxcvbn"), ("idp.domain.passwords",)),
    **dict.fromkeys(("webauthn", "pyotp", "segno"), _RUNTIME),
    **dict.fromkeys(("jwt", "joserfc", "cryptography", "asn1crypto", "secrets", "random", "uuid_utils"), _RUNTIME),
    **dict.fromkeys(("requests", "httpx", "urllib3", "aiohttp", "http.client", "urllib.request"), _RUNTIME),
    **dict.fromkeys(("socket", "ssl", "smtplib"), _RUNTIME),
    **dict.fromkeys(("tests", "demo", "bench", "migrations"), ()),
}
# What asks for the time or draws by chance; the modules they stand in may be imported for their types.
GUARDED_NAMES = frozenset(
    {
        *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
        "datetime.date.today",
        *(f"time.{name}" for name in ("time", "time_ns", "localtime", "gmtime")),
        *(f"uuid.uuid{version}" for version in (1, 4, 6, 7, 8)),
        "os.urandom",
    }
)
NO_NAMES = frozenset({"util", "utils", "helper", "helpers", "common", "manager", "managers", "base"})
_READS = ("find_", "list_", "count_")


@dataclass(frozen=True)
class Module:
    """One file: its dotted name, its text, and where it stands."""

    name: str
    path: str
    text: str
    is_package: bool

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def room(self) -> str:
        """The floor's folder or file: 'storage' for idp.storage.grants, '' for idp itself."""
        return self.name.split(".")[1] if "." in self.name else ""

    def is_in(self, rooms: tuple[str, ...]) -> bool:
        return any(self.name == room or self.name.startswith(f"{room}.") for room in rooms)

    @cached_property
    def imports(self) -> list[tuple[int, str, str]]:
        """(line, dotted target, name it goes by here), relative imports resolved."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    here = alias.asname or alias.name.partition(".")[0]
                    found.append((node.lineno, alias.name, here))
            elif isinstance(node, ast.ImportFrom):
                source = self._source_of(node)
                found += [(node.lineno, f"{source}.{alias.name}", alias.asname or alias.name) for alias in node.names]
        return found

    def _source_of(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        above = parts[: len(parts) - node.level + self.is_package]
        return ".".join([*above, *([node.module] if node.module else [])])

    @cached_property
    def mentions(self) -> list[tuple[int, str]]:
        """(line, dotted name) of all names and attributes, as far as imports tell what they are."""
        known = {here: target if here != target.partition(".")[0] else here for _, target, here in self.imports}
        known |= {here: target for _, target, here in self.imports if target.endswith(f".{here}")}
        found = []
        for node in ast.walk(self.tree):
            dotted = _dotted(node) if isinstance(node, ast.Name | ast.Attribute) else ""
            root, dot, rest = dotted.partition(".")
            if dotted:
                found.append((node.lineno, known.get(root, root) + dot + rest))  # type: ignore[attr-defined]
        return found


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        value = _dotted(node.value)
        return f"{value}.{node.attr}" if value else ""
    return ""


def read_tree(root: Path) -> list[Module]:
    """Every Python file under root/idp."""
    modules = []
    for path in sorted((root / "idp").rglob("*.py")):
        relative = path.relative_to(root)
        is_package = path.stem == "__init__"
        parts = relative.parent.parts if is_package else relative.with_suffix("").parts
        modules.append(Module(".".join(parts), str(relative), path.read_text("utf-8"), is_package))
    return modules


def find_faults(root: Path) -> list[str]:
    """One line for each broken rule; an empty list is a house in order."""
    modules = read_tree(root)
    names = {module.name for module in modules}
    faults = [
        f"{module.path}:{line}: {fault}"
        for module in modules
        for rule in RULES
        for line, fault in sorted(set(rule(module)))
    ]
    return faults + [f"a circle of imports: {' -> '.join(circle)}" for circle in find_circles(modules, names)]


Faults = Iterator[tuple[int, str]]


def imports_only_downward(module: Module) -> Faults:
    if module.room and module.room not in FLOORS:
        yield 1, f"idp/{module.room} is no floor of the house"
        return
    for line, target, _ in module.imports:
        room = target.split(".")[1] if target.startswith("idp.") else ""
        if room not in FLOORS or room == module.room or {room, module.room} == {"app", "cli"}:
            continue
        if FLOORS[room] > FLOORS.get(module.room, 0):
            yield line, f"{module.room or 'idp'} imports {target}, which is above it"
        elif FLOORS[room] == FLOORS[module.room]:
            yield line, f"{module.room} imports {target}: the wings of a floor do not see each other"


def flows_call_no_flows(module: Module) -> Faults:
    deed = module.name.split(".")[2:3]
    for line, target, _ in module.imports:
        if deed and module.room == "flows" and target.startswith("idp.flows."):
            if target.split(".")[2:3] != deed:
                yield line, f"one flow imports another: {target}"


def guarded_imports_stay_in_their_room(module: Module) -> Faults:
    for line, target, _ in module.imports:
        for guarded, rooms in GUARDED_IMPORTS.items():
            if (target == guarded or target.startswith(f"{guarded}.")) and not module.is_in(rooms):
                where = " and ".join(rooms) or "no room of idp"
                yield line, f"{guarded} is imported, which only {where} may"


def time_and_chance_come_from_the_runtime(module: Module) -> Faults:
    if not module.is_in(_RUNTIME):
        imported = [(line, target) for line, target, _ in module.imports]
        for line, name in [*imported, *module.mentions]:
            if name in GUARDED_NAMES:
                yield line, f"{name} is used, which only idp.runtime may"


def the_web_changes_nothing_in_storage(module: Module) -> Faults:
    if module.room != "web":
        return
    for line, name in module.mentions:
        parts = name.split(".")
        if parts[:2] == ["idp", "storage"] and len(parts) == 4 and parts[2] != "database":
            if parts[3].islower() and not parts[3].startswith(_READS):
                yield line, f"a page calls {name}: pages read storage, flows and protocol change it"


def only_the_door_commits(module: Module) -> Faults:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            if module.name != "idp.storage.database":
                yield node.lineno, "commits: whoever is called from outside opens the door, and it commits"


def rows_are_no_objects(module: Module) -> Faults:
    for line, name in module.mentions:
        last = name.split(".")[-2:]
        if last[-1] == "relationship":
            yield line, "relationship(): tables hold columns, queries join"
        if last == ["db", "session"]:
            yield line, "db.session: rows move by select, insert and update in a transaction"


def the_house_itself_is_empty(module: Module) -> Faults:
    if module.name == "idp" and (len(module.tree.body) != 1 or not ast.get_docstring(module.tree)):
        yield 1, "idp/__init__.py holds its docstring and nothing else"


def modules_have_names_that_say_something(module: Module) -> Faults:
    for part in module.name.split("."):
        if part in NO_NAMES:
            yield 1, f"a module named {part} says nothing of what it does"


def modules_open_with_a_sentence(module: Module) -> Faults:
    if module.text.strip() and not ast.get_docstring(module.tree):
        yield 1, "the file does not open with a sentence of what it is"


def files_and_functions_are_short(module: Module) -> Faults:
    lines = module.text.splitlines()
    opening = (ast.get_docstring(module.tree) or "") + "\n".join(lines[:20])
    if len(lines) > LONGEST_FILE and not _is_excused(opening):
        yield 1, f"the file has {len(lines)} lines (at most {LONGEST_FILE}, unless it says 'Long because …')"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            own = lines[node.lineno - 1 : node.end_lineno]
            if len(own) > LONGEST_FUNCTION and not _is_excused("\n".join(own)):
                yield node.lineno, f"{node.name} has {len(own)} lines (at most {LONGEST_FUNCTION})"


def _is_excused(text: str) -> bool:
    return re.search(r"\bLong because\b", text) is not None


RULES: tuple[Callable[[Module], Faults], ...] = (
    imports_only_downward,
    flows_call_no_flows,
    guarded_imports_stay_in_their_room,
    time_and_chance_come_from_the_runtime,
    the_web_changes_nothing_in_storage,
    only_the_door_commits,
    rows_are_no_objects,
    the_house_itself_is_empty,
    modules_have_names_that_say_something,
    modules_open_with_a_sentence,
    files_and_functions_are_short,
)


def find_circles(modules: list[Module], names: set[str]) -> list[list[str]]:
    """Each circle of imports that a walk over the modules meets, as the modules along it."""
    follows = {module.name: sorted(_imported(module, names)) for module in modules}
    done: set[str] = set()
    circles: list[list[str]] = []

    def walk(name: str, path: list[str]) -> None:
        if name in path:
            circles.append([*path[path.index(name) :], name])
        elif name not in done:
            for following in follows[name]:
                walk(following, [*path, name])
            done.add(name)

    for name in sorted(follows):
        walk(name, [])
    return circles


def _imported(module: Module, names: set[str]) -> set[str]:
    """The modules of the house that this one names; `from x import y` means x.y, if that is one."""
    found = set()
    for _, target, _ in module.imports:
        package = target.rpartition(".")[0]
        found |= {target} & names or {package} & names
    return found - {module.name}
