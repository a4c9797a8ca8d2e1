"""`flask agencies` and `flask officers`: the tree with the 99 communes, the first administrator, break-glass."""

import pytest
from flask import Flask

from idp.web.given import runtime_of
from tests.cli.conftest import Type
from tests.rows import events, rows_of

ROOT = ("agencies", "save", "--code", "H05", "--name", "Ủy ban nhân dân tỉnh Bắc Ninh")
ADMIN = ("officers", "create-admin", "--code", "quan.tri", "--name", "Lê Quản Trị", "--number", "098080000011")


def test_the_communes_stand_under_the_province_once(sqlite_app: Flask, type_in: Type) -> None:
    type_in(*ROOT)
    for _ in range(2):
        done = type_in("agencies", "load-communes", "--under", "H05")
        assert (done.exit_code, done.output) == (0, "99 communes stand under H05.\n")
    with sqlite_app.app_context():
        rows = rows_of("agencies")
    [root] = [row for row in rows if row.code == "H05"]
    communes = [row for row in rows if row.parent_id == root.id]
    assert (len(rows), len(communes)) == (100, 99)
    assert all(row.name_vi.startswith(("Ủy ban nhân dân xã ", "Ủy ban nhân dân phường ")) for row in communes)
    listed = type_in("agencies", "list").output.splitlines()
    assert listed[0].startswith("H05  ") and all(line.startswith("  H05.") for line in listed[1:])


def test_a_unit_moves_and_keeps_its_former_codes_and_is_never_below_itself(sqlite_app: Flask, type_in: Type) -> None:
    type_in(*ROOT)
    child = ("agencies", "save", "--code", "H05.14", "--name", "Sở Tư pháp", "--parent", "H05")
    assert type_in(*child, "--former-code", "000.14.05.H05").exit_code == 0
    assert type_in(*child, "--former-code", "H05.99").exit_code == 0
    circle = type_in(*ROOT, "--parent", "H05.14")
    assert circle.exit_code == 1
    with sqlite_app.app_context():
        [row] = [row for row in rows_of("agencies") if row.code == "H05.14"]
    assert row.aliases == ["000.14.05.H05", "H05.99"]


@pytest.mark.parametrize("code", ["", "h", "H05..1", "X" * 40])
def test_a_code_that_is_none_is_refused(type_in: Type, code: str) -> None:
    assert type_in("agencies", "save", "--code", code, "--name", "x").exit_code == 1
    assert type_in("agencies", "load-communes", "--under", code).exit_code == 1


def test_the_first_administrator_gets_a_code_on_paper(sqlite_app: Flask, type_in: Type) -> None:
    assert type_in(*ADMIN, "--agency", "H05").exit_code == 1, "there is no such unit yet"
    type_in(*ROOT)
    done = type_in(*ADMIN, "--agency", "H05")
    assert done.exit_code == 0
    assert "/admin/enrol" in done.output and "Code on paper: " in done.output
    assert type_in(*ADMIN, "--agency", "H05").exit_code == 1, "the code is taken"
    with sqlite_app.app_context():
        assert events()["officer.created"] == events()["officer.assigned"] == 1
        assert [row.role for row in rows_of("assignments")] == ["system_administrator"]


def test_a_transfer_ends_all_that_an_officer_is(sqlite_app: Flask, type_in: Type) -> None:
    type_in(*ROOT)
    type_in(*ADMIN, "--agency", "H05")
    assert type_in("officers", "end", "--code", "quan.tri").output == "Ended 1 assignments of quan.tri.\n"
    with sqlite_app.app_context():
        assert all(row.ended_at for row in rows_of("assignments"))
    assert type_in("officers", "print-code", "--code", "quan.tri").exit_code == 0
    assert type_in("officers", "print-code", "--code", "khong.co").exit_code == 1


def test_break_glass_is_written_down_and_ends(sqlite_app: Flask, type_in: Type) -> None:
    type_in(*ROOT)
    words = ("--code", "truc.dem", "--name", "Vũ Trực Đêm", "--number", "098080000099", "--agency", "H05")
    assert type_in("officers", "create", *words, "--role", "help_desk").exit_code == 0
    given = ("officers", "break-glass", "--code", "truc.dem", "--agency", "H05", "--reason")
    assert type_in(*given, " ").exit_code == 1
    assert type_in(*given, "nobody answers").exit_code == 0
    with sqlite_app.app_context():
        [row] = [row for row in rows_of("assignments") if row.role == "system_administrator"]
        assert row.granted_by == "break-glass"
        assert (row.valid_until - runtime_of(sqlite_app).today).days == 1
        assert events()["officer.break_glass"] == 1
