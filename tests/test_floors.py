"""The house holds its own rules: floors, wings, guarded names, short rooms; the lint finds each breach."""

from pathlib import Path

import pytest

from tests.floors import FLOORS, find_faults

ROOT = Path(__file__).resolve().parents[1]

HOUSE = {
    "idp/__init__.py": '"""The house."""\n',
    "idp/app.py": "from idp import storage, web\nfrom idp.cli import commands\nfrom flask import Flask\n",
    "idp/cli.py": "from idp.flows import sign_in\ncommands = sign_in\n",
    "idp/web/__init__.py": "from . import pages\n",
    "idp/web/pages.py": (
        "from flask import request\nfrom idp import storage\nfrom idp.flows import sign_in\n"
        "with storage.begin() as tx:\n    storage.grants.find_grant(tx)\n    storage.grants.Grant\n"
    ),
    "idp/flows/__init__.py": "",
    "idp/flows/sign_in.py": "from idp import domain, storage\nstorage.grants.insert_grant()\n",
    "idp/flows/sign_out.py": "from idp.domain import levels\n",
    "idp/protocol/__init__.py": "",
    "idp/protocol/server.py": "from authlib.oauth2 import rfc6749\nfrom idp.runtime.clock import Clock\n",
    "idp/storage/__init__.py": "from idp.storage import grants\nfrom idp.storage.database import begin\n",
    "idp/storage/database.py": "from sqlalchemy import select\n\ndef begin(c):\n    c.commit()\n",
    "idp/storage/grants.py": "from idp.domain import levels\nfrom idp.storage import database\n",
    "idp/domain/__init__.py": "from idp.domain import levels\n",
    "idp/domain/levels.py": "from datetime import date, datetime\nfrom uuid import UUID\nimport time\n",
    "idp/domain/passwords.py": "from passlib.hash import argon2\n",
    "idp/runtime/__init__.py": "",
    "idp/runtime/clock.py": "import secrets\nfrom datetime import datetime\ndatetime.now()\n",
}


def faults_with(tmp_path: Path, path: str, text: str) -> list[str]:
    """What the lint says of the small house above, when `text` is added to the file at `path`."""
    for name, content in {**HOUSE, path: HOUSE.get(path, "") + text}.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if content.startswith('"""') or not content else f'"""A room."""\n{content}')
    return find_faults(tmp_path)


def test_the_house_stands() -> None:
    assert find_faults(ROOT) == []


def test_every_floor_is_there() -> None:
    there = {path.stem for path in (ROOT / "idp").iterdir() if not path.stem.startswith("_")}
    assert set(FLOORS) == there


def test_a_house_in_order_has_no_faults(tmp_path: Path) -> None:
    assert faults_with(tmp_path, "idp/runtime/clock.py", "") == []


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("idp/storage/grants.py", "from idp import flows\n", "storage imports idp.flows, which is above it"),
        (
            "idp/storage/grants.py",
            "from ..web import pages\n",
            "storage imports idp.web.pages, which is above",
        ),
        ("idp/domain/levels.py", "import idp.storage.grants\n", "imports idp.storage.grants, which is above"),
        ("idp/runtime/clock.py", "def f():\n    from idp.app import x\n", "runtime imports idp.app.x"),
        (
            "idp/web/pages.py",
            "from idp.cli import commands\n",
            "web imports idp.cli.commands, which is above",
        ),
        ("idp/flows/sign_in.py", "from idp import protocol\n", "the wings of a floor do not see each other"),
        ("idp/protocol/server.py", "from ..flows.sign_in import x\n", "the wings of a floor"),
        ("idp/domain/levels.py", "from idp.runtime import clock\n", "the wings of a floor"),
        ("idp/runtime/clock.py", "from idp import domain\n", "the wings of a floor"),
        ("idp/annex/room.py", "x = 1\n", "idp/annex is no floor"),
        ("idp/flows/sign_out.py", "from idp.flows import sign_in\n", "one flow imports another"),
        ("idp/flows/sign_out.py", "from .sign_in import x\n", "one flow imports another"),
        ("idp/flows/sign_in.py", "import authlib.jose\n", "authlib is imported, which only idp.protocol may"),
        ("idp/web/pages.py", "from sqlalchemy import text\n", "sqlalchemy is imported"),
        ("idp/flows/sign_in.py", "import flask_sqlalchemy\n", "flask_sqlalchemy is imported"),
        ("idp/domain/levels.py", "import passlib.hash\n", "only idp.domain.passwords may"),
        ("idp/protocol/server.py", "import jwt\n", "jwt is imported, which only idp.runtime may"),
        ("idp/protocol/server.py", "from joserfc import jws\n", "joserfc is imported"),
        ("idp/storage/grants.py", "from cryptography.fernet import Fernet\n", "cryptography is imported"),
        ("idp/storage/grants.py", "import secrets\n", "secrets is imported"),
        ("idp/web/pages.py", "import requests\n", "requests is imported"),
        ("idp/web/pages.py", "from urllib import request as r\n", "urllib.request is imported"),
        ("idp/web/pages.py", "import http.client\n", "http.client is imported"),
        ("idp/flows/sign_in.py", "from flask import g\n", "flask is imported"),
        ("idp/domain/levels.py", "from flask_babel import gettext\n", "flask_babel is imported"),
        ("idp/cli.py", "from tests import doubles\n", "which only no room of idp may"),
        ("idp/domain/levels.py", "datetime.now()\n", "datetime.datetime.now is used"),
        ("idp/domain/levels.py", "import datetime as d\nd.datetime.utcnow()\n", "datetime.datetime.utcnow"),
        ("idp/domain/levels.py", "date.today()\n", "datetime.date.today is used"),
        (
            "idp/domain/levels.py",
            "from datetime import datetime as when\nx = when.now\n",
            "datetime.now is used",
        ),
        ("idp/domain/levels.py", "time.time()\n", "time.time is used"),
        ("idp/flows/sign_in.py", "from time import time\n", "time.time is used"),
        ("idp/storage/grants.py", "import uuid\nuuid.uuid4()\n", "uuid.uuid4 is used"),
        ("idp/storage/grants.py", "from uuid import uuid7 as new\n", "uuid.uuid7 is used"),
        ("idp/web/pages.py", "import os\nos.urandom(8)\n", "os.urandom is used"),
        ("idp/web/pages.py", "storage.grants.end_grant()\n", "a page calls idp.storage.grants.end_grant"),
        (
            "idp/web/pages.py",
            "from idp.storage.grants import use_grant\nuse_grant()\n",
            "a page calls idp.storage.grants.use_grant",
        ),
        ("idp/flows/sign_in.py", "def f(tx):\n    tx.commit()\n", "commits"),
        ("idp/storage/grants.py", "def f(c):\n    c.connection.commit()\n", "commits"),
        (
            "idp/storage/grants.py",
            "from sqlalchemy.orm import relationship\nx = relationship()\n",
            "queries join",
        ),
        ("idp/storage/grants.py", "import sqlalchemy.orm as o\nx = o.relationship()\n", "queries join"),
        ("idp/storage/grants.py", "x = database.db.session\n", "db.session"),
        ("idp/storage/grants.py", "from idp.storage.database import db\ndb.session.add(1)\n", "db.session"),
        ("idp/__init__.py", "VERSION = 1\n", "holds its docstring and nothing else"),
        ("idp/web/helpers.py", "x = 1\n", "a module named helpers says nothing"),
        ("idp/web/common/words.py", "x = 1\n", "a module named common says nothing"),
        ("idp/web/long.py", "x = 1\n" * 351, "the file has 352 lines"),
        ("idp/web/long.py", "def f():\n" + "    x = 1\n" * 60, "f has 61 lines"),
        ("idp/domain/levels.py", "from idp.domain import passwords\n", ""),
    ],
)
def test_the_lint_finds(tmp_path: Path, path: str, text: str, fault: str) -> None:
    faults = faults_with(tmp_path, path, text)
    if not fault:
        assert faults == []
    else:
        assert any(said.startswith(path) and fault in said for said in faults), faults


def test_the_lint_finds_a_file_without_a_first_sentence(tmp_path: Path) -> None:
    faults_with(tmp_path, "idp/runtime/clock.py", "")
    (tmp_path / "idp" / "web" / "pages.py").write_text("x = 1\n")
    assert find_faults(tmp_path) == ["idp/web/pages.py:1: the file does not open with a sentence of what it is"]


@pytest.mark.parametrize(
    ("added", "circle"),
    [
        (
            {"idp/storage/database.py": "from idp.storage import grants\n"},
            "idp.storage.database -> idp.storage",
        ),
        ({"idp/storage/grants.py": "from idp.storage import begin\n"}, "idp.storage -> idp.storage.grants"),
        ({"idp/cli.py": "def f():\n    from idp import app\n"}, "idp.app -> idp.cli -> idp.app"),
    ],
)
def test_the_lint_finds_circles(tmp_path: Path, added: dict[str, str], circle: str) -> None:
    ((path, text),) = added.items()
    faults = faults_with(tmp_path, path, text)
    assert any(said.startswith("a circle of imports: ") and circle in said for said in faults), faults


def test_what_must_be_long_says_why(tmp_path: Path) -> None:
    text = '"""Every table.\n\nLong because a schema is read as a whole.\n"""\n' + "x = 1\n" * 400
    assert faults_with(tmp_path, "idp/storage/tables.py", text) == []
    body = "def f():\n    # Long because it is one table.\n" + "    x = 1\n" * 80
    assert faults_with(tmp_path, "idp/storage/tables.py", body) == []
