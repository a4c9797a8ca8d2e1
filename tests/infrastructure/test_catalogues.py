"""The catalogues are whole: every text of the pages is in them, translated, and compiled as it stands."""

from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

WEB = Path(__file__).resolve().parents[2] / "idp" / "web"
# English has none: the texts in the code are English.
CATALOGUES = sorted((WEB / "translations").glob("*/LC_MESSAGES/messages.po"))


def test_vietnamese_has_a_catalogue() -> None:
    assert "vi" in {path.parts[-3] for path in CATALOGUES}


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_every_text_of_the_pages_is_translated(path: Path) -> None:
    with (WEB / "translations" / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    said = {found[2] for found in extract_from_dir(WEB, methods, options)}
    with path.open("rb") as file:
        catalogue = read_po(file)
    translated = {message.id for message in catalogue if message.id and all(_forms(message.string))}
    assert said - translated == set(), "run `make translations` and translate what is new"
    assert {message.id for message in catalogue if message.id} - said == set(), "run `make translations`"
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_the_compiled_catalogue_says_the_same(path: Path) -> None:
    with path.open("rb") as source, path.with_suffix(".mo").open("rb") as compiled:
        one, other = read_po(source), read_mo(compiled)
    assert {message.id: message.string for message in one if message.id} == {
        message.id: message.string for message in other if message.id
    }, "run `make translations`"


def _forms(string: object) -> tuple[object, ...]:
    """The translations of one text: several, if it has a plural."""
    return tuple(string) if isinstance(string, list | tuple) else (string,)
