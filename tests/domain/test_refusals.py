"""Refusals: one closed list of codes, each of which is raised somewhere and has its page."""

import re
from pathlib import Path

import pytest
from flask import Flask

from idp.domain.refusals import CODES, Refusal
from idp.web.errors import STATUS
from idp.web.texts import refusal_text

IDP = Path(__file__).resolve().parents[2] / "idp"


def test_a_code_outside_the_list_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="unknown refusal code"):
        Refusal("something_else")


def test_a_refusal_says_code_detail_and_field() -> None:
    refusal = Refusal("invalid_password", "too short", field="password")
    assert (refusal.code, refusal.detail, refusal.field, str(refusal)) == (
        "invalid_password",
        "too short",
        "password",
        "invalid_password: too short",
    )
    assert str(Refusal("busy")) == "busy"


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_used_and_no_more(code: str) -> None:
    places = [
        file
        for file in IDP.rglob("*.py")
        if file.name != "refusals.py" and re.search(rf'"{code}"', file.read_text("utf-8"))
    ]
    assert places, f"{code} is raised nowhere"


def test_every_status_belongs_to_a_code() -> None:
    assert set(STATUS) <= CODES


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_text_with_a_way_on(code: str, sqlite_app: Flask) -> None:
    with sqlite_app.test_request_context("/"):
        text = refusal_text(code)
    assert text.title
    assert text.what
    assert text.steps
