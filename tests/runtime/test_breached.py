"""Stolen passwords are found in a sorted file of any length, and only those."""

import hashlib
from pathlib import Path

import pytest
from flask import Flask

from idp.domain.refusals import Refusal
from idp.flows.registration import hash_new_password
from idp.runtime.breached import Breached
from idp.runtime.settings import WrongSetting


def line(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()


def a_list(folder: Path, *passwords: str, count: str = ":7", end: str = "\n") -> Breached:
    lines = sorted(line(password) + count for password in passwords)
    (folder / "list.txt").write_text("\n".join(lines) + end)
    return Breached("list.txt", folder)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 257])
@pytest.mark.parametrize(("count", "end"), [("", "\n"), (":12345", "\n"), (":1", "")])
def test_each_is_found_and_no_other(tmp_path: Path, size: int, count: str, end: str) -> None:
    passwords = [f"mat khau so {number}" for number in range(size)]
    found = a_list(tmp_path, *passwords, count=count, end=end)
    assert all(found.contains(password) for password in passwords)
    assert not any(found.contains(f"{password}?") for password in passwords)


def test_small_letters_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{line('a').lower()}:1\n")
    assert Breached("list.txt", tmp_path).contains("a")


def test_without_a_file_nothing_is_in_it(tmp_path: Path) -> None:
    assert not Breached("", tmp_path).contains("a")


@pytest.mark.parametrize("text", ["", "mat khau\n", "0" * 39, "G" * 40])
def test_a_file_of_anything_else_refuses_to_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(WrongSetting, match=r"passwords\.breach_file"):
        Breached("list.txt", tmp_path)
    with pytest.raises(WrongSetting, match=r"passwords\.breach_file"):
        Breached("khong-co.txt", tmp_path)


def test_nobody_chooses_one(make_app: object, sqlite_url: str, tmp_path: Path) -> None:
    stolen = "cay da ben nuoc san dinh"
    a_list(tmp_path, stolen)
    app: Flask = make_app(sqlite_url, IDP_PASSWORDS_BREACH_FILE=str(tmp_path / "list.txt"))  # type: ignore[operator]
    with app.app_context():
        with pytest.raises(Refusal) as refused:
            hash_new_password(app.extensions["idp"], stolen)
        assert refused.value.code == "invalid_password"
        hash_new_password(app.extensions["idp"], f"{stolen} khac")
